import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from data_loops import told, train


class Model(nn.Module):
    """A language model of one layer, batch first or time first."""

    def __init__(self, ids=12, *, first=True, padding=None):
        super().__init__()
        self.embedding = nn.Embedding(ids, 8, padding_idx=padding)
        self.gru = nn.GRU(8, 8, batch_first=first)
        self.out = nn.Linear(8, ids)

    def forward(self, x):
        return self.out(self.gru(self.embedding(x))[0])


class Inside(Model):
    """Its loss is computed inside, which shifts once, as some libraries do."""

    def forward(self, x, labels):
        scores = super().forward(x)
        return {
            "loss": F.cross_entropy(scores[:, :-1].flatten(0, 1), labels[:, 1:].flatten()),
            "logits": scores,
        }


def text(rows=80, length=14, ids=12):
    """Walks: each token is 1 or 2 after the last."""
    steps = 1 + torch.randint(2, (rows, length), generator=torch.Generator().manual_seed(0))
    return steps.cumsum(1) % ids


def _train(pair, *, model=None):
    data = text()
    x, y = pair(data)
    return told(lambda: train(model or Model(), lambda s, y: F.cross_entropy(s.transpose(1, 2), y), x, y))


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(lambda d: (d, d), id="not shifted"),
        pytest.param(lambda d: (d[:, :-2], d[:, 2:]), id="shifted twice"),
        pytest.param(lambda d: (d[:, 1:], d[:, :-1]), id="shifted back"),
    ],
)
def test_another_token_than_the_next_is_told(pair):
    assert _train(pair)["label-shift"] == "warning"


def test_the_next_token_is_fine():
    assert "label-shift" not in _train(lambda d: (d[:, :-1], d[:, 1:]))


def test_other_targets_than_tokens_are_fine():
    assert "label-shift" not in _train(lambda d: (d, (d * 5 + 3) % 12))


def test_a_text_that_repeats_itself_is_fine():
    assert "label-shift" not in _train(lambda d: (d * 0 + 3, d * 0 + 3))


@pytest.mark.parametrize(("ahead", "expected"), [(0, None), (1, "warning")])
def test_a_loss_inside_the_model_is_seen(ahead, expected):
    data, model = text(), Inside()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def loop():
        for _ in range(3):
            for rows in torch.randperm(80).split(20):
                x = data[rows]
                optimizer.zero_grad()
                model(x[:, : 14 - ahead], x[:, ahead:])["loss"].backward()
                optimizer.step()

    assert told(loop).get("label-shift") == expected


# ---------------------------------------------------------------- unknown tokens


class Bag(nn.Module):
    def __init__(self, ids=30, padding=None):
        super().__init__()
        self.embedding = nn.Embedding(ids, 8, padding_idx=padding)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.embedding(x).mean(1))


def _ids(unknown, rows=120, length=10):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 30, (rows, length), generator=generator)
    return ids.where(torch.rand(ids.shape, generator=generator) > unknown, 1)


@pytest.mark.parametrize(
    ("unknown", "expected"), [(0.0, None), (0.3, None), (0.7, "warning"), (1.0, "warning")]
)
def test_one_id_at_most_positions_is_told(unknown, expected):
    x = _ids(unknown)
    y = torch.arange(120) % 2
    assert told(lambda: train(Bag(), F.cross_entropy, x, y)).get("mostly-unknown-tokens") == expected


@pytest.mark.parametrize("padding", [0, None])
@pytest.mark.parametrize("left", [True, False])
def test_padding_is_no_unknown_word(padding, left):
    x = _ids(0.0)
    for row, length in zip(
        x, torch.randint(2, 6, (120,), generator=torch.Generator().manual_seed(1)).tolist()
    ):
        row[length:] = 0
    x = x.flip(1) if left else x
    said = told(lambda: train(Bag(padding=padding), F.cross_entropy, x, torch.arange(120) % 2))
    assert "mostly-unknown-tokens" not in said


def test_bits_are_no_words():
    x = (torch.rand(120, 10, generator=torch.Generator().manual_seed(0)) < 0.3).long()
    assert "mostly-unknown-tokens" not in told(lambda: train(Bag(2), F.cross_entropy, x, x[:, 0]))
