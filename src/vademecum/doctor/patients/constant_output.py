import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.GELU())
        self.gate = nn.Parameter(torch.full((64,), 1e-6), requires_grad=False)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.body(x) * self.gate  # wrong
        # right: x = self.body(x) * (1 + self.gate)
        return self.head(x)


model = Gated()
optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=2e-3)
for epoch in range(7):
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
