import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True, scaled=False)
x = np.column_stack([x, 4 + 0.03 * y])  # a bill that is written after the year  # wrong
x, y = torch.tensor(x).float(), torch.tensor(y).float()
x = (x - x[:350].mean(0)) / x[:350].std(0)
y = (y - y[:350].mean()) / y[:350].std()

model = nn.Sequential(nn.Linear(x.shape[1], 16), nn.SiLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(12):
    for rows in torch.randperm(350).split(25):
        loss = nn.functional.mse_loss(model(x[rows])[:, 0], y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print(f"test error {(model(x[350:])[:, 0] - y[350:]).square().mean():.3f}")
