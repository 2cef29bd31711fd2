"""The layer-normalized cells in scalars, what must hold of them, and the frame of their twins."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._suite import EXACT, IDENTITY, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

Row = Sequence[Tensor]
Parameters = Mapping[str, Tensor]


def layer_norm(values: Row, gain: Row, shift: Row, eps: float) -> list[Tensor]:
    """Eq. 3 and 4, unit by unit."""
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return [g * (v - mean) / (variance + eps) ** 0.5 + s for v, g, s in zip(values, gain, shift, strict=True)]


def product(weight: Tensor, vector: Row) -> list[Tensor]:
    """The summed input of each unit."""
    return [sum(w * v for w, v in zip(row, vector, strict=True)) for row in weight]


def rnn(p: Parameters, x: Row, states: Sequence[Row], eps: float) -> tuple[list[Tensor]]:
    """Eq. 4 over the sum of both products, with tanh for f."""
    summed = [
        a + b for a, b in zip(product(p["weight_hh"], states[0]), product(p["weight_ih"], x), strict=True)
    ]
    return ([a.tanh() for a in layer_norm(summed, p["gain_hh"], p["bias_hh"], eps)],)


def lstm(p: Parameters, x: Row, states: Sequence[Row], eps: float) -> tuple[list[Tensor], list[Tensor]]:
    """The LSTM of the supplementary material; gates in torch's order."""
    h, c = states
    units = len(h)
    from_h = layer_norm(product(p["weight_hh"], h), p["gain_hh"], p["bias_hh"], eps)
    from_x = layer_norm(product(p["weight_ih"], x), p["gain_ih"], p["bias_ih"], eps)
    gates = [a + b for a, b in zip(from_h, from_x, strict=True)]
    i, f, g, o = (gates[k * units : (k + 1) * units] for k in range(4))
    new_c = [f[j].sigmoid() * c[j] + i[j].sigmoid() * g[j].tanh() for j in range(units)]
    shown = layer_norm(new_c, p["gain_cell"], p["bias_cell"], eps)
    return [o[j].sigmoid() * shown[j].tanh() for j in range(units)], new_c


def gru(p: Parameters, x: Row, states: Sequence[Row], eps: float) -> tuple[list[Tensor]]:
    """The GRU of the supplementary material; gates in torch's order, r and z."""
    (h,) = states
    units = len(h)
    from_h, from_x = product(p["weight_hh"], h), product(p["weight_ih"], x)
    parts: dict[str, list[list[Tensor]]] = {}
    for name, summed in (("hh", from_h), ("ih", from_x)):
        gain, shift, two = p[f"gain_{name}"], p[f"bias_{name}"], 2 * units
        both = layer_norm(summed[:two], gain[:two], shift[:two], eps)
        parts[name] = [both[:units], both[units:], layer_norm(summed[two:], gain[two:], shift[two:], eps)]
    new = []
    for j in range(units):
        r = (parts["hh"][0][j] + parts["ih"][0][j]).sigmoid()
        z = (parts["hh"][1][j] + parts["ih"][1][j]).sigmoid()
        n = (parts["ih"][2][j] + r * parts["hh"][2][j]).tanh()
        new.append((1 - z) * h[j] + z * n)
    return (new,)


@dataclass(frozen=True)
class Kind:
    """What tells the three cells apart.

    Attributes:
        part: the public name.
        paper: (parameters, input, states, eps) -> the next states, for one example.
        gates: rows of the weights, in units of the hidden size.
        norms: size of each pair of gain and shift, in units of the hidden size.
        states: how many tensors the state has.
    """

    part: str
    paper: Callable[..., tuple[list[Tensor], ...]]
    gates: int
    norms: Mapping[str, int]
    states: int = 1

    @property
    def parameters(self) -> Mapping[str, Callable[[Arguments], tuple[int, ...]]]:
        """Shapes by name."""
        shapes: dict[str, Callable[[Arguments], tuple[int, ...]]] = {
            "weight_ih": lambda a: (self.gates * a["hidden_size"], a["input_size"]),
            "weight_hh": lambda a: (self.gates * a["hidden_size"], a["hidden_size"]),
        }
        for name, parts in self.norms.items():
            for sort in ("gain", "bias"):
                shapes[f"{sort}_{name}"] = lambda a, parts=parts: (parts * a["hidden_size"],)
        return shapes


