"""Transformer encoder: does the first symbol of the sequence occur again later?"""

import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
VOCAB, LENGTH, DIM = 12, 14, 32


def make_data(n, gen):
    x = torch.randint(0, VOCAB, (n, LENGTH), generator=gen)
    y = torch.randint(0, 2, (n,), generator=gen)
    first = x[:, :1]
    rest = x[:, 1:]
    rest = torch.where(rest == first, (rest + 1) % VOCAB, rest)  # no repetition ...
    place = torch.randint(0, LENGTH - 1, (n, 1), generator=gen)
    again = rest.scatter(1, place, first)  # ... and one
    rest = torch.where(y[:, None] == 1, again, rest)
    return torch.cat([first, rest], dim=1), y


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Parameter(torch.randn(1, LENGTH, DIM) * 0.1)
        layer = nn.TransformerEncoderLayer(
            DIM, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, 2)

    def forward(self, ids):
        h = self.tok(ids) + self.pos
        h = self.blocks(h)
        return self.head(self.norm(h[:, 0]))


def main():
    torch.manual_seed(SEED)
    gen = torch.Generator().manual_seed(SEED)
    x_train, y_train = make_data(2000, gen)
    x_val, y_val = make_data(300, gen)
    x_test, y_test = make_data(500, gen)
    model = Encoder()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    warmup, total = 40, 320
    sched = torch.optim.lr_scheduler.LambdaLR(
        opt, lambda s: min((s + 1) / warmup, max(0.02, (total - s) / (total - warmup)))
    )
    step = 0
    while step < total:
        model.train()
        order = torch.randperm(len(x_train))
        for batch in order.split(100):
            logits = model(x_train[batch])
            loss = F.cross_entropy(logits, y_train[batch])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            step += 1
        model.eval()
        with torch.no_grad():
            val_logits = model(x_val)
            val_loss = F.cross_entropy(val_logits, y_val).item()
            val_acc = (val_logits.argmax(-1) == y_val).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} val {val_loss:.3f} acc {val_acc:.3f}")

    model.eval()
    with torch.no_grad():
        acc = (model(x_test).argmax(-1) == y_test).float().mean().item()
    print("score", acc)


if __name__ == "__main__":
    main()
