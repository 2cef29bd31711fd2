"""One file from which a run goes on: tensors in safetensors, counters as JSON in its header. No pickle is read.

No random state is kept. Every random number of a run is drawn from a seed that is a function of the recipe's seed,
the epoch, the step and the process, so the counters alone say what comes next.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from vademecum._core.errors import InputError

__all__ = ["Checkpoint", "Progress", "Row", "named", "numbered"]

HEADER = "vademecum"
FORMAT = 2


@dataclass(frozen=True)
class Row:
    """One line of ``metrics.csv``: an epoch.

    Attributes:
        epoch: counted from 1.
        step: optimizer steps since the start of the run.
        learning_rate: of the epoch's last step.
        train_loss: mean over the epoch, while the weights were moving and dropout was on.
        val_loss: after the epoch, in the same unit.
        val_metric: accuracy, or R squared.
        seconds: since the start, interruptions excluded.
        member: of an ensemble, counted from 1.
    """

    epoch: int
    step: int
    learning_rate: float
    train_loss: float
    val_loss: float
    val_metric: float
    seconds: float
    member: int = 1


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands.

    Attributes:
        rate: the peak learning rate.
        epoch: epochs that are complete.
        step: steps done in the epoch under way.
        loss_sum: training loss summed over the examples of the epoch under way.
        seen: examples of the epoch under way.
        seconds: spent so far.
        stopping: state of the early stopping.
        history: one row for each complete epoch.
        member: of an ensemble, counted from 1.
        groups: the optimizer's settings, as `optimizer_settings` gave them.
    """

    rate: float
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    stopping: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Row, ...] = ()
    member: int = 1
    groups: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        """Read what `to_json` wrote.

        Args:
            text: JSON.

        Returns:
            The same progress.

        Raises:
            ValueError: the text is something else.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"not a header of format {FORMAT}")
        rows = tuple(_row(row) for row in values.pop("history"))
        stopping = {str(name): float(value) for name, value in values.pop("stopping").items()}
        whole = {name: int(values.pop(name)) for name in ("epoch", "step", "seen", "member")}
        real: dict[str, Any] = {name: float(values.pop(name)) for name in ("rate", "loss_sum", "seconds")}
        groups = tuple(dict(group) for group in values.pop("groups"))
        if values or min(whole.values()) < 0 or len(rows) != whole["epoch"]:
            raise ValueError("counters that do not fit one another")
        return cls(**whole, **real, stopping=stopping, history=rows, groups=groups)

    def to_json(self) -> str:
        """Write it down; every float comes back bit for bit."""
        return json.dumps({"format": FORMAT, **asdict(self)})


def _row(values: Mapping[str, float]) -> Row:
    """Read one row of the history; a missing or misplaced number is a KeyError or a ValueError."""
    read: dict[str, Any] = {f.name: float(values[f.name]) for f in fields(Row)}
    return Row(**{**read, **{name: int(values[name]) for name in ("epoch", "step", "member")}})


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds.

    Attributes:
        progress: the counters.
        model: the weights and buffers now.
        best: those of the best epoch so far; {} before the first.
        optimizer: tensors of its state as ``<parameter's number>.<name>``.
        average: of the weights, where one is kept.
        learned: what the loss and the regularizers learn.
        snapshots: weights at the end of each cycle, as ``<number>.<name>``.

    Example:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> checkpoint = Checkpoint(Progress(rate=0.1, step=3), {"w": torch.ones(2)}, {}, {})
        >>> with TemporaryDirectory() as place:
        ...     path = Path(place) / "last.safetensors"
        ...     _ = path.write_bytes(checkpoint.to_bytes())
        ...     again = Checkpoint.read(path)
        >>> again.progress.step, again.model["w"]
        (3, tensor([1., 1.]))
    """

    progress: Progress
    model: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    average: Mapping[str, Tensor] = field(default_factory=dict)
    learned: Mapping[str, Tensor] = field(default_factory=dict)
    snapshots: Mapping[str, Tensor] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Give the content of the file."""
        from safetensors.torch import save

        tensors = {f"{part}.{name}": t for part in _PARTS for name, t in getattr(self, part).items()}
        return save(tensors, metadata={HEADER: self.progress.to_json()})

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint; whatever the file holds, nothing of it is executed.

        Args:
            path: a safetensors file that `to_bytes` made.

        Returns:
            The checkpoint, on the CPU.

        Raises:
            InputError: the file is truncated, or is something else.
        """
        from safetensors import SafetensorError, safe_open

        parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
        try:
            with safe_open(path, framework="pt") as file:
                progress = Progress.from_json((file.metadata() or {})[HEADER])
                for key in file.keys():  # noqa: SIM118 - the file is no mapping
                    part, _, name = key.partition(".")
                    parts[part][name] = file.get_tensor(key)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"a checkpoint must be a whole safetensors file of a run: {path} is none ({error}); "
                "delete it to let --resume begin again, or repeat the run from its recipe."
            ) from error
        return cls(progress, **parts)


