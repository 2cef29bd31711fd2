"""A tiny mixer over the 2x2 patches of the digits, under bfloat16 autocast, written functionally."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

SEED = 0
torch.manual_seed(SEED)


class MixerBlock(nn.Module):
    def __init__(self, tokens, dim):
        super().__init__()
        self.ln1 = nn.LayerNorm(dim)
        self.ln2 = nn.LayerNorm(dim)
        self.token_up = nn.Linear(tokens, 2 * tokens)
        self.token_down = nn.Linear(2 * tokens, tokens)
        self.dim_up = nn.Linear(dim, 2 * dim)
        self.dim_down = nn.Linear(2 * dim, dim)

    def forward(self, x):
        y = self.ln1(x).transpose(1, 2)
        x = x + self.token_down(F.gelu(self.token_up(y))).transpose(1, 2)
        y = self.dim_down(F.gelu(self.dim_up(self.ln2(x))))
        return x + F.dropout(y, p=0.1, training=self.training)


class Mixer(nn.Module):
    def __init__(self, dim=16, depth=2):
        super().__init__()
        self.patch = nn.Linear(4, dim)
        self.place = nn.Parameter(torch.randn(1, 16, dim) * 0.1)
        self.blocks = nn.ModuleList([MixerBlock(16, dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, images):
        n = images.shape[0]
        patches = images.view(n, 4, 2, 4, 2).permute(0, 1, 3, 2, 4).reshape(n, 16, 4)
        x = self.patch(patches) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


raw = load_digits()
images = torch.tensor(raw.images, dtype=torch.float32)
labels = torch.tensor(raw.target)
split = torch.randperm(len(images))
tr, va, te = split[:1100], split[1100:1400], split[1400:]
mean, std = images[tr].mean(), images[tr].std()
images = (images - mean) / std

net = Mixer()
opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.02)
EPOCHS, BATCH = 8, 44
total_steps = EPOCHS * (len(tr) // BATCH)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, total_steps)


def accuracy(rows):
    net.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        return (net(images[rows]).argmax(-1) == labels[rows]).float().mean().item()


for epoch in range(EPOCHS):
    net.train()
    for rows in tr[torch.randperm(len(tr))].split(BATCH):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(images[rows])
            loss = F.cross_entropy(logits, labels[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        opt.step()
        sched.step()
    print(f"{epoch}: loss {loss.item():.3f}, val {accuracy(va):.3f}, lr {sched.get_last_lr()[0]:.5f}")

print(f"score {accuracy(te)}")
