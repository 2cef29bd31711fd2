"""Interventions at single operations: by function, and by the line of the user's code that calls them."""

import linecache
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, IterableDataset

from vademecum._torch.graph import is_installed

from ..recording.recorder import Recorder
from ..recording.sites import caller
from .modes import Running, after_forward

Replacement = Callable[..., Any]

FAMILIES: Mapping[str, frozenset[Any]] = {
    "softmax": frozenset({torch.softmax, functional.softmax, Tensor.softmax}),
    "log_softmax": frozenset({torch.log_softmax, functional.log_softmax, Tensor.log_softmax}),
    "sigmoid": frozenset({torch.sigmoid, functional.sigmoid, Tensor.sigmoid, torch.special.expit}),
    "tanh": frozenset((torch.tanh, functional.tanh, Tensor.tanh)),
    "relu": frozenset({torch.relu, functional.relu, Tensor.relu, torch.relu_, functional.relu6}),
    "detach": frozenset({torch.detach, Tensor.detach}),
    "round": frozenset({torch.round, Tensor.round}),
}  # fmt: skip

REGRESSIONS = frozenset({
    functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss,
})  # fmt: skip

DIFFERENCES = frozenset({
    torch.sub, Tensor.sub, Tensor.__sub__, Tensor.__rsub__, torch.subtract, Tensor.subtract,
    torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__, torch.multiply, Tensor.multiply,
}) | REGRESSIONS  # fmt: skip


ASSIGNED = re.compile(r"\s*\w+\s*[-+*/]=")
"""A line that changes what a name stands for."""


class _Replacing(TorchFunctionMode):
    """Calls a replacement in place of some functions of torch."""

    def __init__(self, table: Mapping[Any, Replacement]):
        super().__init__()
        self.table = table

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        replacement = self.table.get(func)
        if replacement is None:
            return func(*args, **(kwargs or {}))
        return replacement(func, *args, **(kwargs or {}))


@contextmanager
def replaced(table: Mapping[Any, Replacement]) -> Iterator[None]:
    """Call ``replacement(own, *args, **kwargs)`` in place of functions of torch."""
    with _Replacing(table):
        yield


def _at(file: str, line: int) -> bool:
    """Whether the running line of the user's code is the wanted one; any line where none is wanted."""
    site = caller()
    return not line or (site.line == line and site.file == file)


