import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

SEED = 0
np.random.seed(SEED)
torch.manual_seed(SEED)

MARGIN = 0.4


class PairSampler:
    """Anchor, positive and negative of random digits."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.by_class = {c: np.flatnonzero(labels == c) for c in np.unique(labels)}

    def sample(self, n):
        anchors = np.random.randint(0, len(self.labels), n)
        positives = [np.random.choice(self.by_class[self.labels[a]]) for a in anchors]
        negatives = []
        for a in anchors:
            b = np.random.randint(0, len(self.labels))
            while self.labels[b] == self.labels[a]:
                b = np.random.randint(0, len(self.labels))
            negatives.append(b)
        return self.images[anchors], self.images[positives], self.images[negatives]


class Embedder(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, dim)
        )

    def forward(self, x):
        return F.normalize(self.net(x), dim=1)


def triplet_loss(a, p, n):
    pos = (a - p).pow(2).sum(1)
    neg = (a - n).pow(2).sum(1)
    return F.relu(pos - neg + MARGIN).mean()


def embed(model, images):
    model.eval()
    with torch.no_grad():
        return model(images).numpy()


digits = load_digits()
# harder: noisy pictures
noisy = digits.data / 16.0 + np.random.normal(0, 0.35, digits.data.shape)
images = torch.tensor(noisy, dtype=torch.float32)
labels = digits.target
order = np.random.permutation(len(labels))
tr, va, te = order[:1100], order[1100:1400], order[1400:]

train_sampler = PairSampler(images[tr], labels[tr])
val_sampler = PairSampler(images[va], labels[va])
model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)

for epoch in range(10):
    model.train()
    history = []
    for _ in range(25):
        a, p, n = train_sampler.sample(64)
        loss = triplet_loss(model(a), model(p), model(n))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    model.eval()
    with torch.no_grad():
        a, p, n = val_sampler.sample(300)
        val_loss = triplet_loss(model(a), model(p), model(n)).item()
    print(f"epoch {epoch}: triplet loss {np.mean(history):.4f} (val {val_loss:.4f})")

knn = KNeighborsClassifier(5).fit(embed(model, images[tr]), labels[tr])
print("score", knn.score(embed(model, images[te]), labels[te]))
