import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(y))
x, y = x[order], y[order]
x = (x - x[:120].mean(0)) / x[:120].std(0)

net = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 3))
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)


@torch.no_grad()
def accuracy(rows):
    # right: net.eval()
    hits = (net(x[rows]).argmax(1) == y[rows]).float().mean().item()
    # right: net.train()
    return hits


for epoch in range(10):
    for rows in torch.randperm(120).split(12):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item(), accuracy(slice(120, None)))
