"""An embedding of digits learned from triplets; judged by its nearest neighbors."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim

SEED = 0


class EmbeddingNet(nn.Module):
    def __init__(self, out=12):
        super().__init__()
        self.fc1 = nn.Linear(64, 96)
        self.bn = nn.BatchNorm1d(96)
        self.fc2 = nn.Linear(96, 48)
        self.fc3 = nn.Linear(48, out)

    def forward(self, x):
        x = F.relu(self.bn(self.fc1(x)))
        x = F.relu(self.fc2(x))
        return F.normalize(self.fc3(x), dim=1)


class TripletSampler:
    """Draws (anchor, positive, negative) rows."""

    def __init__(self, labels, rng):
        self.labels = np.asarray(labels)
        self.rng = rng
        self.by_class = {c: np.flatnonzero(self.labels == c) for c in np.unique(self.labels)}

    def draw(self, n):
        anchor = self.rng.integers(len(self.labels), size=n)
        positive = np.array([self.rng.choice(self.by_class[self.labels[a]]) for a in anchor])
        negative = self.rng.integers(len(self.labels), size=n)
        clash = self.labels[negative] == self.labels[anchor]
        while clash.any():
            negative[clash] = self.rng.integers(len(self.labels), size=clash.sum())
            clash = self.labels[negative] == self.labels[anchor]
        return anchor, positive, negative


def neighbor_accuracy(net, x_ref, y_ref, x, y, k=3):
    net.eval()
    with torch.no_grad():
        distance = torch.cdist(net(x), net(x_ref))
    votes = y_ref[distance.topk(k, largest=False).indices]
    return (votes.mode(dim=1).values == y).float().mean().item()


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    x, y = load_digits(return_X_y=True)
    x = ((x - 8) / 8).astype(np.float32)
    x_train, x_hold, y_train, y_hold = train_test_split(x, y, train_size=600, stratify=y, random_state=SEED)
    sampler = TripletSampler(y_train, rng)
    x_train, y_train = torch.from_numpy(x_train), torch.from_numpy(y_train)
    x_val, y_val = torch.from_numpy(x_hold[:400]), torch.from_numpy(y_hold[:400])
    x_test, y_test = torch.from_numpy(x_hold[400:]), torch.from_numpy(y_hold[400:])
    # one noisy pixel in ten makes plain pixel distances poor
    noise = torch.Generator().manual_seed(SEED)
    x_train, x_val, x_test = (
        torch.where(torch.rand(t.shape, generator=noise) < 0.1, torch.randn(t.shape, generator=noise), t)
        for t in (x_train, x_val, x_test)
    )

    net = EmbeddingNet()
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    margin = 0.5
    for step in range(241):
        net.train()
        a, p, n = sampler.draw(48)
        za, zp, zn = net(torch.cat([x_train[a], x_train[p], x_train[n]])).chunk(3)
        gap = (za - zp).pow(2).sum(1) - (za - zn).pow(2).sum(1)
        loss = F.relu(gap + margin).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 60 == 0:
            value = neighbor_accuracy(net, x_train, y_train, x_val, y_val)
            print(f"step {step} loss {loss.item():.4f} neighbors {value:.3f}")
    print("score", neighbor_accuracy(net, x_train, y_train, x_test, y_test))


main()
