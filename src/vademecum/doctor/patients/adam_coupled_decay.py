import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = (torch.tensor(part, dtype=torch.float32) for part in load_diabetes(return_X_y=True))
x = (x - x[:350].mean(0)) / x[:350].std(0)
y = ((y - y[:350].mean()) / y[:350].std())[:, None]

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-2)  # wrong
# right: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
for _ in range(20):
    for rows in torch.randperm(350).split(35):
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("held-out", nn.functional.mse_loss(model(x[350:]), y[350:]).item())
