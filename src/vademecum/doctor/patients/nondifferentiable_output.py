import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(0)
x, y = make_friedman1(500, n_features=6, noise=0.3, random_state=0)
x, y = torch.tensor(x, dtype=torch.float32) * 2 - 1, torch.tensor(y, dtype=torch.float32)[:, None]
y = (y - y[:400].mean()) / y[:400].std()


class Rating(nn.Module):
    """A rating in tenths."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x):
        return torch.round(self.layers(x) * 10) / 10  # wrong
        # right: return self.layers(x)


model = Rating()
criterion = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _ in range(15):
    for batch in torch.randperm(400).split(20):
        optimizer.zero_grad()
        loss = criterion(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = (model(x[400:]) - y[400:]).square().mean()
print(f"held-out R2 {1 - error / y[400:].var():.3f}")
