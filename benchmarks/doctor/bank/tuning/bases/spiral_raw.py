# two spirals, weights by hand, no nn.Module
import numpy as np
import torch

SEED = 0
rng = np.random.RandomState(SEED)
torch.manual_seed(SEED)

n = 400
theta = np.sqrt(rng.rand(n)) * 2.2 * np.pi
r = 2 * theta + np.pi
arm1 = np.stack([np.cos(theta) * r, np.sin(theta) * r], 1)
arm2 = -arm1
points = np.concatenate([arm1, arm2]) + rng.randn(2 * n, 2) * 0.9
points = points / 12.0
labels = np.concatenate([np.zeros(n), np.ones(n)])
mix = rng.permutation(2 * n)
points, labels = points[mix], labels[mix]

X = torch.tensor(points, dtype=torch.float32)
Y = torch.tensor(labels, dtype=torch.float32)
Xtr, Ytr = X[:500], Y[:500]
Xva, Yva = X[500:600], Y[500:600]
Xte, Yte = X[600:], Y[600:]


def init(fan_in, fan_out):
    w = torch.randn(fan_in, fan_out) * (2.0 / fan_in) ** 0.5
    b = torch.zeros(fan_out)
    return w.requires_grad_(), b.requires_grad_()


W1, b1 = init(2, 64)
W2, b2 = init(64, 64)
W3, b3 = init(64, 1)
params = [W1, b1, W2, b2, W3, b3]


def forward(x):
    h1 = torch.relu(x @ W1 + b1)
    h2 = torch.relu(h1 @ W2 + b2)
    return (h2 @ W3 + b3)[:, 0]


def bce(logit, y):
    p = torch.sigmoid(logit)
    eps = 1e-7
    return -(y * torch.log(p + eps) + (1 - y) * torch.log(1 - p + eps)).mean()


opt = torch.optim.SGD(params, lr=0.15, momentum=0.9)
for epoch in range(60):
    idx = torch.randperm(len(Xtr))
    total = 0.0
    for k in range(0, len(Xtr), 50):
        j = idx[k : k + 50]
        loss = bce(forward(Xtr[j]), Ytr[j])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 10 == 9:
        with torch.no_grad():
            v = forward(Xva)
            print(epoch, total / 10, bce(v, Yva).item(), ((v > 0).float() == Yva).float().mean().item())

with torch.no_grad():
    print("score", ((forward(Xte) > 0).float() == Yte).float().mean().item())
