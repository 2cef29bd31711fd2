"""Which way does a curve go: up, down, or round a corner?"""

import torch
from torch import nn

torch.manual_seed(0)
steps = torch.linspace(-1, 1, 12)
kind = torch.randint(0, 3, (700,))
slope = 0.4 + torch.rand(700, 1)
curves = torch.stack([slope * steps, -slope * steps, slope * steps.abs()], 1)[torch.arange(700), kind]
curves = (curves + 0.1 * torch.randn(700, 12))[..., None]


class Reader(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden)  # wrong
        # right: self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 3)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.out(states[:, -1])


model = Reader()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(5):
    for batch in torch.randperm(500).split(25):
        loss = criterion(model(curves[batch]), kind[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(curves[500:]).argmax(1) == kind[500:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
