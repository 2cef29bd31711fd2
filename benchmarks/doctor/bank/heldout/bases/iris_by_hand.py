"""Iris with weights kept in a dictionary: no modules, a functional forward pass."""

import torch
import torch.nn.functional as F
from sklearn import datasets

SEED = 0
gen = torch.Generator().manual_seed(SEED)
torch.manual_seed(SEED)

iris = datasets.load_iris()
features = torch.tensor(iris.data, dtype=torch.float32)
species = torch.tensor(iris.target)
shuffle = torch.randperm(150, generator=gen)
features, species = features[shuffle], species[shuffle]
Xtr, Ytr = features[:80], species[:80]
Xdev, Ydev = features[80:105], species[80:105]
Xte, Yte = features[105:], species[105:]
mu, sigma = Xtr.mean(0), Xtr.std(0)
Xtr, Xdev, Xte = (Xtr - mu) / sigma, (Xdev - mu) / sigma, (Xte - mu) / sigma

params = {
    "W1": torch.randn(4, 24, generator=gen) * (2 / 4) ** 0.5,
    "b1": torch.zeros(24),
    "W2": torch.randn(24, 3, generator=gen) * (1 / 24) ** 0.5,
    "b2": torch.zeros(3),
}
for p in params.values():
    p.requires_grad_(True)


def forward(x, training=False):
    h = F.relu(x @ params["W1"] + params["b1"])
    h = F.dropout(h, 0.1, training=training)
    return F.log_softmax(h @ params["W2"] + params["b2"], dim=1)


optimizer = torch.optim.SGD(params.values(), lr=0.08)
losses = []
for i in range(400):
    ix = torch.randint(0, Xtr.shape[0], (16,), generator=gen)
    logprobs = forward(Xtr[ix], training=True)
    loss = F.nll_loss(logprobs, Ytr[ix])

    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if i % 80 == 0:
        with torch.no_grad():
            dev = F.nll_loss(forward(Xdev), Ydev).item()
        print(f"{i:4d}/400: train {sum(losses[-20:]) / len(losses[-20:]):.4f} dev {dev:.4f}")

with torch.no_grad():
    test_acc = (forward(Xte).argmax(1) == Yte).float().mean().item()
print("score", test_acc)
