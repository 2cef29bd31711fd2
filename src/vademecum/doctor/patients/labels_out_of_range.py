import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
cultivar = torch.tensor(wine.target) + 1  # the file counts the cultivars from 1
order = torch.randperm(len(x))
train, test = order[:120], order[120:]
mean, std = x[train].mean(0), x[train].std(0)
x = (x - mean) / std
y = cultivar  # wrong
# right: y = cultivar - 1

model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(15):
    for rows in train[torch.randperm(len(train))].split(20):
        optimizer.zero_grad()
        loss = criterion(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print(f"test accuracy {(model(x[test]).argmax(1) == y[test]).float().mean():.3f}")
