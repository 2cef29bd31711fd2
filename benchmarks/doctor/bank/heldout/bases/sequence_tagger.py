"""Label every token of a sentence: a transformer encoder on sentences with ambiguous words."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

SEED = 0
VOCAB = 40  # 0 pads, 1 means unknown
N_LABELS = 4


def make_sentences(n, generator):
    """A token's label is its group, except that an even token after an odd one takes the next group."""
    sentences = []
    for _ in range(n):
        size = int(torch.randint(6, 15, (1,), generator=generator))
        ids = torch.randint(2, VOCAB, (size,), generator=generator)
        group = ids % N_LABELS
        previous = torch.cat([torch.zeros(1, dtype=torch.long), ids[:-1]])
        label = torch.where((ids % 2 == 0) & (previous % 2 == 1), (group + 1) % N_LABELS, group)
        sentences.append((ids, label))
    return sentences


def collate(batch):
    ids = pad_sequence([b[0] for b in batch], batch_first=True, padding_value=0)
    labels = pad_sequence([b[1] for b in batch], batch_first=True, padding_value=-100)
    return ids, labels


class Encoder(nn.Module):
    def __init__(self, dim=32, heads=4, depth=2, max_len=16):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, dim, padding_idx=0)
        self.positions = nn.Parameter(torch.randn(max_len, dim) * 0.5)
        layers = []
        for _ in range(depth):
            layers.append(nn.TransformerEncoderLayer(dim, heads, 64, dropout=0.1, batch_first=True))
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(dim, N_LABELS)

    def forward(self, ids):
        pad = ids == 0
        h = self.tokens(ids) + self.positions[: ids.shape[1]]
        for layer in self.layers:
            h = layer(h, src_key_padding_mask=pad)
        return self.head(h)


def score(model, loader):
    was_training = model.training
    model.eval()
    right = total = 0
    with torch.inference_mode():
        for ids, labels in loader:
            keep = labels != -100
            right += (model(ids).argmax(-1) == labels)[keep].sum().item()
            total += keep.sum().item()
    model.train(was_training)
    return right / total


torch.manual_seed(SEED)
generator = torch.Generator().manual_seed(SEED)
train, val, test = (make_sentences(n, generator) for n in (960, 150, 300))
train_loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val, batch_size=75, collate_fn=collate)
test_loader = DataLoader(test, batch_size=75, collate_fn=collate)

model = Encoder()
criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 30))

model.train()
for epoch in range(12):
    for ids, labels in train_loader:
        logits = model(ids)
        loss = criterion(logits.view(-1, N_LABELS), labels.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        warmup.step()
        optimizer.zero_grad()
    print(
        "epoch", epoch, "last loss", round(loss.item(), 4), "val accuracy", round(score(model, val_loader), 4)
    )
print("score", score(model, test_loader))
