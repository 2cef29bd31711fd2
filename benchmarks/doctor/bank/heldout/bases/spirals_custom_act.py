"""Two spirals, told apart by a tanh network with a hand-written activation of its own gradient."""

import math

import torch
from torch import nn

SEED = 0


class SmoothGate(torch.autograd.Function):
    """x * sigmoid(x), keeping only its input for the backward pass."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * (1 - s))


class Gate(nn.Module):
    def forward(self, x):
        return SmoothGate.apply(x)


def spirals(n, noise=0.06):
    arm = torch.randint(0, 2, (n,))
    r = torch.rand(n).sqrt()
    angle = 2.4 * math.pi * r + math.pi * arm
    points = torch.stack([r * angle.cos(), r * angle.sin()], dim=1) * 2
    return points + noise * torch.randn(n, 2), arm.float()


class SpiralNet(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.h1 = nn.Linear(width, width)
        self.h2 = nn.Linear(width, width)
        self.h3 = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)
        self.gate = Gate()
        for layer in (self.h1, self.h2, self.h3):
            nn.init.xavier_normal_(layer.weight, gain=5 / 3)

    def forward(self, x):
        x = self.gate(self.inp(x))
        x = torch.tanh(self.h1(x))
        x = torch.tanh(self.h2(x))
        x = self.gate(self.h3(x))
        return torch.sigmoid(self.out(x)).flatten()


def main():
    torch.manual_seed(SEED)
    train_x, train_y = spirals(900)
    val_x, val_y = spirals(200)
    test_x, test_y = spirals(600)
    net = SpiralNet()
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for epoch in range(25):
        for rows in torch.randperm(len(train_x)).split(60):
            optimizer.zero_grad()
            p = net(train_x[rows])
            loss = criterion(p, train_y[rows])
            loss.backward()
            optimizer.step()
        if (epoch + 1) % 5 == 0:
            with torch.no_grad():
                pv = net(val_x)
                val_loss = criterion(pv, val_y).item()
                val_acc = ((pv > 0.5) == (val_y > 0.5)).float().mean().item()
            print(f"epoch {epoch + 1}: loss {loss.item():.4f} val loss {val_loss:.4f} val acc {val_acc:.3f}")
    with torch.no_grad():
        print("score", ((net(test_x) > 0.5) == (test_y > 0.5)).float().mean().item())


if __name__ == "__main__":
    main()
