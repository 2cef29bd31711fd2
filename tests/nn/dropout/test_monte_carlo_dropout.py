import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import (
    ConcreteDropout,
    EmbeddingDropout,
    GaussianDropout,
    LockedDropout,
    PlainDropout,
    WeightDrop,
    mc_dropout,
    targeted_dropout,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classifier(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 8), *parts, nn.Linear(8, 4)).eval()


@pytest.mark.parametrize(
    "part",
    [
        nn.Dropout(), nn.AlphaDropout(), nn.FeatureAlphaDropout(), PlainDropout(), GaussianDropout(),
        ConcreteDropout(8, p=0.5), WeightDrop(nn.Linear(8, 8), "weight"),
        targeted_dropout(nn.Linear(8, 8), gamma=1.0, alpha=0.5),
    ],
    ids=lambda part: type(part).__name__,
)  # fmt: skip
def test_every_dropout_is_switched_on_and_off_again(part: nn.Module) -> None:
    model = classifier(part)
    said = mc_dropout(model, torch.randn(5, 3), samples=6)
    assert float(said.std.max()) > 0
    assert not any(module.training for module in model.modules())


def test_sequences_words_and_maps() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.lock = EmbeddingDropout(nn.Embedding(9, 4), 0.5), LockedDropout(0.5)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.lock(self.words(tokens)).mean(0)

    assert float(mc_dropout(Reader(), torch.randint(9, (5, 2)), samples=8).std.max()) > 0
    maps = nn.Sequential(nn.Conv2d(1, 6, 1), nn.Dropout2d(), nn.Conv2d(6, 3, 1))
    said = mc_dropout(maps, torch.randn(2, 1, 4, 4), samples=8)
    assert (said.mean.shape, said.entropy.shape) == ((2, 3, 4, 4), (2, 4, 4))
    assert_close(said.mean.sum(1), torch.ones(2, 4, 4))


def test_dropout_inside_of_torchs_layers() -> None:
    encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True).eval()
    x = torch.randn(3, 4, 8)
    said = mc_dropout(encoder, x, samples=5, reduce="outputs")
    assert float(said.std.max()) > 0  # the fast path of evaluation would know no dropout
    assert_close(encoder(x), encoder(x), rtol=0, atol=0)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 4, num_layers=2, dropout=0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lstm(x)[0][-1]

    assert float(mc_dropout(Last(), torch.randn(5, 2, 3), samples=8).std.max()) > 0


def test_batch_normalization_stays_in_evaluation() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2)).train()
    model[2].eval()
    before = model[0].running_mean.clone()
    mc_dropout(model, torch.randn(7, 3) + 5, samples=3)
    assert_close(model[0].running_mean, before, rtol=0, atol=0)
    assert [part.training for part in model.modules()] == [True, True, True, False]


def test_a_generator_repeats_and_leaves_the_stream() -> None:
    model, x = classifier(nn.Dropout()), torch.randn(5, 3)
    stream = torch.get_rng_state()
    first = mc_dropout(model, x, samples=3, generator=seeded())
    second = mc_dropout(model, x, samples=3, generator=seeded())
    assert_close(first.mean, second.mean, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), stream, rtol=0, atol=0)
    generator = seeded()
    mc_dropout(model, x, samples=3, generator=generator)
    assert not torch.equal(mc_dropout(model, x, samples=3, generator=generator).mean, first.mean)


def test_disagreement_by_hand() -> None:
    """A net that is sure of the first class or of the second, by its mask: log 2 nats of doubt, all of them of the model."""

    class Coin(nn.Dropout):
        turn = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.turn += 1
            return torch.tensor([[1000.0, 0.0]]) if self.turn % 2 else torch.tensor([[0.0, 1000.0]])

    said = mc_dropout(Coin(), torch.ones(1), samples=4)
    assert_close(said.mean, torch.tensor([[0.5, 0.5]]))
    assert_close(said.std, torch.tensor([[0.5, 0.5]]))
    assert_close(said.entropy, torch.tensor([math.log(2)]))
    assert_close(said.mutual_information, torch.tensor([math.log(2)]))


def test_modes_come_back_when_the_model_fails() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Linear(3, 2)).train()
    model[0].eval()
    with pytest.raises(RuntimeError):
        mc_dropout(model, torch.ones(1, 4), samples=2)
    assert [part.training for part in model.modules()] == [True, False, True]


def test_no_gradients_and_an_empty_batch() -> None:
    said = mc_dropout(classifier(nn.Dropout()), torch.randn(0, 3), samples=2)
    assert said.mean.shape == (0, 4)
    assert not said.mean.requires_grad


def test_wrong_inputs() -> None:
    model, x = classifier(nn.Dropout()), torch.ones(2, 3)
    with pytest.raises(ValueError, match="there must be a pass: samples=0"):
        mc_dropout(model, x, samples=0)
    with pytest.raises(ValueError, match="one of probs, logits, outputs: it is 'mean'"):
        mc_dropout(model, x, samples=1, reduce="mean")
    with pytest.raises(
        ValueError, match=r"Sequential holds none; use torch.nn.Dropout in place of a function"
    ):
        mc_dropout(classifier(), x, samples=1)
    with pytest.raises(ValueError, match=r"\(B, K, ...\) logits: it returns \(2,\)"):
        mc_dropout(nn.Sequential(nn.Dropout(), nn.Flatten(0)), torch.ones(2, 1), samples=1)
    with pytest.raises(TypeError, match="it returns tuple"):
        mc_dropout(nn.LSTM(3, 4, num_layers=2, dropout=0.5), torch.ones(1, 2, 3), samples=1)
