"""A decoder with hand-written causal attention continues arithmetic progressions, judged by generation."""

import torch
import torch.nn as nn
from torch.nn import functional as F

SEED = 0
MOD, CONTEXT = 11, 8


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.register_buffer("tril", torch.tril(torch.ones(CONTEXT, CONTEXT)))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        weight = q @ k.transpose(-2, -1) / (C // self.heads) ** 0.5
        weight = weight.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
        weight = F.softmax(weight, dim=-1)
        y = (weight @ v).transpose(1, 2).reshape(B, T, C)
        return self.proj(y)


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = SelfAttention(dim, heads)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, dim=32, heads=2, layers=2):
        super().__init__()
        self.wte = nn.Embedding(MOD, dim)
        self.wpe = nn.Embedding(CONTEXT, dim)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, MOD, bias=False)
        self.apply(self._init)

    def _init(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.08)

    def forward(self, tokens, targets=None):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.reshape(-1, MOD), targets.reshape(-1))
        return logits, loss


def progressions(n, generator):
    first = torch.randint(MOD, (n, 1), generator=generator)
    step = torch.randint(1, MOD, (n, 1), generator=generator)
    return (first + step * torch.arange(CONTEXT + 1)) % MOD


@torch.no_grad()
def continuation_accuracy(model, sequences, given=3):
    model.eval()
    tokens = sequences[:, :given]
    while tokens.shape[1] < CONTEXT:
        logits, _ = model(tokens)
        tokens = torch.cat([tokens, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    model.train()
    return (tokens[:, given:] == sequences[:, given:CONTEXT]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(SEED)
    stream = torch.Generator().manual_seed(SEED + 5)
    held_out = progressions(300, torch.Generator().manual_seed(SEED + 99))
    model = GPT()
    decay = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=5e-3, betas=(0.9, 0.95))
    max_steps, warm = 260, 30
    for it in range(max_steps):
        lr = 5e-3 * min(1.0, (it + 1) / warm)
        for group in optimizer.param_groups:
            group["lr"] = lr
        seq = progressions(48, stream)
        _, loss = model(seq[:, :-1], seq[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if it % 65 == 0:
            print(
                f"iter {it}: loss {loss.item():.4f}, generated {continuation_accuracy(model, held_out[:100]):.3f}"
            )
    print("score", continuation_accuracy(model, held_out))
