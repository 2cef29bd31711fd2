"""The value that a damped wave has one step on."""

import torch
from torch import nn

torch.manual_seed(0)
time = torch.arange(13.0)
phase, speed = 6.28 * torch.rand(500, 1), 0.3 + 0.5 * torch.rand(500, 1)
waves = torch.sin(speed * time + phase) + 0.05 * torch.randn(500, 13)


class Forecast(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, hidden, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x):
        states = torch.zeros(len(x), x.shape[1], 20)
        self.lstm(x)  # wrong
        # right: states, _ = self.lstm(x)
        return self.out(states[:, -1])


model = Forecast()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(8):
    for batch in torch.randperm(400).split(20):
        loss = loss_fn(model(waves[batch, :12, None]), waves[batch, 12:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = (model(waves[400:, :12, None]) - waves[400:, 12:]).square().mean()
print(f"held-out R2 {1 - error / waves[400:, 12].var():.3f}")