def _module() -> int:
    """The id of the module of torch's own, such as a `torch.nn.Sigmoid`, whose forward pass is running, else 0."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "forward":
        if not is_installed(frame.f_code.co_filename):
            return 0
        frame = frame.f_back
    return 0 if frame is None or not is_installed(frame.f_code.co_filename) else id(frame.f_locals["self"])


@contextmanager
def identity(recorder: Recorder, *, family: str, file: str = "", line: int = 0) -> Iterator[None]:
    """Leave out an operation; where a module makes it, that module's is left out wherever it is called."""
    modules: set[int] = set()

    def leave_out(own: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        module = _module()
        if recorder.busy or not (_at(file, line) or module in modules):
            return own(x, *args, **kwargs)
        modules.update({module} - {0})
        return x

    with replaced(dict.fromkeys(FAMILIES[family], leave_out)):
        yield


@contextmanager
def last_dim(recorder: Recorder, *, file: str = "", line: int = 0) -> Iterator[None]:
    """Take a softmax over the classes."""

    def over_classes(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if recorder.busy or not _at(file, line):
            return own(x, *args, **kwargs)
        given = kwargs.pop("dim", args[0] if args else None)
        classes = x.ndim == 2 or (x.ndim == 4 and given in {0, 3, -1, -4})  # else the scores of an attention
        return own(x, dim=1 if classes else -1, **kwargs)

    with replaced({own: over_classes for family in ("softmax", "log_softmax") for own in FAMILIES[family]}):
        yield


@contextmanager
def same_shape(recorder: Recorder, *, file: str = "", line: int = 0) -> Iterator[None]:
    """Give prediction and target one shape where they would be broadcast to a matrix."""

    def fitted(own: Any, a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            isinstance(a, Tensor)
            and isinstance(b, Tensor)
            and a.shape != b.shape
            and a.numel() == b.numel() > 1
            and _at(file, line)
        ):
            if b.requires_grad and not a.requires_grad:
                a = a.reshape(b.shape)
            else:
                b = b.reshape(a.shape)
        return own(a, b, *args, **kwargs)

    with replaced(dict.fromkeys(DIFFERENCES, fitted)):
        yield


@contextmanager
def shuffle(recorder: Recorder) -> Iterator[None]:
    """Let every loader of a data set with indices draw in a random order."""
    own = DataLoader.__init__

    @wraps(own)
    def init(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
        plain = not isinstance(dataset, IterableDataset) and len(args) < 2
        if plain and not any(kwargs.get(name) for name in ("sampler", "batch_sampler")):
            kwargs["shuffle"] = True
        own(self, dataset, *args, **kwargs)

    DataLoader.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataLoader.__init__ = own  # type: ignore[method-assign]


@contextmanager
def causal(recorder: Recorder) -> Iterator[None]:
    """Let attention look back only."""

    def attention(
        own: Any, q: Tensor, k: Tensor, v: Tensor, attn_mask: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if args or kwargs.get("is_causal") or q.shape[-2] != k.shape[-2]:
            return own(q, k, v, attn_mask, *args, **kwargs)
        return own(q, k, v, _back(attn_mask, q.shape[-2], q.device, seen=True), **kwargs)

    def multi_head(own: Any, query: Tensor, *args: Any, **kwargs: Any) -> Any:
        kwargs["attn_mask"] = _back(kwargs.get("attn_mask"), len(query), query.device, seen=False)
        kwargs["is_causal"] = False
        return own(query, *args, **kwargs)

    def scores(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not recorder.busy and x.ndim > 2 and x.shape[-1] == x.shape[-2] > 1:
            x = x.masked_fill(~_back(None, x.shape[-1], x.device, seen=True), float("-inf"))
        return own(x, *args, **kwargs)

    table: dict[Any, Replacement] = {
        functional.scaled_dot_product_attention: attention,
        functional.multi_head_attention_forward: multi_head,
    } | dict.fromkeys(FAMILIES["softmax"], scores)
    with replaced(table):
        yield


def _back(mask: Any, size: int, device: torch.device, *, seen: bool) -> Any:
    """A mask that also hides what comes later; seen: whether True marks what may be looked at, or what may not."""
    later = torch.ones(size, size, dtype=torch.bool, device=device).triu(1)
    if mask is None:
        return ~later if seen else later
    if mask.dtype != torch.bool:
        return mask.masked_fill(later, float("-inf"))
    return mask & ~later if seen else mask | later


@contextmanager
def guarded(recorder: Recorder, *, eps: float = 1e-6) -> Iterator[None]:
    """Keep logarithms, roots and divisors away from 0, and exponents from overflow."""

    def log(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return own(x.clamp_min(eps), *args, **kwargs)

    def exp(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return own(x.clamp_max(30.0), *args, **kwargs)

    def divided(own: Any, x: Any, by: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(by, Tensor) and by.is_floating_point():
            by = torch.where(by.abs() < eps, torch.full_like(by, eps), by)
        return own(x, by, *args, **kwargs)

    table: dict[Any, Replacement] = dict.fromkeys((torch.log, Tensor.log, torch.sqrt, Tensor.sqrt), log)
    table |= dict.fromkeys((torch.exp, Tensor.exp), exp)
    table |= dict.fromkeys((torch.div, Tensor.div, Tensor.__truediv__, Tensor.true_divide), divided)
    with replaced(table):
        yield


@contextmanager
def leaky(recorder: Recorder) -> Iterator[None]:
    """Let every ReLU pass a tenth of what is below 0."""
    with replaced({own: lambda own, x, *a, **k: functional.leaky_relu(x, 0.1) for own in FAMILIES["relu"]}):
        yield


@contextmanager
def rectified(recorder: Recorder) -> Iterator[None]:
    """Put a ReLU in place of the sigmoids and tanhs between layers; at an output they stay."""

    def relu(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return torch.relu(x) if not recorder.busy and x.requires_grad and x.shape[-1] > 16 else own(x)

    with replaced({own: relu for family in ("sigmoid", "tanh") for own in FAMILIES[family]}):
        yield


@contextmanager
def class_weights(recorder: Recorder) -> Iterator[None]:
    """Weight each class by the inverse of its share so far."""
    counts: dict[int, Tensor] = {}

    def weighted(
        own: Any, input: Tensor, target: Tensor, weight: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if not target.is_floating_point() and input.ndim > 1:
            classes = input.shape[1]
            if torch.is_grad_enabled():
                seen = torch.bincount(target.flatten().clamp(0, classes - 1), minlength=classes)
                counts[classes] = counts.get(classes, torch.zeros_like(seen)) + seen
                total = counts[classes].float().clamp_min(1)
                weight = (total.sum() / (classes * total)).to(input.dtype)
        return own(input, target, weight, *args, **kwargs)

    with replaced({functional.cross_entropy: weighted, functional.nll_loss: weighted}):
        yield


@contextmanager
def standardize_targets(recorder: Recorder) -> Iterator[None]:
    """Let a regression learn targets of mean 0 and variance 1, by what has passed in training.

    What a model returns is brought back to the units of the targets, so that the user's own figures stay comparable.
    """
    running, restored = Running(), False

    def units(module: torch.nn.Module, output: Any) -> Any:
        nonlocal restored
        columns = output.shape[-1] if isinstance(output, Tensor) and output.ndim > 1 else 1
        restored = running.fits(columns) and isinstance(output, Tensor) and output.is_floating_point()
        return running.restored(output) if restored else None

    def standard(own: Any, scores: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not target.requires_grad:
            if torch.is_grad_enabled() or not running.count:
                with torch.no_grad():
                    running.add(target.reshape(len(target), -1))
            target = running.standardized(target.reshape(len(target), -1)).reshape(target.shape)
            if restored:
                scores = running.standardized(scores.reshape(len(scores), -1)).reshape(scores.shape)
        return own(scores, target, *args, **kwargs)

    with after_forward(recorder, units), replaced(dict.fromkeys(REGRESSIONS, standard)):
        yield


@contextmanager
def log_softmax(recorder: Recorder) -> Iterator[None]:
    """Give the negative log-likelihood log-probabilities."""

    def logged(own: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        total = input.detach().exp().sum(1)
        if torch.allclose(total, torch.ones_like(total), atol=1e-3):
            return own(input, *args, **kwargs)
        raw = input.detach()
        share = bool((raw >= 0).all()) and torch.allclose(raw.sum(1), raw.new_ones(()), atol=1e-3)
        return own(input.clamp_min(1e-12).log() if share else input.log_softmax(1), *args, **kwargs)

    with replaced({functional.nll_loss: logged}):
        yield


@contextmanager
def with_logits(recorder: Recorder) -> Iterator[None]:
    """Take the binary cross-entropy of scores as of scores."""

    def scored(own: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
        raw = input.detach()
        if bool(((raw >= 0) & (raw <= 1)).all()):
            return own(input, target, *args, **kwargs)
        return functional.binary_cross_entropy_with_logits(input, target)

    with replaced({functional.binary_cross_entropy: scored}):
        yield


@contextmanager
def probabilities(recorder: Recorder) -> Iterator[None]:
    """Take the binary cross-entropy of probabilities as of probabilities."""

    def of_shares(own: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
        raw = input.detach()
        if not bool(((raw >= 0) & (raw <= 1)).all()):
            return own(input, target, *args, **kwargs)
        return functional.binary_cross_entropy(input, target)

    with replaced({functional.binary_cross_entropy_with_logits: of_shares}):
        yield


@contextmanager
def out_of_place(recorder: Recorder) -> Iterator[None]:
    """Let ``x += y`` and the like make a new tensor, where x is data; a method such as ``x.add_(y)`` stays as it is."""
    table: dict[Any, Replacement] = {
        Tensor.add_: torch.add, Tensor.sub_: torch.sub, Tensor.mul_: torch.mul, Tensor.div_: torch.div,
    }  # fmt: skip

    def made(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        site = caller()
        if recorder.busy or x.requires_grad or not ASSIGNED.match(linecache.getline(site.file, site.line)):
            return own(x, *args, **kwargs)
        return table[own](x, *args, **kwargs)

    with replaced(dict.fromkeys(table, made)):
        yield
