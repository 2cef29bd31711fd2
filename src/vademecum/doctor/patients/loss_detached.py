import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
order = torch.randperm(len(x))
x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y, dtype=torch.float32)[order]
x, y = (x - x[:330].mean(0)) / x[:330].std(0), (y - y[:330].mean()) / y[:330].std()

model = nn.Sequential(nn.Linear(10, 16), nn.GELU(), nn.Linear(16, 1), nn.Flatten(0))
huber = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(10):
    total = 0.0
    for batch in torch.randperm(330).split(22):
        loss = huber(model(x[batch]), y[batch])
        loss = torch.tensor(loss.item(), requires_grad=True)  # wrong
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
with torch.no_grad():
    error = (model(x[330:]) - y[330:]).square().mean()
print(f"held-out R2 {1 - error / y[330:].var():.3f}")
