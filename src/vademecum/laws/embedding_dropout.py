"""Laws of embedding dropout: one draw for each type of word, scaled, and the stored embedding as it was."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.embedding_dropout import EmbeddingDropout

from ._dropouts import P_ALIASES, SAMPLED
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

MANY = 40_000
"""Types of words for the statistical laws."""


class Embedding(EmbeddingDropout):
    """The layer from plain numbers."""

    def __init__(self, num_embeddings: int, embedding_dim: int, p: float) -> None:
        super().__init__(nn.Embedding(num_embeddings, embedding_dim, padding_idx=0), p)
        nn.init.uniform_(self.embedding.weight, 1.0, 2.0)  # nowhere 0, so that what is dropped is seen


def words(draw: Draw) -> Tensor:
    return draw.integers(*draw.shape, high=draw.arguments["num_embeddings"])


def evaluation_is_the_embedding(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, w = build(draw).eval(), words(draw)
    yield layer(w), layer.object.embedding.weight[w]


def kept_words_are_scaled(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, w = build(draw).train(), words(draw)
    y = layer(w)
    yield y, torch.where(y == 0, 0.0, layer.object.embedding.weight[w] / (1 - draw.arguments["p"]))


def whole_types(build: Build, draw: Draw) -> Iterator[Pair]:
    """In a batch of one word many times over, all of its numbers are dropped, or none."""
    layer = build(draw).train()
    for word in range(draw.arguments["num_embeddings"]):
        kept = (layer(torch.full((4, 5), word)) != 0).double()
        yield kept, kept[0, 0, 0].expand(kept.shape)


def share_dropped(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, p = build(draw, num_embeddings=MANY).train(), draw.arguments["p"]
    every = torch.arange(MANY)
    first, second = (layer(every)[:, 0] == 0).double(), (layer(every)[:, 0] == 0).double()
    yield first.mean(), torch.tensor(p, dtype=torch.float64)
    yield (first * second).mean(), torch.tensor(p * p, dtype=torch.float64)
    yield (first * first.roll(1, 0)).mean(), torch.tensor(p * p, dtype=torch.float64)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    """A row gets the upstream gradient of each of its places, times its factor; the padding gets none."""
    layer, w = build(draw).train(), words(draw)
    y = layer(w)
    upstream = draw.normal(*y.shape, name="upstream")
    table = layer.object.embedding.weight
    want = torch.zeros_like(table)
    for word, up, out in zip(w.flatten().tolist(), upstream.flatten(0, -2), y.flatten(0, -2), strict=True):
        if word != 0 and bool((out != 0).all()):
            want[word] += up / (1 - draw.arguments["p"])
    yield torch.autograd.grad((y * upstream).sum(), table)[0], want


def table_is_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw)
    before = layer.object.embedding.weight.detach().clone()
    for mode in (True, False):
        layer.train(mode)(words(draw))
        yield layer.object.embedding.weight, before


class Variant(Embedding):
    """Embedding dropout, in parts that the twins replace."""

    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        return nn.functional.dropout(rows.new_ones(self.embedding.num_embeddings), self.p)[w].unsqueeze(-1)

    def forward(self, w: Tensor) -> Tensor:
        rows = self.embedding(w)
        return rows * self.factor(rows, w) if self.training else rows


class Places(Variant):
    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        return nn.functional.dropout(rows.new_ones(rows.shape[:-1]), self.p).unsqueeze(-1)


class Numbers(Variant):
    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        return nn.functional.dropout(torch.ones_like(self.embedding.weight), self.p)[w]


class Unscaled(Variant):
    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        return super().factor(rows, w) * (1 - self.p)


class Keeps(Variant):
    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        return (super().factor(rows, w) == 0) / (1 - self.p)


class AlwaysOn(Variant):
    def forward(self, w: Tensor) -> Tensor:
        rows = self.embedding(w)
        return rows * self.factor(rows, w)


class ScalesTheTable(Variant):
    def forward(self, w: Tensor) -> Tensor:
        with torch.no_grad():
            self.embedding.weight.mul_(1.5)
        return super().forward(w)


class GradientOne(Variant):
    def forward(self, w: Tensor) -> Tensor:
        rows = self.embedding(w)
        return rows + (super().forward(w) - rows).detach()


class DrawnOnce(Variant):
    def factor(self, rows: Tensor, w: Tensor) -> Tensor:
        numbers = torch.rand(self.embedding.num_embeddings, generator=torch.Generator().manual_seed(0))
        return ((numbers >= self.p).to(rows.dtype) / (1 - self.p))[w].unsqueeze(-1)


SUITES = (
    Suite(
        technique="embedding_dropout",
        part="EmbeddingDropout",
        subjects={"EmbeddingDropout": Embedding},
        interface=Interface(
            kind="module", arguments=("num_embeddings", "embedding_dim", "p"), aliases=P_ALIASES
        ),
        cases=(
            {"num_embeddings": 5, "embedding_dim": 2, "p": 0.5},
            {"num_embeddings": 9, "embedding_dim": 3, "p": 0.2},
        ),
        shapes=lambda a: ((4,), (3, 7)),
        laws=(
            Law("evaluation_is_the_embedding", r"$$ y_n = E_{w_n} $$ in evaluation.", evaluation_is_the_embedding, EXACT),
            Law("kept_words_are_scaled", r"$$ y_n \in \{0,\ E_{w_n} / (1 - p)\} $$", kept_words_are_scaled),
            Law("whole_types", "All numbers of a word at all of its places are dropped together.", whole_types, EXACT),
            Law("share_dropped", r"$$ P(m_w = 0) = p $$, apart for types and passes.", share_dropped, SAMPLED),
            Law("gradient", r"$$ \nabla_{E_w} L = \frac{m_w}{1 - p} \sum_{n: w_n = w} \nabla_{y_n} L $$, none for the padding.", gradient),
            Law("table_is_untouched", "The stored embedding is as it was.", table_is_untouched, EXACT),
        ),
        twins=(
            Twin("places", Places, "you drop places; a word is dropped at all of its places."),
            Twin("numbers", Numbers, "you drop single numbers of an embedding; a word is dropped as a whole."),
            Twin("unscaled", Unscaled, "what is kept is not scaled by 1 / (1 - p)."),
            Twin("keeps_with_p", Keeps, "your p is the probability of keeping; here it is that of dropping."),
            Twin("always_on", AlwaysOn, "you drop in evaluation too."),
            Twin("scales_the_table", ScalesTheTable, "you change the stored embedding."),
            Twin("gradient_one", GradientOne, "the gradient does not pass through your mask."),
            Twin("drawn_once", DrawnOnce, "you use the same mask in every pass."),
        ),
        inputs=lambda draw: (words(draw),),
    ),
)  # fmt: skip
