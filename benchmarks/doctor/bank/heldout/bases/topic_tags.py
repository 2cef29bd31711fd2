"""Several tags per document: embeddings averaged over the words, one logit per tag."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = 0
PAD, VOCAB, TAGS, LENGTH = 0, 300, 6, 24


def write_documents(count, rng):
    """Each tag has words of its own; a document mixes the words of its tags with common ones."""
    tags = (rng.random((count, TAGS)) < 0.3).astype(np.float32)
    words = np.zeros((count, LENGTH), dtype=np.int64)
    for i in range(count):
        size = rng.integers(14, LENGTH + 1)
        active = np.flatnonzero(tags[i])
        for j in range(size):
            if len(active) and rng.random() < 0.45:
                words[i, j] = 150 + rng.choice(active) * 25 + rng.integers(25)
            else:
                words[i, j] = rng.integers(1, 150)
    return words, tags


class Documents(Dataset):
    def __init__(self, words, tags):
        self.words, self.tags = torch.from_numpy(words), torch.from_numpy(tags)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, index):
        return {"words": self.words[index], "tags": self.tags[index]}


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, dim, padding_idx=PAD)
        self.dropout = nn.Dropout(0.2)
        self.hidden = nn.Linear(dim, 48)
        self.classifier = nn.Linear(48, TAGS)

    def forward(self, words):
        mask = (words != PAD).unsqueeze(-1).float()
        mean = (self.embedding(words) * mask).sum(1) / mask.sum(1)
        return self.classifier(self.dropout(nn.functional.gelu(self.hidden(mean))))


def evaluate(model, loader, loss_fn):
    model.eval()
    loss, hits, found, real = 0.0, 0, 0, 0
    with torch.no_grad():
        for batch in loader:
            logits = model(batch["words"])
            loss += loss_fn(logits, batch["tags"]).item()
            guess, truth = logits > 0, batch["tags"] > 0.5
            hits += (guess & truth).sum().item()
            found += guess.sum().item()
            real += truth.sum().item()
    return loss / len(loader), 2 * hits / max(found + real, 1)


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_set, val_set, test_set = (Documents(*write_documents(n, rng)) for n in (1000, 250, 400))
    train_loader = DataLoader(train_set, batch_size=25, shuffle=True)
    val_loader, test_loader = DataLoader(val_set, batch_size=50), DataLoader(test_set, batch_size=50)

    model = Tagger()
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(8):
        model.train()
        train_loss = 0.0
        for batch in train_loader:
            loss = loss_fn(model(batch["words"]), batch["tags"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        val_loss, val_f1 = evaluate(model, val_loader, loss_fn)
        print(
            f"epoch={epoch} loss={train_loss / len(train_loader):.4f} val_loss={val_loss:.4f} f1={val_f1:.3f}"
        )
    print("score", evaluate(model, test_loader, loss_fn)[1])


main()
