"""Next-note prediction: melodies of scales, turned and transposed, read by a two-layer GRU."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

SEED = 0


@dataclass
class Config:
    notes: int = 16
    length: int = 24
    embed: int = 16
    hidden: int = 48
    lr: float = 6e-3
    batch: int = 32
    epochs: int = 9


def compose(n: int, cfg: Config, g: torch.Generator) -> Tensor:
    start = torch.randint(cfg.notes, (n, 1), generator=g)
    step = torch.randint(1, 5, (n, 1), generator=g)
    beat = torch.arange(cfg.length)
    turn = torch.where((beat // 4) % 2 == 0, beat % 4, 4 - beat % 4) + (beat // 8)
    song = (start + step * turn) % cfg.notes
    wrong = torch.rand(song.shape, generator=g) < 0.04
    return torch.where(wrong, torch.randint(cfg.notes, song.shape, generator=g), song)


class MelodyModel(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.embed = nn.Embedding(cfg.notes, cfg.embed)
        self.rnn = nn.GRU(cfg.embed, cfg.hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.to_notes = nn.Linear(cfg.hidden, cfg.notes)

    def forward(self, song: Tensor) -> Tensor:
        hidden, _ = self.rnn(self.embed(song))
        return self.to_notes(hidden)


def loss_of(model: nn.Module, songs: Tensor) -> Tensor:
    inputs, targets = songs[:, :-1], songs[:, 1:]
    logits = model(inputs)
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def next_note_accuracy(model: nn.Module, songs: Tensor) -> float:
    """As a player would: every prediction from the notes before it alone."""
    model.eval()
    hits = []
    with torch.no_grad():
        for t in range(8, songs.shape[1], 3):
            guess = model(songs[:, :t])[:, -1].argmax(-1)
            hits.append((guess == songs[:, t]).float().mean())
    return torch.stack(hits).mean().item()


def main(cfg: Config) -> None:
    torch.manual_seed(SEED)
    g = torch.Generator().manual_seed(SEED + 5)
    train, val, test = compose(800, cfg, g), compose(150, cfg, g), compose(200, cfg, g)
    model = MelodyModel(cfg)
    optimizer = torch.optim.NAdam(model.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        model.train()
        shown = 0.0
        for songs in train[torch.randperm(len(train))].split(cfg.batch):
            loss = loss_of(model, songs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            shown += loss.item() * len(songs) / len(train)
        model.eval()
        with torch.no_grad():
            print(f"{epoch:2d} train {shown:.3f} val {loss_of(model, val).item():.3f}")
    print("score", next_note_accuracy(model, test))


if __name__ == "__main__":
    main(Config())
