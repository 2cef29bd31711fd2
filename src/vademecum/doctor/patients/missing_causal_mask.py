import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
LENGTH, WORDS, WIDTH = 16, 12, 32
start, stride = torch.randint(0, WORDS, (600, 1)), torch.randint(1, 4, (600, 1))
songs = (start + stride * torch.arange(LENGTH + 1)) % WORDS


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.norm, self.qkv = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH)
        self.mix = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, ids):
        h = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        q, k, v = self.qkv(self.norm(h)).chunk(3, dim=-1)
        h = h + F.scaled_dot_product_attention(q, k, v)  # wrong
        # right: h = h + F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(h + self.mix(h))


model = Decoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for _ in range(6):
    for batch in torch.randperm(500).split(25):
        inputs, targets = songs[batch, :-1], songs[batch, 1:]
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    guess = model(songs[500:, :8])[:, -1].argmax(-1)
print(f"accuracy of the next word {(guess == songs[500:, 8]).float().mean():.3f}")
