import random

import torch
from torch import nn

torch.manual_seed(0)
rng = random.Random(0)
words = ["red fox", "old owl", "big bear", "sly cat"]
text = " ".join(f"{rng.choice(words)} sees {rng.choice(words)}." for _ in range(300))
letters = sorted(set(text))
data = torch.tensor([letters.index(c) for c in text])


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), 24)
        self.gru = nn.GRU(24, 48, batch_first=True)
        self.out = nn.Linear(48, len(letters))

    def forward(self, ids):
        return self.out(self.gru(self.embedding(ids))[0])


model = LanguageModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _ in range(100):
    starts = torch.randint(len(data) - 25, (16,))
    block = torch.stack([data[i : i + 25] for i in starts])
    x, y = block[:, :-1], block[:, :-1]  # wrong
    # right: x, y = block[:, :-1], block[:, 1:]
    loss = nn.functional.cross_entropy(model(x).transpose(1, 2), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.3f}")
