"""Prices of made-up houses with an uncertainty: a network that outputs a mean and a variance."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def simulate(n):
    area = rng.uniform(30, 250, n)  # m^2
    age = rng.uniform(0, 80, n)  # years
    rooms = np.round(area / 28 + rng.normal(0, 0.7, n)).clip(1)
    distance = rng.gamma(2.0, 3000.0, n)  # m to the center
    noise_level = rng.uniform(0.03, 0.35, n)
    price = 2500 * area * np.exp(-distance / 12000) * (1 - 0.004 * age) + 9000 * rooms
    price = price * (1 + noise_level * rng.normal(0, 1, n))
    return np.stack([area, age, rooms, distance, noise_level], 1).astype("float32"), price.astype("float32")


features, price = simulate(1500)
n_train, n_val = 1000, 200
center, spread = features[:n_train].mean(0), features[:n_train].std(0)
features = (features - center) / spread
price_mean, price_std = price[:n_train].mean(), price[:n_train].std()
target = (price - price_mean) / price_std

features, target = torch.tensor(features), torch.tensor(target)
x_train, x_val, x_test = features[:n_train], features[n_train : n_train + n_val], features[n_train + n_val :]
y_train, y_val, y_test = target[:n_train], target[n_train : n_train + n_val], target[n_train + n_val :]


class MeanVariance(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.mean_head = nn.Linear(width, 1)
        self.var_head = nn.Linear(width, 1)

    def forward(self, x):
        h = self.body(x)
        mean = self.mean_head(h).squeeze(1)
        var = F.softplus(self.var_head(h)).squeeze(1) + 1e-4
        return mean, var


model = MeanVariance()
nll = nn.GaussianNLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)

for epoch in range(25):
    model.train()
    order = torch.randperm(n_train)
    epoch_nll = 0.0
    for i in range(0, n_train, 50):
        rows = order[i : i + 50]
        mean, var = model(x_train[rows])
        loss = nll(mean, y_train[rows], var)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        epoch_nll += loss.item() * len(rows)
    model.eval()
    with torch.no_grad():
        mean, var = model(x_val)
        val_nll = nll(mean, y_val, var).item()
    scheduler.step(val_nll)
    if epoch % 4 == 0:
        print(
            f"epoch {epoch} nll {epoch_nll / n_train:.3f} val {val_nll:.3f} lr {optimizer.param_groups[0]['lr']:.1e}"
        )

with torch.no_grad():
    mean, var = model(x_test)
    predicted = mean.numpy() * price_std + price_mean
    actual = price[n_train + n_val :]
    r2 = 1 - ((predicted - actual) ** 2).mean() / actual.var()
print(f"test nll {nll(mean, y_test, var).item():.3f}")
print("score", float(r2))
