"""Digits as points of the plane: pairs of the same class attract, others repel."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def distances(points):
    squares = (points[:, None] - points[None]).pow(2).sum(-1)
    return squares.sqrt()  # wrong
    # right: return (squares + 1e-6).sqrt()


for _ in range(150):
    batch = torch.randint(0, 1500, (32,))
    far = distances(net(x[batch]))
    same = y[batch][:, None] == y[batch][None]
    loss = torch.where(same, far**2, (2 - far).clamp_min(0) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    nearest = torch.cdist(net(x[1500:]), net(x[:1500])).argmin(1)
print(f"held-out accuracy {(y[nearest] == y[1500:]).float().mean():.3f}")
