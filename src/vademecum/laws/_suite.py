"""What a law suite is made of: plain frozen records, written down in ``laws/<slug>.py``.

A **law** is something that must hold of any right implementation. Its check is a generator that draws an
input, calls the thing under test, and yields pairs *(got, want)*; the engine measures how far they are
apart and compares that with what the law allows at that precision.

A **twin** is a small wrong implementation. Each twin must be caught by some law, and each law must catch
some twin: a law that catches nothing is no check.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Arguments = Mapping[str, Any]
Pair = tuple[Tensor, Tensor]

EXACT: Mapping[torch.dtype, float] = {torch.float64: 0.0}
IDENTITY: Mapping[torch.dtype, float] = {torch.float64: 1e-10, torch.float32: 1e-5}
"""Allowed error by precision, unless a law says otherwise: the one table for all suites."""


@dataclass(frozen=True)
class Interface:
    """How an object under test is built and called.

    Attributes:
        kind: "module": built with `arguments`, then called on `inputs`, and holding `parameters`;
            "function": called on `inputs`, with `arguments` as keywords.
        arguments: the arguments that the laws vary, by torch's names.
        inputs: the names of what is passed by position.
        parameters: learnable tensors by torch's names, each with its shape. A function under test in a
            module's place gets them as keywords.
        buffers: tensors that are kept but not learned, by torch's names, each as it is at the start; a function
            gets them as keywords and changes them in place.
        defaults: what is taken for an argument that the object neither takes nor shows.
        aliases: names that other implementations give to the same thing.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input",)
    parameters: Mapping[str, Callable[[Arguments], tuple[int, ...]]] = field(default_factory=dict)
    buffers: Mapping[str, Callable[[Arguments], Tensor]] = field(default_factory=dict)
    defaults: Arguments = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.kind in {"module", "function"}, self.kind


class Draw:
    """The inputs of one check: reproducible, remembered, and simple when asked to be.

    Attributes:
        arguments: the arguments with which the object under test is built.
        shape: the shape of the main input.
        dtype: the precision of everything drawn.
        drawn: what was drawn, by name, for the report of a failure.
    """

    def __init__(
        self,
        arguments: Arguments,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        *,
        seed: int,
        decimals: int | None = None,
    ) -> None:
        self.arguments = dict(arguments)
        self.shape = shape
        self.dtype = dtype
        self.decimals = decimals
        self.drawn: dict[str, Tensor] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def _keep(self, name: str, value: Tensor) -> Tensor:
        label, count = name, 2
        while label in self.drawn:
            label, count = f"{name}_{count}", count + 1
        if value.is_floating_point():
            if self.decimals is not None:
                value = value.round(decimals=self.decimals)
            value = value.to(self.dtype)
        self.drawn[label] = value
        return value.clone()

    def normal(self, *shape: int, mean: float = 0.0, std: float = 1.0, name: str = "x") -> Tensor:
        """Draw from a normal distribution; the main input's shape where none is given."""
        wide = torch.randn(*(shape or self.shape), generator=self.generator, dtype=torch.float64)
        return self._keep(name, mean + std * wide)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0, name: str = "x") -> Tensor:
        """Draw uniformly from [low, high); the main input's shape where none is given."""
        wide = torch.rand(*(shape or self.shape), generator=self.generator, dtype=torch.float64)
        return self._keep(name, low + (high - low) * wide)

    def integers(self, *shape: int, high: int, name: str = "y") -> Tensor:
        """Draw int64 from 0 .. high - 1."""
        return self._keep(name, torch.randint(high, shape, generator=self.generator))


Build = Callable[..., Any]
"""``build(draw, **changed) -> Subject``: the object under test, built with the draw's arguments."""
Check = Callable[[Build, Draw], Iterator[Pair]]


@dataclass(frozen=True)
class Law:
    """One thing that must hold.

    Attributes:
        name: as a person would say it, in snake case.
        equation: Markdown with ``$$``, or a sentence.
        check: (build, draw) -> pairs of what was got and what is right.
        tolerance: the error allowed in each precision in which the law is checked, as the largest
            |got - want| / max(1, |want|).
        cases: narrows the suite's arguments down; all where it is None.
        no_twin: why no twin is caught by this law, where none is.
    """

    name: str
    equation: str
    check: Check
    tolerance: Mapping[torch.dtype, float] = field(default_factory=lambda: IDENTITY)
    cases: Callable[[Arguments], bool] | None = None
    no_twin: str = ""


@dataclass(frozen=True)
class Twin:
    """A broken implementation.

    Attributes:
        name: what is broken, in snake case.
        build: a class or function of the same interface as the right one.
        pitfall: what to say to somebody whose object behaves like this twin.
    """

    name: str
    build: Callable[..., object]
    pitfall: str


@dataclass(frozen=True)
class Suite:
    """The laws of one technique, or of one of its parts.

    Attributes:
        technique: the slug.
        part: the public name under test, such as "GroupNorm".
        subjects: what must pass, by name: ours, and torch's where torch has it.
        interface: how an object is built and called.
        cases: arguments to build with, from small to large.
        shapes: shapes of the main input for given arguments, from small to large.
        laws: what must hold.
        twins: what must be caught.
        inputs: all inputs of a call, where it is not one normal draw of the main shape; for the tests that
            any module must pass.
    """

    technique: str
    part: str
    subjects: Mapping[str, object]
    interface: Interface
    cases: Sequence[Arguments]
    shapes: Callable[[Arguments], Iterable[tuple[int, ...]]]
    laws: tuple[Law, ...]
    twins: tuple[Twin, ...]
    inputs: Callable[[Draw], tuple[Tensor, ...]] | None = None

    @property
    def name(self) -> str:
        """The name that `conform` takes: ``group_norm.GroupNorm``."""
        return f"{self.technique}.{self.part}"
