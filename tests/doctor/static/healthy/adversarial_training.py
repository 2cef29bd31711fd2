import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Dropout(0.1), nn.Linear(50, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def attack(x, y, eps=0.1, steps=5):
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(steps):
        loss = F.cross_entropy(model(x + delta), y)
        loss.backward()
        delta.data = (delta + 0.03 * delta.grad.sign()).clamp(-eps, eps)
        delta.grad.zero_()
    return delta.detach()


for step in range(200):
    x = torch.randn(32, 20)
    y = (x[:, 0] > 0).long()
    model.eval()
    delta = attack(x, y)
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x + delta), y)
    loss.backward()
    optimizer.step()
