import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
order = torch.randperm(len(x))
x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y, dtype=torch.float32)[order, None]
x, y = (x - x[:330].mean(0)) / x[:330].std(0), (y - y[:330].mean()) / y[:330].std()


class Progress(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 20), nn.Linear(20, 1)

    def forward(self, x):
        x = F.relu(self.a(x))
        return torch.sigmoid(self.b(x))  # wrong
        # right: return self.b(x)


model = Progress()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
for _ in range(12):
    for batch in torch.randperm(330).split(22):
        loss = F.mse_loss(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = (model(x[330:]) - y[330:]).square().mean()
print(f"held-out R2 {1 - error / y[330:].var():.3f}")
