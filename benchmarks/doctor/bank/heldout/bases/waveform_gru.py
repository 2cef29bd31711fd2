"""Sine, square, saw or noise? A recurrent network reads a noisy signal sample by sample."""

import math

import torch
import torch.nn as nn

SEED = 0
CLASSES = ("sine", "square", "saw", "noise")


def make_signals(n, length, generator):
    kind = torch.randint(len(CLASSES), (n,), generator=generator)
    frequency = 0.08 + 0.1 * torch.rand(n, 1, generator=generator)
    phase = torch.rand(n, 1, generator=generator)
    cycle = frequency * torch.arange(length) + phase
    shapes = torch.stack(
        [
            torch.sin(2 * math.pi * cycle) * 1.4,
            torch.sign(torch.sin(2 * math.pi * cycle)),
            (2 * (cycle % 1) - 1) * 1.7,
            torch.randn(n, length, generator=generator),
        ]
    )
    signal = shapes[kind, torch.arange(n)]
    return (signal + 0.15 * torch.randn(n, length, generator=generator)).unsqueeze(-1), kind


class Listener(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, len(CLASSES))

    def forward(self, x):
        states, _ = self.rnn(x)
        pooled = states[:, 8:].mean(dim=1)
        return self.readout(pooled)


def run():
    torch.manual_seed(SEED)
    g = torch.Generator().manual_seed(SEED + 1)
    train_x, train_y = make_signals(1200, 32, g)
    val_x, val_y = make_signals(300, 32, g)
    test_x, test_y = make_signals(500, 32, g)

    net = Listener()
    loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(9):
        net.train()
        epoch_loss = 0
        for batch in torch.randperm(len(train_x)).split(40):
            opt.zero_grad()
            logits = net(train_x[batch])
            loss = loss_fn(logits, train_y[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            epoch_loss += loss.item()
        net.eval()
        with torch.no_grad():
            val_logits = net(val_x)
            val = loss_fn(val_logits, val_y)
            acc = (val_logits.argmax(-1) == val_y).float().mean()
        print(f"epoch {epoch}: train {epoch_loss / 30:.3f}, val {val:.3f}, acc {acc:.3f}")
    net.eval()
    with torch.no_grad():
        return (net(test_x).argmax(-1) == test_y).float().mean().item()


if __name__ == "__main__":
    print("score", run())
