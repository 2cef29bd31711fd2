"""Counterfactual forward passes: what would the model have said, had it been given something else?"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.copies import bare_copy
from vademecum._torch.streams import same_streams
from vademecum._torch.trace import tensors

from ..recording.record import Kept, NotCheckedError, Record
from ..recording.reruns import copied
from ..recording.sketches import incommensurable, main_input

CLOSE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 5e-3}
"""Of the outputs' size: what sums in another order may change."""

SAME, PLACES = 0.99, 32
"""Share of the targets that must be the next input, and places that there must be to say so."""


@dataclass(frozen=True)
class Subject:
    """A model and a forward pass of it, to be run again.

    Attributes:
        name: of the model in the record.
        model: the user's; every run makes a copy of it.
        kept: what the pass was given.
        main: the largest tensor that it was given.
    """

    name: str
    model: nn.Module
    kept: Kept
    main: Tensor

    def run(
        self,
        change: Callable[[Tensor], Tensor] = lambda x: x,
        *,
        training: bool = False,
        grad: bool = False,
        watch: Callable[[nn.Module], Any] = lambda model: None,
        seed: int = 0,
    ) -> Any:
        """Run the pass again on a fresh copy, with what is random drawn as in every other run.

        Args:
            change: what becomes of each tensor that the model is given.
            training: whether the copy is in the modes of the kept pass, else as a whole in evaluation mode.
            grad: whether gradients are recorded.
            watch: given the copy before it runs, to put hooks of its own on it.
            seed: of the streams from which the copy draws.

        Returns:
            What the model returned.

        Raises:
            NotCheckedError: the model cannot be copied, or fails when it is run again.
        """
        with same_streams(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                copy = bare_copy(self.model)
            except Exception as error:
                raise NotCheckedError(
                    f"the model cannot be copied ({type(error).__name__}: {error})"
                ) from None
            copy.train(self.kept.training and training)
            if training:
                for path, part in copy.named_modules():
                    part.training = self.kept.modes.get(path, part.training)
            watch(copy)
            arguments = _changed(copied([list(self.kept.args), dict(self.kept.kwargs)]), change)
            places = {p.device for p in copy.parameters()}
            if len(places) == 1:  # the model may have been moved since
                arguments = _changed(arguments, lambda x: x.to(next(iter(places))))
            with redirect_stdout(StringIO()), torch.inference_mode(False), torch.set_grad_enabled(grad):
                torch.manual_seed(seed)
                try:
                    return copy(*arguments[0], **arguments[1])
                except Exception as error:
                    text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                    raise NotCheckedError(f"a further forward pass failed ({text})") from None


def subjects(record: Record, *, fewest: int = 2) -> Iterator[Subject]:
    """The models of a run with a pass each that can be run again.

    Args:
        record: of the run.
        fewest: examples that the batch must have.

    Yields:
        The subjects.

    Raises:
        NotCheckedError: there is none.
    """
    found, why = 0, record.notes.get("reruns", "no forward pass of a whole model in training was kept")
    for name, kept in record.kept.items():
        model = record.models[name]
        size = sum(t.nbytes for t in [*model.parameters(), *model.buffers()] if not _lazy(t))
        main = main_input(tuple(tensors((kept.args, kept.kwargs))))
        if size > record.copying:
            why = f"the model has {size >> 20} MB, and copies are made of up to {record.copying >> 20} MB"
        elif torch.distributed.is_available() and torch.distributed.is_initialized():
            why = "other processes would have to run the pass as well"
        elif main is None or len(main) < fewest:
            why = f"the kept batch has fewer than {fewest} examples"
        elif not all(bool(torch.isfinite(p).all()) for p in model.parameters() if not _lazy(p)):
            why = "weights of the model are not finite"
        else:
            found += 1
            yield Subject(name, model, kept, main)
    if not found:
        raise NotCheckedError(why)


def outputs(result: Any) -> tuple[Tensor, ...]:
    """The floating tensors in what a model returned, its loss among them where it has one."""
    found = tuple(tensors(result)) or tuple(tensors(list(getattr(result, "__dict__", {}).values())))
    return tuple(out.detach() for out in found if out.is_floating_point() and out.numel())


def shifted_axis(x: Tensor, y: Tensor | None) -> int:
    """The dimension, 0 or 1, along which targets are the inputs moved by one place; -1 for none.

    Args:
        x: (B, T) or (T, B) inputs, or (B, T, F).
        y: targets, of any shape with as many values, or with one fewer for each sequence; negative class numbers are
            skipped.

    Returns:
        The dimension of the time.

    Example:
        >>> text = torch.arange(64).reshape(2, 32)
        >>> shifted_axis(text[:, :-1], text[:, 1:])
        1
    """
    if y is None or x.ndim < 2 or x.is_floating_point() != y.is_floating_point() or x.numel() < PLACES:
        return -1
    for axis in (1, 0):
        length, later = x.shape[axis], x.narrow(axis, 1, x.shape[axis] - 1)
        if length < 3:
            continue
        if y.numel() == x.numel():
            y_here = y.reshape(x.shape).narrow(axis, 0, length - 1)
        elif y.numel() == later.numel():
            y_here = y.reshape(later.shape)
        else:
            continue
        known = torch.ones_like(y_here, dtype=torch.bool) if y.is_floating_point() else y_here >= 0
        same = torch.isclose(y_here, later.to(y_here.dtype)) if y.is_floating_point() else y_here == later
        still = (x.narrow(axis, 0, length - 1) == later)[known].float().mean()
        if (
            int(known.sum()) >= PLACES
            and float(same[known].float().mean()) >= SAME
            and float(still) < SAME - 0.09
        ):
            return axis
    return -1


def by_example(result: Any, main: Tensor) -> Tensor | None:
    """(B, ...) the first output with a row, or the same number of rows, for each example; None without one.

    A square table is taken for one of all pairs of examples, unless the input is one too.

    Args:
        result: what the model returned.
        main: (B, ...) its main input.

    Returns:
        The output, flat for each example.
    """
    examples, square = len(main), (len(main), len(main))
    for out in outputs(result):
        rows = out.ndim > 0 and out.numel() > 1 and len(out) % examples == 0
        if rows and (tuple(out.shape) != square or tuple(main.shape) == square):
            return out.reshape(examples, -1)
    return None


def moved(before: Tensor, after: Tensor) -> Tensor:
    """(B,) largest change of each row, of the size of all outputs; what is beyond `tolerance` is no rounding."""
    size = before.abs().max().clamp_min(1e-12)
    return (after - before).abs().reshape(len(before), -1).amax(1) / size


def tolerance(output: Tensor) -> float:
    """The relative change that a sum in another order may make."""
    return CLOSE.get(output.dtype, 1e-4)


@dataclass(frozen=True)
class Trace:
    """What each module of a copy returned, in the order in which they ended: a figure for each leading index.

    Attributes:
        figures: (path, (n, ...) figures) of each call whose first floating result has the wanted leading sizes.
    """

    figures: list[tuple[str, Tensor]]

    def attach(self, copy: nn.Module, sizes: tuple[int, ...]) -> None:
        """Let the modules of a copy note their results; the copy is thrown away with the hooks."""
        for path, part in copy.named_modules():

            def note(module: nn.Module, args: Any, output: Any, *, path: str = path) -> None:
                for out in outputs(output)[:1]:
                    if tuple(out.shape[: len(sizes)]) == sizes:
                        flat = out.double().reshape(*sizes, -1)
                        self.figures.append((path, flat @ incommensurable(flat.shape[-1], flat.device)))

            part.register_forward_hook(note)

    def first(self, other: "Trace", differs: Callable[[Tensor, Tensor], bool]) -> str:
        """Path of the first module, the innermost before those around it, whose figures differ; "" without one."""
        for (path, mine), (_, its) in zip(self.figures, other.figures):
            if differs(mine, its):
                return path
        return ""


def _changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Nested arguments with each tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _changed(item, change) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_changed(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    return value


def _lazy(tensor: Tensor) -> bool:
    return isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))
