import math

import torch
from torch import nn

SEED = 0
WINDOW = 30


class Forecaster(nn.Module):
    """Reads a window, says the next value."""

    def __init__(self, hidden_size=24):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, window):
        states, _ = self.lstm(window)
        return self.head(states[:, -1])


def make_waves(n, generator):
    """Windows of sums of two waves with a bit of noise, and what comes next."""
    t = torch.arange(WINDOW + 1, dtype=torch.float32)
    freq = 0.1 + 0.3 * torch.rand(n, 1, generator=generator)
    phase = 2 * math.pi * torch.rand(n, 1, generator=generator)
    wave = torch.sin(freq * t + phase) + 0.5 * torch.sin(2.5 * freq * t + 2 * phase)
    wave = wave + 0.05 * torch.randn(n, WINDOW + 1, generator=generator)
    return wave[:, :-1].unsqueeze(-1), wave[:, -1:]


def train():
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED + 100)
    x_train, y_train = make_waves(800, generator)
    x_val, y_val = make_waves(200, generator)
    x_test, y_test = make_waves(300, generator)

    model = Forecaster()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    max_norm = 1.0

    for epoch in range(15):
        model.train()
        permutation = torch.randperm(x_train.size(0))
        total_loss = 0.0
        for start in range(0, x_train.size(0), 40):
            index = permutation[start : start + 40]
            optimizer.zero_grad()
            output = model(x_train[index])
            loss = criterion(output, y_train[index])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            total_loss += loss.item()
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(x_val), y_val)
        print("Epoch {:3d} | train {:.5f} | val {:.5f}".format(epoch, total_loss / 20, val_loss.item()))

    with torch.no_grad():
        error = criterion(model(x_test), y_test)
        r2 = 1 - error / y_test.var()
    print("score", r2.item())


if __name__ == "__main__":
    train()