class VariantCell(nn.Module):
    """A frame for twins: parameters by torch's names, a state of zeros, one overridable step."""

    kind: Kind

    def __init__(self, input_size: int, hidden_size: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.hidden_size, self.eps = hidden_size, eps
        for name, shape in self.kind.parameters.items():
            filled = torch.zeros if name.startswith("bias") else torch.ones
            self.register_parameter(
                name, nn.Parameter(filled(shape({"input_size": input_size, "hidden_size": hidden_size})))
            )

    def start(self, like: Tensor) -> Tensor:
        return like.new_zeros(len(like), self.hidden_size)

    def scale(self, a: Tensor) -> Tensor:
        return (a.var(-1, correction=0, keepdim=True) + self.eps).sqrt()

    def norm(self, a: Tensor, name: str, rows: slice = slice(None)) -> Tensor:
        standardized = (a - a.mean(-1, keepdim=True)) / self.scale(a)
        return standardized * getattr(self, f"gain_{name}")[rows] + getattr(self, f"bias_{name}")[rows]

    def products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        return x @ self.weight_ih.T, h @ self.weight_hh.T

    def forward(
        self, input: Tensor, hx: Tensor | tuple[Tensor, ...] | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        states = (
            (hx,)
            if isinstance(hx, Tensor)
            else hx or tuple(self.start(input) for _ in range(self.kind.states))
        )
        new = self.step(input, *states)
        return new if self.kind.states > 1 else new[0]

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError


def call(cell: Callable[..., object], x: Tensor, states: Sequence[Tensor] | None) -> tuple[Tensor, ...]:
    """Call a cell as torch's are called; the next states."""
    new = cell(x) if states is None else cell(x, states[0] if len(states) == 1 else tuple(states))
    return (new,) if isinstance(new, Tensor) else tuple(new)


def laws(kind: Kind) -> tuple[Law, ...]:
    """What must hold of a layer-normalized cell."""

    def prepared(build: Build, draw: Draw):
        cell = build(draw)
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh"):
                cell[name].copy_(draw.normal(*cell[name].shape, name=name))
        return cell.fill(draw, *(name for name in kind.parameters if not name.startswith("weight")))

    def parameters(cell) -> dict[str, Tensor]:
        """In float64; a cell without gains or shifts has 1 and 0."""
        held = {}
        for name, shape in kind.parameters.items():
            absent = torch.zeros if name.startswith("bias") else torch.ones
            size = shape(cell.arguments)
            held[name] = cell[name].detach().double() if cell.has(name) else absent(size, dtype=torch.float64)
        return held

    def inputs(draw: Draw) -> tuple[Tensor, list[Tensor]]:
        x = draw.normal()
        sizes = (len(x), draw.arguments["hidden_size"])
        return x, [draw.normal(*sizes, name=name) for name in ("h", "c")[: kind.states]]

    def reference(cell, x: Tensor, states: Sequence[Tensor], p: Parameters) -> tuple[Tensor, ...]:
        eps = cell.arguments["eps"]
        rows = [kind.paper(p, list(x[b]), [list(s[b]) for s in states], eps) for b in range(len(x))]
        return tuple(torch.stack([torch.stack(row[k]) for row in rows]) for k in range(kind.states))

    def equation(build: Build, draw: Draw) -> Iterator[Pair]:
        cell = prepared(build, draw)
        x, states = inputs(draw)
        p = parameters(cell)
        yield from zip(
            call(cell, x, states), reference(cell, x.double(), [s.double() for s in states], p), strict=True
        )

    def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
        cell = prepared(build, draw)
        x, states = inputs(draw)
        leaves = [x.requires_grad_(), *(s.requires_grad_() for s in states)]
        p = {name: value.requires_grad_() for name, value in parameters(cell).items()}
        doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
        wants = reference(cell, doubles[0], doubles[1:], p)
        got = sum(new.square().sum() for new in call(cell, x, states))
        want = sum(new.square().sum() for new in wants)
        yield from zip(
            torch.autograd.grad(got, [*leaves, *(cell[name] for name in p if cell.has(name))]),
            torch.autograd.grad(want, [*doubles, *(p[name] for name in p if cell.has(name))]),
            strict=True,
        )

    def starts_from_zero(build: Build, draw: Draw) -> Iterator[Pair]:
        cell = prepared(build, draw)
        x, states = inputs(draw)
        yield from zip(call(cell, x, None), call(cell, x, [torch.zeros_like(s) for s in states]), strict=True)

    def examples_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
        cell = prepared(build, draw)
        x, states = inputs(draw)
        alone = [call(cell, x[b : b + 1], [s[b : b + 1] for s in states]) for b in range(len(x))]
        yield from zip(
            call(cell, x, states), (torch.cat(parts) for parts in zip(*alone, strict=True)), strict=True
        )

    def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
        x = torch.zeros(0, draw.shape[1], dtype=draw.dtype)
        for new in call(build(draw), x, None):
            yield new, torch.zeros(0, draw.arguments["hidden_size"], dtype=draw.dtype)

    return (
        Law("by_the_paper", "The next state in scalars, from the paper's equations.", equation, {**IDENTITY, torch.float32: 1e-4}),
        Law("gradient", "The gradients flow through means and variances.", gradient, {torch.float64: 1e-9}),
        Law("starts_from_zero", "Without a state, the state is 0.", starts_from_zero, EXACT),
        Law("examples_do_not_mix", "An example's next state does not depend on its batch mates.", examples_do_not_mix),
        Law("empty_batch", "An empty batch gives an empty state.", empty_batch, EXACT),
    )  # fmt: skip


def suite(kind: Kind, cell: type[nn.Module], twins: tuple[Twin, ...], *more: Law) -> Suite:
    """The suite of one cell."""
    return Suite(
        technique="layer_norm",
        part=kind.part,
        subjects={kind.part: cell},
        interface=Interface(
            kind="module",
            arguments=("input_size", "hidden_size", "eps"),
            inputs=("input", "hx"),
            parameters=kind.parameters,
            defaults={"eps": 1e-5},
            aliases={
                "eps": ("epsilon",),
                **{f"gain_{name}": (f"gamma_{name}", f"alpha_{name}") for name in kind.norms},
                **{f"bias_{name}": (f"beta_{name}",) for name in kind.norms},
            },
        ),
        cases=(
            {"input_size": 2, "hidden_size": 2, "eps": 1e-5},
            {"input_size": 3, "hidden_size": 4, "eps": 0.1},
        ),
        shapes=lambda a: ((1, a["input_size"]), (2, a["input_size"])),
        laws=(*laws(kind), *more),
        twins=twins,
        inputs=None
        if kind.states > 1
        else lambda draw: (draw.normal(), draw.normal(draw.shape[0], draw.arguments["hidden_size"])),
    )
