import math
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
torch.manual_seed(SEED)
random.seed(SEED)

# ---- text -------------------------------------------------------------------
subjects = ["the cat", "a dog", "my friend", "the old man", "our teacher", "a small bird"]
verbs = ["sees", "likes", "follows", "finds", "remembers"]
objects = ["the river", "a red ball", "the house", "some bread", "a quiet song"]
text = ""
while len(text) < 12000:
    text += f"{random.choice(subjects)} {random.choice(verbs)} {random.choice(objects)}. "

chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
n = int(0.85 * len(data))
train_data, val_data = data[:n], data[n:]

block_size, batch_size, n_embd, n_head = 32, 24, 32, 4


def get_batch(split):
    source = train_data if split == "train" else val_data
    ix = torch.randint(len(source) - block_size - 1, (batch_size,))
    x = torch.stack([source[i : i + block_size] for i in ix])
    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])
    return x, y


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(n_embd, 3 * n_embd)
        self.proj = nn.Linear(n_embd, n_embd)
        self.register_buffer("mask", torch.tril(torch.ones(block_size, block_size)).bool())

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, n_head, C // n_head).transpose(1, 2)
        k = k.view(B, T, n_head, C // n_head).transpose(1, 2)
        v = v.view(B, T, n_head, C // n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) / math.sqrt(C // n_head)
        att = att.masked_fill(~self.mask[:T, :T], float("-inf"))
        att = F.softmax(att, dim=-1)
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.proj(y)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention()
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class MiniGPT(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(Block(), Block())
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)

    def forward(self, idx, targets=None):
        pos = torch.arange(idx.shape[1])
        x = self.blocks(self.wte(idx) + self.wpe(pos))
        logits = self.lm_head(self.ln_f(x))
        if targets is None:
            return logits, None
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
        return logits, loss


@torch.no_grad()
def generate(model, prompt, length):
    model.eval()
    ids = [stoi[c] for c in prompt]
    for _ in range(length):
        logits, _ = model(torch.tensor(ids[-block_size:])[None])
        ids.append(int(torch.multinomial(F.softmax(logits[0, -1], -1), 1)))
    return "".join(chars[i] for i in ids)


@torch.no_grad()
def next_char_accuracy(model):
    # the honest way: only the past is given, only the last prediction is scored
    model.eval()
    ends = range(block_size, len(val_data) - 1, 5)
    x = torch.stack([val_data[e - 24 : e] for e in ends])
    y = torch.stack([val_data[e] for e in ends])
    logits, _ = model(x)
    return (logits[:, -1].argmax(-1) == y).float().mean().item()


model = MiniGPT(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
for it in range(240):
    model.train()
    xb, yb = get_batch("train")
    _, loss = model(xb, yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 40 == 0:
        model.eval()
        with torch.no_grad():
            val_loss = sum(model(*get_batch("val"))[1].item() for _ in range(4)) / 4
        print(f"iter {it}: train loss {loss.item():.4f}, val loss {val_loss:.4f}")

print(generate(model, "the ", 40))
print("score", next_char_accuracy(model))
