"""Prices of invented houses: physical inputs, a normalizing first layer, Huber loss on log prices."""

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

SEED = 0


def make_houses(n, rng):
    area = rng.uniform(30, 250, n)
    year = rng.integers(1900, 2021, n)
    rooms = np.clip(np.round(area / 28 + rng.normal(0, 1, n)), 1, None)
    distance = rng.exponential(6000, n)
    floor = rng.integers(0, 9, n)
    price = 1200 * area**1.05 * (1 + 0.5 * np.exp(-distance / 4000)) * (1 + (year - 1900) / 200)
    price = price * (1 + 0.02 * floor) * np.exp(rng.normal(0, 0.07, n))
    return np.stack([area, year, rooms, distance, floor], axis=1).astype(np.float32), price.astype(np.float32)


class Normalizer(nn.Module):
    def __init__(self, sample):
        super().__init__()
        self.register_buffer("shift", sample.mean(0))
        self.register_buffer("scale", sample.std(0))

    def forward(self, x):
        return (x - self.shift) / self.scale


def build(sample):
    return nn.Sequential(
        Normalizer(sample),
        nn.Linear(5, 40),
        nn.ReLU(),
        nn.Linear(40, 40),
        nn.ReLU(),
        nn.Linear(40, 1),
        nn.Flatten(0),
    )


def evaluate(model, loader, criterion):
    model.eval()
    with torch.no_grad():
        return np.mean([criterion(model(x), t).item() for x, t in loader])


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    x, price = make_houses(1600, rng)
    x, log_price = torch.from_numpy(x), torch.from_numpy(np.log(price))
    center, spread = log_price[:1000].mean(), log_price[:1000].std()
    t = (log_price - center) / spread
    train_loader = DataLoader(TensorDataset(x[:1000], t[:1000]), batch_size=50, shuffle=True)
    val_loader = DataLoader(TensorDataset(x[1000:1250], t[1000:1250]), batch_size=50)

    model = build(x[:1000])
    criterion = nn.HuberLoss(delta=1.0)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    for epoch in range(16):
        model.train()
        for xb, tb in train_loader:
            optimizer.zero_grad()
            prediction = model(xb)
            loss = criterion(prediction, tb)
            loss.backward()
            optimizer.step()
        val_loss = evaluate(model, val_loader, criterion)
        scheduler.step(val_loss)
        print(f"Epoch {epoch + 1:02d} val_loss={val_loss:.5f} lr={optimizer.param_groups[0]['lr']:.2g}")

    model.eval()
    with torch.no_grad():
        guess = model(x[1250:])
    truth = t[1250:]
    r2 = 1 - ((guess - truth) ** 2).mean() / ((truth - truth.mean()) ** 2).mean()
    print("score", r2.item())


if __name__ == "__main__":
    main()
