"""Regression with an activation of our own (a smooth ramp with its hand-written backward)."""

import argparse

import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from torch.utils.data import DataLoader, TensorDataset

SEED = 0


class SmoothRamp(torch.autograd.Function):
    """x * sigmoid(x)."""

    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        return grad_output * (s + x * s * (1 - s))


class Regressor(nn.Module):
    def __init__(self, n_in, width, depth):
        super().__init__()
        sizes = [n_in] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        for layer in self.layers:
            x = SmoothRamp.apply(layer(x))
        return self.out(x)


def r2(model, x, y):
    model.eval()
    with torch.no_grad():
        return (1 - (model(x) - y).pow(2).mean() / y.var()).item()


def main(args):
    torch.manual_seed(SEED)
    features, target = make_friedman1(n_samples=1400, n_features=8, noise=0.5, random_state=SEED)
    features = torch.tensor(features, dtype=torch.float32) * 2 - 1
    target = torch.tensor(target, dtype=torch.float32)[:, None]
    x_train, x_val, x_test = features[:900], features[900:1100], features[1100:]
    mu, sigma = target[:900].mean(), target[:900].std()
    target = (target - mu) / sigma
    y_train, y_val, y_test = target[:900], target[900:1100], target[1100:]

    model = Regressor(8, args.width, args.depth)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.MSELoss()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for x, y in loader:
            prediction = model(x)
            loss = criterion(prediction, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        val = r2(model, x_val, y_val)
        print(f"Epoch {epoch + 1}/{args.epochs} - loss: {running / len(loader):.4f} - val R2: {val:.4f}")
    print("score", r2(model, x_test, y_test))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--width", type=int, default=40)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=30)
    main(parser.parse_args([]))
