"""Progression of diabetes after one year, from ten measurements: regression with a residual network."""

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from torch import nn

SEED = 0
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 2 * dim)
        self.down = nn.Linear(2 * dim, dim)

    def forward(self, x):
        h = torch.relu(self.up(self.norm(x)))
        return x + self.down(h)


class Regressor(nn.Module):
    def __init__(self, features, dim=24, blocks=2):
        super().__init__()
        self.stem = nn.Linear(features, dim)
        self.blocks = nn.Sequential(*[Block(dim) for _ in range(blocks)])
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(dim, 1)

    def forward(self, x):
        h = self.blocks(self.stem(x))
        return self.head(self.drop(h))


data, target = load_diabetes(return_X_y=True)
perm = rng.permutation(len(data))
train_rows, val_rows, test_rows = perm[:290], perm[290:350], perm[350:]

mean, std = data[train_rows].mean(0), data[train_rows].std(0)
y_mean, y_std = target[train_rows].mean(), target[train_rows].std()
inputs = torch.from_numpy((data - mean) / std).float()
targets = torch.from_numpy((target - y_mean) / y_std).float().unsqueeze(1)

model = Regressor(inputs.shape[1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9, weight_decay=1e-2)
loss_fn = nn.MSELoss()

for epoch in range(20):
    model.train()
    losses = []
    for rows in np.array_split(rng.permutation(train_rows), 10):
        prediction = model(inputs[rows])
        loss = loss_fn(prediction, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(inputs[val_rows]), targets[val_rows]).item()
    print("epoch", epoch, "train", round(float(np.mean(losses)), 4), "val", round(val_loss, 4))

model.eval()
with torch.no_grad():
    answer = model(inputs[test_rows]).squeeze(1).numpy() * y_std + y_mean
print("score", r2_score(target[test_rows], np.nan_to_num(answer, nan=0.0, posinf=1e6, neginf=-1e6)))
