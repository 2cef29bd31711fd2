"""Which of four 'languages' wrote this sentence? Made-up words, a GRU, padded batches."""

import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

SEED = 0
PAD, UNK = 0, 1
SYLLABLES = ["ka", "to", "mi", "re", "lu", "sha", "ner", "vo", "pel", "din", "gra", "sto"]


def make_sentence(label, rng):
    # each language likes other successions of syllables
    words, current = [], rng.randrange(12)
    for _ in range(rng.randint(6, 14)):
        words.append(SYLLABLES[current])
        step = [1, 2, 3, 5][label] if rng.random() < 0.55 else rng.randrange(12)
        current = (current + step) % 12
    return words


def build_vocab(sentences):
    vocab = {"<pad>": PAD, "<unk>": UNK}
    for sentence in sentences:
        for word in sentence:
            vocab.setdefault(word, len(vocab))
    return vocab


def encode(sentence, vocab):
    return torch.tensor([vocab.get(w, UNK) for w in sentence])


class Classifier(nn.Module):
    def __init__(self, vocab_size, dim=16, hidden=32, classes=4):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, tokens):
        mask = (tokens != PAD).unsqueeze(-1).float()
        out, _ = self.gru(self.embedding(tokens))
        pooled = (out * mask).sum(1) / mask.sum(1)
        return self.fc(self.drop(pooled))


def collate(batch):
    tokens, labels = zip(*batch)
    return pad_sequence(tokens, batch_first=True, padding_value=PAD), torch.tensor(labels)


rng = random.Random(SEED)
torch.manual_seed(SEED)
labels = [i % 4 for i in range(1500)]
rng.shuffle(labels)
sentences = [make_sentence(label, rng) for label in labels]
vocab = build_vocab(sentences[:1000])
dataset = [(encode(s, vocab), l) for s, l in zip(sentences, labels)]
train_loader = DataLoader(dataset[:1000], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(dataset[1000:1200], batch_size=100, collate_fn=collate)
test_loader = DataLoader(dataset[1200:], batch_size=100, collate_fn=collate)

model = Classifier(len(vocab))
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def accuracy(loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for tokens, target in loader:
            right += (model(tokens).argmax(dim=1) == target).sum().item()
            total += len(target)
    return right / total


for epoch in range(10):
    model.train()
    for tokens, target in train_loader:
        optimizer.zero_grad()
        scores = model(tokens)
        loss = loss_function(scores, target)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: last loss {loss.item():.3f}, val accuracy {accuracy(val_loader):.3f}")

print("score", accuracy(test_loader))
