import torch
from torch import nn

torch.manual_seed(0)
t = torch.linspace(-1, 1, 200)[:, None]
target = torch.sin(6 * t)
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=20)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(t), target)
    loss.backward()
    return loss


for round_ in range(20):
    loss = optimizer.step(closure)
