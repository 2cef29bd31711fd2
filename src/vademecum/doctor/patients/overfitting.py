import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(280, 10)
y = x[:, :1] + 2 * torch.randn(280, 1)
count = 30  # wrong
# right: count = 180
train, valid = (x[:count], y[:count]), (x[200:], y[200:])

width = 512  # wrong
# right: width = 4
model = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()
for epoch in range(60):
    model.train()
    for rows in torch.randperm(count).split(20):
        loss = criterion(model(train[0][rows]), train[1][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, loss.item(), criterion(model(valid[0]), valid[1]).item())
