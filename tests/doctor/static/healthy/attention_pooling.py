import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Pool(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, 1), nn.Softmax(dim=1))

    def forward(self, h):
        return (self.score(h) * h).sum(dim=1)


class Tagger(nn.Module):
    def __init__(self, vocab=100, classes=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, 32, padding_idx=0)
        self.rnn = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.pool = Pool(64)
        self.attn = nn.Linear(64, 1)
        self.out = nn.Linear(64, classes)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        weights = F.softmax(self.attn(h).squeeze(-1), dim=-1)
        pooled = self.pool(h) + torch.bmm(weights.unsqueeze(1), h).squeeze(1)
        return self.out(pooled), weights


model = Tagger()
opt = torch.optim.Adam(model.parameters())
for _ in range(100):
    ids, y = torch.randint(1, 100, (16, 12)), torch.randint(3, (16,))
    logits, attention = model(ids)
    loss = F.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
