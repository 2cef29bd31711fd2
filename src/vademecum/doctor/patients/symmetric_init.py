import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)


def init(module):
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.02)  # wrong
        # right: nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
model.apply(init)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(5):
    for batch in torch.randperm(1400).split(50):
        loss = F.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