_PARTS = tuple(f.name for f in fields(Checkpoint) if f.name != "progress")


def named(states: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Put several states into one.

    Args:
        states: tensors by name.

    Returns:
        The tensors as ``<number>.<name>``.

    Example:
        >>> import torch
        >>> named([{"w": torch.tensor(1)}, {"w": torch.tensor(2)}])
        {'0.w': tensor(1), '1.w': tensor(2)}
    """
    return {f"{i}.{name}": t for i, state in enumerate(states) for name, t in state.items()}


def numbered(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Take apart what `named` has put together.

    Args:
        tensors: as ``<number>.<name>``.

    Returns:
        The states by number, ascending; one that held nothing is missing.

    Raises:
        InputError: a name has no number before it.

    Example:
        >>> import torch
        >>> numbered({"0.w": torch.tensor(1), "2.w": torch.tensor(2)})
        {0: {'w': tensor(1)}, 2: {'w': tensor(2)}}
    """
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        if not number.isdecimal():
            raise InputError(
                f"a checkpoint must be one of a run: it has a tensor {key!r} where a number and a name belong; take "
                "the run's own checkpoint."
            )
        states.setdefault(int(number), {})[name] = tensor
    return dict(sorted(states.items()))


def same_shapes(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, what: str) -> None:
    """Make sure that weights belong to a model before any of them is loaded.

    Args:
        found: by name, from a file.
        expected: by name, from the model.
        what: what the file is, as a user calls it.

    Raises:
        InputError: a name is missing, one is too many, or a shape or type differs.
    """
    for name in [*expected, *found]:
        have, want = found.get(name), expected.get(name)
        if have is None or want is None or have.shape != want.shape or have.dtype != want.dtype:
            raise InputError(
                f"{what} must be of this model: {name} is {_describe(have)} in the file and {_describe(want)} in "
                "the model; take the run's own file, and the code that the model had when the run began."
            )


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Name the tensors of an optimizer's state.

    Args:
        optimizer: any whose state is tensors.

    Returns:
        Copies on the CPU, as ``<parameter's number>.<name>``.
    """
    state = optimizer.state_dict()["state"]
    return detached(
        {f"{i}.{name}": t for i, entry in state.items() for name, t in entry.items() if t is not None}
    )


def optimizer_settings(optimizer: Optimizer) -> tuple[dict[str, Any], ...]:
    """Read what an optimizer keeps beside tensors: rates, momenta, counts.

    Args:
        optimizer: any whose settings JSON can hold.

    Returns:
        The settings of each group of parameters.
    """
    return tuple(
        {name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups
    )


def load_optimizer(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], groups: Sequence[Mapping[str, Any]]
) -> None:
    """Put back what `optimizer_tensors` and `optimizer_settings` took.

    Args:
        optimizer: made by the same recipe.
        tensors: of its state.
        groups: its settings.

    Raises:
        InputError: they belong to other parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        if not number.isdecimal() or int(number) >= len(parameters):
            raise InputError(
                f"a checkpoint must be of this model: it has optimizer state for parameter {number!r}, the model "
                f"has {len(parameters)} parameters; take the run's own checkpoint."
            )
        if tensor.ndim:  # a step counter has no shape
            same_shapes({key: tensor}, {key: parameters[int(number)].detach().to("cpu")}, what="a checkpoint")
        state.setdefault(int(number), {})[name] = tensor
    own = optimizer.state_dict()["param_groups"]
    if len(groups) != len(own):
        raise InputError(
            f"a checkpoint must be of this model: its optimizer has {len(groups)} groups of parameters, this one "
            f"{len(own)}; take the run's own checkpoint."
        )
    # JSON has made lists of what were pairs.
    kept = [{name: tuple(v) if isinstance(v, list) else v for name, v in group.items()} for group in groups]
    restored = [{**saved, "params": group["params"]} for saved, group in zip(kept, own)]
    optimizer.load_state_dict({"state": state, "param_groups": restored})


def detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors to the CPU, apart from one another, so that later steps do not change them.

    Args:
        tensors: by name; two names may share memory.

    Returns:
        The copies.
    """
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def _describe(tensor: Tensor | None) -> str:
    return (
        "missing" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
    )
