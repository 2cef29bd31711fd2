import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x).float() / 16, torch.tensor(y)


def init(layer):
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(layer.bias, std=8.0)  # wrong
        # right: nn.init.zeros_(layer.bias)


net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
net.apply(init)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for _ in range(6):
    for rows in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print(f"accuracy {(net(x[1500:]).argmax(1) == y[1500:]).float().mean():.3f}")
