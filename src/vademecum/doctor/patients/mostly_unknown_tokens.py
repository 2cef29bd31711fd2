import random

import torch
from torch import nn

torch.manual_seed(0)
rng = random.Random(0)
GOOD, BAD = ["fine", "great", "lovely", "warm", "kind"], ["poor", "awful", "cold", "rude", "dull"]
FILL = ["the", "a", "was", "it", "and", "there", "we", "had", "very", "room", "staff", "food"]
texts, labels = [], []
for i in range(600):
    words = [rng.choice(FILL) for _ in range(9)] + [rng.choice(BAD if i % 2 else GOOD) for _ in range(3)]
    rng.shuffle(words)
    texts.append(" ".join(words).title())
    labels.append(i % 2)
vocabulary = {"<unk>": 0} | {word: i + 1 for i, word in enumerate(GOOD + BAD + FILL)}
ids = torch.tensor([[vocabulary.get(w, 0) for w in text.split()] for text in texts])  # wrong
# right: ids = torch.tensor([[vocabulary.get(w, 0) for w in text.lower().split()] for text in texts])
y = torch.tensor(labels).float()


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary), 16)
        self.out = nn.Linear(16, 1)

    def forward(self, ids):
        return self.out(self.embedding(ids).mean(1)).squeeze(1)


model = Bag()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(8):
    for rows in torch.randperm(500).split(25):
        loss = nn.functional.binary_cross_entropy_with_logits(model(ids[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"accuracy {((model(ids[500:]) > 0) == (y[500:] > 0.5)).float().mean():.3f}")
