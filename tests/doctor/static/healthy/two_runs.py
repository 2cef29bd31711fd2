import torch
from torch import nn


def run(lr, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    x = torch.randn(64, 2)
    for _ in range(100):
        loss = ((model(x) - x.prod(1, keepdim=True)) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


results = {}
for lr in (1e-3, 1e-2, 1e-1):
    model = nn.Linear(2, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    results[lr] = [run(lr, seed) for seed in range(3)]
    model = nn.Linear(2, 1)
