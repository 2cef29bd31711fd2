"""Assertions about a network, for a project's own tests; each raises an AssertionError with the finding's text.

All of them work on copies: the model, its gradients and the random streams are as before.
"""

import copy
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.copies import bare_copy
from vademecum._torch.streams import same_streams
from vademecum._torch.trace import tensors

from . import checks
from ._finding import Case, Finding
from .evidence.probes import moved, tolerance
from .examine import examine
from .experiments.batch_independence import batch_independence
from .experiments.overfit_small import overfit_small
from .recording.attach import attached
from .recording.loaders import readable
from .recording.recorder import Recorder
from .recording.schedule import Schedule
from .script.plain_loop import loss_of
from .watch import TrainingError

Built = tuple[nn.Module, torch.optim.Optimizer, Callable[..., Tensor] | None, Iterable[Any]]


def assert_trainable(build: Callable[[], Built] | Built, *, steps: int = 30) -> None:
    """Train a copy for some steps, all looked at, and demand that no rule finds a fault.

    Args:
        build: (model, optimizer, loss_fn, batches), or a function that makes them; loss_fn may be None where the
            model's output has a ``loss``, a batch is (inputs, targets) or a mapping for the model, and the
            batches can be gone through again.
        steps: optimizer steps.

    Raises:
        AssertionError: a rule warns of something.

    Example:
        >>> net = nn.Linear(4, 3)
        >>> x, y = torch.randn(16, 4), torch.arange(16) % 3
        >>> adam = torch.optim.Adam(net.parameters())
        >>> assert_trainable((net, adam, nn.CrossEntropyLoss(), [(x, y)]))
    """
    with same_streams():
        model, optimizer, loss_fn, batches = build() if callable(build) else build
        readable(batches, "batches")
        model, optimizer = copy.deepcopy((model, optimizer))
        recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=True))
        recorder.add_model(model)
        recorder.add_optimizer(optimizer)
        with torch.enable_grad(), attached(recorder, [model], [optimizer]):
            for batch in itertools.islice(_again(batches), steps):
                optimizer.zero_grad()
                loss_of(model, loss_fn, batch).backward()
                optimizer.step()
        recorder.record.finished = True
        recorder.ends()
        report = examine(recorder)
    if told := _told(report.findings):
        raise AssertionError(told)


def assert_overfits_one_batch(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    num_classes: int = 0,
) -> None:
    """Demand that a copy learns a few examples by heart: dropout and weight decay off, Adam at several rates.

    Args:
        model: in any state.
        loss_fn: (output, targets) -> () loss.
        x: (B, ...) inputs.
        y: (B, ...) targets.
        num_classes: K of a classification, else 0.

    Raises:
        AssertionError: it does not learn them.

    Example:
        >>> assert_overfits_one_batch(nn.Linear(9, 3), nn.CrossEntropyLoss(), torch.eye(9), torch.arange(9) % 3,
        ...                           num_classes=3)
    """
    if told := _told(overfit_small(Case(model, x, y, loss_fn, num_classes)), also={"note"}):
        raise AssertionError(told)


def assert_no_batch_mixing(model: nn.Module, x: Tensor) -> None:
    """Demand that in evaluation mode the output for an example does not depend on the others of its batch.

    Args:
        model: with one output that has a row an example.
        x: (B, ...) at least two examples.

    Raises:
        AssertionError: it does.
        ValueError: fewer than two examples came.

    Example:
        >>> assert_no_batch_mixing(nn.BatchNorm1d(3), torch.randn(4, 3))
    """
    if len(x) < 2:
        raise ValueError(f"it takes two examples to mix: x is {tuple(x.shape)}; pass a larger batch.")
    case = Case(model, x, torch.zeros(len(x)), lambda output, target: output.sum(), 0)
    if told := _told(batch_independence(case)):
        raise AssertionError(told)


def assert_deterministic_eval(model: nn.Module, *inputs: Any) -> None:
    """Demand that the model in evaluation mode says the same twice, whatever the random streams say.

    Args:
        model: in any mode.
        inputs: its positional arguments.

    Raises:
        AssertionError: it says different things.

    Example:
        >>> assert_deterministic_eval(nn.Dropout(), torch.ones(8))
    """
    outputs = []
    with same_streams(), torch.no_grad():
        for seed in (0, 1):
            torch.manual_seed(seed)
            outputs.append(list(tensors(bare_copy(model).eval()(*copy.deepcopy(inputs)))))
    for place, (one, other) in enumerate(zip(*outputs)):
        if one.shape != other.shape or not torch.allclose(one, other, tolerance(one), 0, equal_nan=True):
            raise AssertionError(
                "dropout-active-in-eval: "
                f"In evaluation mode two passes with the same input differ (output {place}, {tuple(one.shape)}). "
                "Give functional dropout training=self.training, and draw noise only in training."
            )


