import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = (torch.tensor(part, dtype=torch.float32) for part in load_diabetes(return_X_y=True))
x = (x - x[:350].mean(0)) / x[:350].std(0)
y = ((y - y[:350].mean()) / y[:350].std())[:, None]
loader = DataLoader(TensorDataset(x[:350], y[:350]), batch_size=25, shuffle=True)

net = nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 1))
criterion = nn.HuberLoss()
optim = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)


def train_step(inputs, targets):
    # right: optim.zero_grad()
    loss = criterion(net(inputs), targets)
    loss.backward()
    optim.zero_grad()  # wrong
    optim.step()
    return loss.item()


for _ in range(15):
    losses = [train_step(a, b) for a, b in loader]
with torch.no_grad():
    print("train", losses[-1], "held-out", criterion(net(x[350:]), y[350:]).item())
