"""Forecast the next values of a noisy tide from its past: causal convolutions, split in time."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = 0
WINDOW, AHEAD = 48, 4


def tide(hours, rng):
    t = np.arange(hours)
    level = 310 + 120 * np.sin(2 * np.pi * t / 12.42) + 55 * np.sin(2 * np.pi * t / 25.8 + 1)
    return level + 30 * np.sin(2 * np.pi * t / 160) + rng.normal(0, 12, hours)


class Windows(Dataset):
    def __init__(self, series):
        self.series = torch.as_tensor(series, dtype=torch.float32)

    def __len__(self):
        return len(self.series) - WINDOW - AHEAD

    def __getitem__(self, i):
        past = self.series[i : i + WINDOW]
        future = self.series[i + WINDOW : i + WINDOW + AHEAD]
        return past.unsqueeze(0), future


class CausalConv(nn.Module):
    def __init__(self, inp, out, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.conv = nn.Conv1d(inp, out, 3, dilation=dilation)

    def forward(self, x):
        return F.relu(self.conv(F.pad(x, (self.pad, 0))))


class Forecaster(nn.Module):
    def __init__(self, channels=20):
        super().__init__()
        self.c1 = CausalConv(1, channels, 1)
        self.c2 = CausalConv(channels, channels, 4)
        self.c3 = CausalConv(channels, channels, 12)
        self.linear = nn.Linear(channels, AHEAD)

    def forward(self, x):
        return self.linear(self.c3(self.c2(self.c1(x)))[:, :, -1])


def rmse(model, loader):
    model.eval()
    with torch.no_grad():
        errors = torch.cat([(model(x) - y).pow(2) for x, y in loader])
    return errors.mean().sqrt().item()


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    series = tide(1900, rng)
    train_part, val_part, test_part = series[:1200], series[1200:1500], series[1500:]
    mean, std = train_part.mean(), train_part.std()
    train_set, val_set, test_set = (
        Windows((part - mean) / std) for part in (train_part, val_part, test_part)
    )
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader, test_loader = DataLoader(val_set, batch_size=128), DataLoader(test_set, batch_size=128)

    model = Forecaster()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.SmoothL1Loss()
    for epoch in range(6):
        model.train()
        total = 0.0
        for past, future in train_loader:
            optimizer.zero_grad()
            forecast = model(past)
            loss = criterion(forecast, future)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}  train {total / len(train_loader):.4f}  val rmse {rmse(model, val_loader):.4f}")
    print("score", 1 - rmse(model, test_loader) ** 2)


if __name__ == "__main__":
    main()
