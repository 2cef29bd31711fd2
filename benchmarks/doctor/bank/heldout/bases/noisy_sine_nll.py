"""A curve and its uncertainty: two outputs, mean and log-variance, under the Gaussian likelihood."""

import torch
from torch import nn

SEED = 0
torch.manual_seed(SEED)


def sample(n):
    x = torch.rand(n, 1) * 6 - 3
    spread = 0.05 + 0.25 * (x > 0).float() * x.abs()
    y = torch.sin(2 * x) + 0.3 * x + spread * torch.randn(n, 1)
    return x, y


x_train, y_train = sample(800)
x_val, y_val = sample(200)
x_test, y_test = sample(600)


class Curve(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.mean = nn.Linear(hidden, 1)
        self.log_var = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.log_var(h)


def gaussian_nll(mean, log_var, y):
    return (0.5 * (log_var + (y - mean) ** 2 * torch.exp(-log_var))).mean()


model = Curve()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(36):
    order = torch.randperm(len(x_train))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        mean, log_var = model(x_train[rows])
        loss = gaussian_nll(mean, log_var, y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            val = gaussian_nll(*model(x_val), y_val)
        print(f"epoch {epoch + 1}: nll {loss.item():.3f}, validation {val.item():.3f}")

with torch.no_grad():
    test_nll = gaussian_nll(*model(x_test), y_test)
print(f"score {-test_nll.item():.4f}")
