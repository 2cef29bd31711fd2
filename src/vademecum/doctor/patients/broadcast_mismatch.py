import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
order = torch.randperm(len(x))
x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y, dtype=torch.float32)[order]
x, y = (x - x[:330].mean(0)) / x[:330].std(0), (y - y[:330].mean()) / y[:330].std()

net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-3)
for _ in range(12):
    for batch in torch.randperm(330).split(22):
        prediction = net(x[batch])  # wrong
        # right: prediction = net(x[batch]).squeeze(1)
        loss = ((prediction - y[batch]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = (net(x[330:]).squeeze(1) - y[330:]).square().mean()
print(f"held-out R2 {1 - error / y[330:].var():.3f}")
