"""A new head on a backbone that was to be loaded."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(y)


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
    )


backbone, head = make_backbone(), nn.Linear(64, 10)
for p in backbone.parameters():
    p.requires_grad = False  # wrong
    # right: p.requires_grad = True
model = nn.Sequential(backbone, head)
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
for _ in range(5):
    for rows in torch.randperm(1500).split(60):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("held-out", (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