def assert_gradients_reach(
    model: nn.Module, loss_fn: Callable[..., Tensor] | None, batch: Any, *, except_for: Collection[str] = ()
) -> None:
    """Demand that one backward pass gives each trainable parameter a gradient, finite, and not zero for all of them.

    Args:
        model: in any state.
        loss_fn: (output, targets) -> () loss, or None where the model's output has a ``loss``.
        batch: (inputs, targets) or a mapping for the model.
        except_for: names of parameters that need none.

    Raises:
        AssertionError: it does not, with the names.

    Example:
        >>> batch = torch.randn(4, 3), torch.zeros(4).long()
        >>> assert_gradients_reach(nn.Linear(3, 2), nn.CrossEntropyLoss(), batch)
    """
    own = bare_copy(model)
    with same_streams(), torch.enable_grad():
        loss = loss_of(own, loss_fn, copy.deepcopy(batch))
        if loss.requires_grad:
            loss.backward()
    trained = {name: p for name, p in own.named_parameters() if p.requires_grad and name not in except_for}
    empty = [name for name, p in trained.items() if p.grad is None]
    broken = [name for name, p in trained.items() if p.grad is not None and not bool(p.grad.isfinite().all())]
    if not trained:
        raise AssertionError("frozen-by-mistake: No parameter is trainable. Unfreeze what is to be trained.")
    if empty:
        raise AssertionError(
            f"detached-part: No gradient reaches {len(empty)} of {len(trained)} trainable parameters: "
            f"{', '.join(empty)}. Look for detach(), .data, numpy(), argmax or no_grad between them and the loss."
        )
    if broken:
        raise AssertionError(
            f"non-finite: Gradients are not finite: {', '.join(broken)}. Bound what is divided by, rooted or "
            "exponentiated."
        )
    if not any(bool(p.grad.any()) for p in trained.values() if p.grad is not None):
        raise AssertionError(
            "nondifferentiable-output: Every gradient is exactly zero, so that nothing would be learned. Compute the "
            "loss before rounding."
        )


def assert_causal(model: nn.Module, x: Tensor, *, dim: int = 1) -> None:
    """Demand that the output up to a position does not depend on what comes after it.

    Args:
        model: called with x alone; its first output has the same number of positions.
        x: (B, T, ...) inputs, such as token ids; later positions are exchanged with those of other places.
        dim: of the positions.

    Raises:
        AssertionError: it does.
        ValueError: there are fewer than two positions, or they cannot be told apart in the output.

    Example:
        >>> assert_causal(nn.Embedding(5, 3), torch.arange(8).view(2, 4) % 5)
    """
    length = x.shape[dim] if x.ndim > dim else 0
    if length < 2:
        raise ValueError(f"it takes two positions: x is {tuple(x.shape)} with positions in dimension {dim}.")
    with same_streams(), torch.no_grad():
        own = bare_copy(model).eval()
        before = _first(own(x.clone()), dim, length)
        for cut in sorted({1, length // 2, length - 1}):
            later = x.narrow(dim, cut, length - cut)
            changed = x.clone()
            changed.narrow(dim, cut, length - cut).copy_(_other(later))
            after = _first(own(changed), dim, length)
            change = moved(
                before.narrow(dim, 0, cut).movedim(dim, 0), after.narrow(dim, 0, cut).movedim(dim, 0)
            )
            if float(change.max()) > tolerance(before):
                raise AssertionError(
                    "missing-causal-mask: "
                    f"The output at position {int(change.argmax())} changes by {float(change.max()):.2g} of its size "
                    f"when the input from position {cut} on is another: it sees its own answer. "
                    "Give attention a causal mask (is_causal=True), and pad convolutions on the left only."
                )


def _other(later: Tensor) -> Tensor:
    """The same values at other places; each differs from what was there where that is possible."""
    if later.is_floating_point():
        return later.flip(0) * -1.5 + 1
    high = int(later.max())
    return torch.where(later == high, later.min().expand_as(later), torch.full_like(later, high))


def _first(result: Any, dim: int, length: int) -> Tensor:
    """The first output that has the positions."""
    out = next((t for t in tensors(result) if t.is_floating_point() and t.ndim > dim), None)
    if out is None or out.shape[dim] != length:
        shape = None if out is None else tuple(out.shape)
        raise ValueError(f"the output must have {length} positions in dimension {dim}: {shape} came.")
    return out.detach()


def _again(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches over and over; nothing where there are none."""
    found = True
    while found:
        found = False
        for batch in batches:
            found = True
            yield batch


def _told(findings: Iterable[Finding], *, also: Collection[str] = ()) -> str:
    """The faults among findings, in a line each; "" where there is none."""
    return "\n".join(str(TrainingError(f)) for f in findings if f.severity in {"error", "warning", *also})
