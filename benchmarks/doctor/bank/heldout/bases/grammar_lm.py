"""A character-level language model on sentences of a toy grammar."""

import random

import torch
import torch.nn as nn

SEED = 0
random.seed(SEED)
torch.manual_seed(SEED)

block_size = 32
batch_size = 24
n_embd = 32
steps = 220

NOUNS = ["cat", "dog", "bird", "farmer", "teacher", "child"]
VERBS = ["sees", "likes", "follows", "hears"]
WORDS = ["small", "old", "quiet", "red"]


def sentence():
    subject, other = random.sample(NOUNS, 2)
    return f"the {random.choice(WORDS)} {subject} {random.choice(VERBS)} the {other}. "


text = "".join(sentence() for _ in range(900))
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]


def get_batch(split):
    source = train_data if split == "train" else val_data
    ix = torch.randint(len(source) - block_size - 1, (batch_size,))
    x = torch.stack([source[i : i + block_size] for i in ix])
    y = torch.stack([source[i + 1 : i + 1 + block_size] for i in ix])
    return x, y


class CharLM(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tok = nn.Embedding(vocab, n_embd)
        self.pos = nn.Embedding(block_size, n_embd)
        layer = nn.TransformerEncoderLayer(
            n_embd, 4, 4 * n_embd, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.ln = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab)

    def forward(self, idx):
        t = idx.shape[1]
        x = self.tok(idx) + self.pos(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        x = self.blocks(x, mask=mask, is_causal=True)
        return self.lm_head(self.ln(x))


model = CharLM(len(chars))
print(sum(p.numel() for p in model.parameters()), "parameters")
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
criterion = nn.CrossEntropyLoss()


@torch.no_grad()
def estimate_loss(split, batches=8):
    model.eval()
    total = 0.0
    for _ in range(batches):
        x, y = get_batch(split)
        logits = model(x)
        total += criterion(logits.flatten(0, 1), y.flatten()).item()
    model.train()
    return total / batches


for step in range(steps):
    if step % 55 == 0:
        print(f"step {step}: train {estimate_loss('train'):.4f} val {estimate_loss('val'):.4f}")
    xb, yb = get_batch("train")
    logits = model(xb)
    loss = criterion(logits.flatten(0, 1), yb.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

print(f"score {-estimate_loss('val', 20):.4f}")
