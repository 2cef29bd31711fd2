"""Hourly counts of rented bikes (simulated): Poisson regression with a log link."""

import numpy as np
import torch
from torch import nn

SEED = 0


def simulate(n, rng):
    hour = rng.integers(0, 24, n)
    warm = rng.normal(15, 8, n)
    rain = rng.random(n) < 0.2
    weekend = rng.random(n) < 2 / 7
    log_rate = 1.0 + 0.05 * warm - 1.2 * rain + 0.9 * np.sin((hour - 7) / 24 * 2 * np.pi)
    log_rate += np.where(weekend, 0.4 * np.cos((hour - 14) / 24 * 2 * np.pi), 0.7 * (np.abs(hour - 8) < 2))
    count = rng.poisson(np.exp(np.clip(log_rate, None, 4)))
    x = np.column_stack([np.eye(24)[hour], (warm - 15) / 8, rain, weekend])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(count, dtype=torch.float32)


class CountNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.inp = nn.Linear(27, width)
        self.mid = nn.Linear(width, width)
        self.ln = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.tanh(self.inp(x))
        h = self.ln(h + torch.relu(self.mid(h)))
        return self.out(h).squeeze(1)


def param_groups(model, decay):
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def deviance_explained(rate, y, base):
    def deviance(r):
        return (
            2 * (torch.where(y > 0, y * torch.log(y.clamp(min=1) / r), torch.zeros_like(y)) - (y - r)).sum()
        )

    return (1 - deviance(rate) / deviance(base.expand_as(y))).item()


if __name__ == "__main__":
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    (x, y), (x_val, y_val), (x_test, y_test) = simulate(1500, rng), simulate(300, rng), simulate(800, rng)
    net = CountNet()
    loss_fn = nn.PoissonNLLLoss(log_input=True)
    opt = torch.optim.AdamW(param_groups(net, 0.01), lr=5e-3)
    n_epochs, bs = 10, 50
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=n_epochs * (len(x) // bs))
    for epoch in range(n_epochs):
        perm = torch.randperm(len(x))
        for k in range(len(x) // bs):
            rows = perm[k * bs : (k + 1) * bs]
            log_rate = net(x[rows])
            loss = loss_fn(log_rate, y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
        with torch.no_grad():
            val_loss = loss_fn(net(x_val), y_val)
        print(f"epoch {epoch} | train {loss:.3f} | val {val_loss:.3f}")
    with torch.no_grad():
        print("score", deviance_explained(net(x_test).exp(), y_test, y.mean()))
