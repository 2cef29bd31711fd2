"""The suites of the layer-normalized cells: each with its twins."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.nn.norm.layer_norm import LayerNormGRUCell, LayerNormLSTMCell, LayerNormRNNCell

from . import _layer_norm_cells as cells
from ._layer_norm_cells import Kind, VariantCell
from ._suite import IDENTITY, Build, Draw, Law, Pair, Twin

RNN = Kind("LayerNormRNNCell", cells.rnn, gates=1, norms={"hh": 1})
LSTM = Kind("LayerNormLSTMCell", cells.lstm, gates=4, norms={"ih": 4, "hh": 4, "cell": 1}, states=2)
GRU = Kind("LayerNormGRUCell", cells.gru, gates=3, norms={"ih": 3, "hh": 3})


class RNNVariant(VariantCell):
    """The plain cell with one thing wrong."""

    kind = RNN

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        from_x, from_h = self.products(x, states[0])
        return (self.norm(from_x + from_h, "hh").tanh(),)


class NormalizesApart(RNNVariant):
    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        from_x, from_h = self.products(x, states[0])
        return ((self.norm(from_x, "hh") + self.norm(from_h, "hh") - self.bias_hh).tanh(),)


class LSTMVariant(VariantCell):
    """The LSTM with one thing wrong."""

    kind = LSTM
    order = (0, 1, 2, 3)  # where i, f, g, o stand

    def gates(self, x: Tensor, h: Tensor) -> Tensor:
        from_x, from_h = self.products(x, h)
        return self.norm(from_h, "hh") + self.norm(from_x, "ih")

    def shown(self, c: Tensor) -> Tensor:
        return self.norm(c, "cell").tanh()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        h, c = states
        chunks = self.gates(x, h).chunk(4, dim=-1)
        i, f, g, o = (chunks[place] for place in self.order)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * self.shown(c), c


class PaperOrder(LSTMVariant):
    order = (1, 0, 3, 2)


class NormalizesTheSum(LSTMVariant):
    def gates(self, x: Tensor, h: Tensor) -> Tensor:
        from_x, from_h = self.products(x, h)
        return self.norm(from_h + from_x, "hh") + self.bias_ih


class EachGateApart(LSTMVariant):
    def norm(self, a: Tensor, name: str, rows: slice = slice(None)) -> Tensor:
        size = self.hidden_size
        parts = [
            super(EachGateApart, self).norm(a[:, k : k + size], name, slice(k, k + size))
            for k in range(0, a.shape[1], size)
        ]
        return torch.cat(parts, dim=1)


class PlainCellState(LSTMVariant):
    def shown(self, c: Tensor) -> Tensor:
        return c.tanh()


class CarriesTheNormalized(LSTMVariant):
    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        h, c = super().step(x, *states)
        return h, self.norm(c, "cell")


class GRUVariant(VariantCell):
    """The GRU with one thing wrong."""

    kind = GRU

    def mix(self, z: Tensor, h: Tensor, n: Tensor) -> Tensor:
        return (1 - z) * h + z * n

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        (h,) = states
        from_x, from_h = self.products(x, h)
        two, new = slice(2 * self.hidden_size), slice(2 * self.hidden_size, None)
        r, z = (
            (self.norm(from_h[:, two], "hh", two) + self.norm(from_x[:, two], "ih", two))
            .sigmoid()
            .chunk(2, dim=-1)
        )
        return (self.mix(z, h, self.candidate(r, self.norm(from_x[:, new], "ih", new), from_h[:, new])),)

    def candidate(self, r: Tensor, from_x: Tensor, from_h: Tensor) -> Tensor:
        return (from_x + r * self.norm(from_h, "hh", slice(2 * self.hidden_size, None))).tanh()


class TorchUpdateGate(GRUVariant):
    def mix(self, z: Tensor, h: Tensor, n: Tensor) -> Tensor:
        return z * h + (1 - z) * n


class ResetInside(GRUVariant):
    def candidate(self, r: Tensor, from_x: Tensor, from_h: Tensor) -> Tensor:
        return (from_x + self.norm(r * from_h, "hh", slice(2 * self.hidden_size, None))).tanh()


class AllGatesTogether(GRUVariant):
    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        from_x, from_h = self.products(x, states[0])
        xr, xz, xn = self.norm(from_x, "ih").chunk(3, dim=-1)
        hr, hz, hn = self.norm(from_h, "hh").chunk(3, dim=-1)
        return (self.mix((xz + hz).sigmoid(), states[0], (xn + (xr + hr).sigmoid() * hn).tanh()),)


def common(frame: type[VariantCell]) -> tuple[Twin, ...]:
    """The twins that every cell has."""

    class Unbiased(frame):  # type: ignore[misc, valid-type]
        def scale(self, a: Tensor) -> Tensor:
            return (a.var(-1, correction=1, keepdim=True) + self.eps).sqrt()

    class Constant(frame):  # type: ignore[misc, valid-type]
        def scale(self, a: Tensor) -> Tensor:
            return super().scale(a).detach()

    class Unscaled(frame):  # type: ignore[misc, valid-type]
        def scale(self, a: Tensor) -> Tensor:
            return torch.ones_like(a)

    class BatchScale(frame):  # type: ignore[misc, valid-type]
        def scale(self, a: Tensor) -> Tensor:
            return (a.var(0, correction=0, keepdim=True) + self.eps).sqrt()

    class StartsAtOne(frame):  # type: ignore[misc, valid-type]
        def start(self, like: Tensor) -> Tensor:
            return super().start(like) + 1

    class NoEmpty(frame):  # type: ignore[misc, valid-type]
        def start(self, like: Tensor) -> Tensor:
            return super().start(like.reshape(len(like), -1))

    return (
        Twin(
            "unbiased_variance",
            Unbiased,
            "your variance is the unbiased one (divides by n - 1); the paper's is biased.",
        ),
        Twin("constant_statistics", Constant, "your standard deviation is cut off from the gradient."),
        Twin("only_centers", Unscaled, "your cell does not divide by the standard deviation."),
        Twin(
            "over_the_batch",
            BatchScale,
            "your standard deviation runs over the batch; each example has its own.",
        ),
        Twin("starts_at_one", StartsAtOne, "your state does not start from 0."),
        Twin("refuses_empty", NoEmpty, "your cell fails on an empty batch."),
    )


def halves(build: Build, draw: Draw) -> Iterator[Pair]:
    cell = build(draw)
    x = torch.zeros(draw.shape, dtype=draw.dtype)
    h = x.new_zeros(len(x), cell.arguments["hidden_size"])
    with torch.no_grad():
        for name in LSTM.parameters:
            if cell.has(name):
                cell[name].fill_(0.0 if name.startswith("bias") else 1.0)
    c = draw.normal(*h.shape, name="c")
    new_h, new_c = cell(x, (h, c))
    yield new_c, c / 2
    yield new_h, F.layer_norm(c.double() / 2, h.shape[1:], eps=cell.arguments["eps"]).tanh() / 2


CELLS = (
    cells.suite(
        LSTM,
        LayerNormLSTMCell,
        (
            Twin("paper_order", PaperOrder, "your gates stand in the order f, i, o, g of the paper; torch's, which your weights are read by, is i, f, g, o."),
            Twin("normalizes_the_sum", NormalizesTheSum, "your cell normalizes the sum of both products; each is normalized on its own."),
            Twin("each_gate_apart", EachGateApart, "your cell normalizes each gate on its own; the statistics run over all four."),
            Twin("plain_cell_state", PlainCellState, "your cell state is not normalized before the last tanh."),
            Twin("carries_the_normalized", CarriesTheNormalized, "your cell hands on the normalized cell state; only the output sees it normalized."),
            *common(LSTMVariant),
        ),
        Law("halves_without_input", r"$$ x = h = 0 \Rightarrow c' = c / 2, \; h' = \tanh(\mathrm{LN}(c')) / 2 $$", halves, {**IDENTITY, torch.float32: 1e-4}),
    ),
    cells.suite(
        GRU,
        LayerNormGRUCell,
        (
            Twin("torch_update_gate", TorchUpdateGate, "your update gate weighs the old state, as torch's GRU does; the paper's weighs the new one."),
            Twin("reset_inside", ResetInside, "your reset gate acts before the normalization; it belongs after it."),
            Twin("all_gates_together", AllGatesTogether, "your statistics run over gates and candidate; the candidate has its own."),
            *common(GRUVariant),
        ),
    ),
    cells.suite(
        RNN,
        LayerNormRNNCell,
        (
            Twin("normalizes_apart", NormalizesApart, "your cell normalizes each product on its own; here the sum is normalized."),
            *common(RNNVariant),
        ),
    ),
)  # fmt: skip
