"""The suites against anybody's object: `conform`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from torch import Tensor

from vademecum._core.cards import card
from vademecum._core.errors import InputError, UnknownNameError
from vademecum._core.tex import inline

from ._engine import BROKEN, HOLDS, NOT_CHECKED, Verdict, judge
from ._subject import Target
from ._suite import Suite


@dataclass(frozen=True)
class Conformance:
    """An object against the laws of a technique.

    True where no law is broken and the first, which is the technique's equation, was checked and holds, so that
    ``assert conform(...)`` is a test; its text is the table.

    Attributes:
        suite: name of the suite, such as ``group_norm.GroupNorm``.
        subject: name of the object.
        verdicts: one for each law.
        taken: names that were taken by elimination: the object's -> the laws'.
    """

    suite: str
    subject: str
    verdicts: tuple[Verdict, ...]
    taken: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not self.broken and self.verdicts[0].outcome == HOLDS

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The verdicts on broken laws."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == BROKEN)

    def __str__(self) -> str:
        width = max(len(verdict.law.name) for verdict in self.verdicts)
        lines = [f"{self.subject} against the laws of {self.suite}"]
        lines += [
            f"{theirs} is taken for {ours} (--map says otherwise)" for theirs, ours in self.taken.items()
        ]
        lines.append("")
        lines.append(f"{'law':<{width}}  {'measured':>9}  {'allowed':>8}  {'in':<8}  verdict")
        for verdict in self.verdicts:
            if verdict.outcome == NOT_CHECKED:
                lines.append(
                    f"{verdict.law.name:<{width}}  {'-':>9}  {'-':>8}  {'-':<8}  not checked: {verdict.reason}"
                )
                continue
            dtype = str(verdict.dtype).removeprefix("torch.")
            lines.append(
                f"{verdict.law.name:<{width}}  {verdict.measured:>9.2g}  {verdict.allowed:>8.2g}  {dtype:<8}  "
                f"{verdict.outcome}"
            )
        for verdict in self.broken:
            lines += ["", *explain(verdict)]
        return "\n".join(lines)

    __repr__ = __str__

    def to_json(self) -> dict[str, object]:
        """The verdicts as plain values."""
        return {
            "suite": self.suite,
            "subject": self.subject,
            "conforms": bool(self),
            "taken": dict(self.taken),
            "laws": [_plain(verdict) for verdict in self.verdicts],
        }


def explain(verdict: Verdict) -> list[str]:
    """Say how a law is broken: equation, smallest failing input, the pitfall it looks like.

    Args:
        verdict: on a broken law.

    Returns:
        Lines of text.
    """
    lines = [f"{verdict.law.name} is broken.", f"  what must hold: {inline(verdict.law.equation)}"]
    if verdict.reason:
        lines.append(f"  what came: {verdict.reason}")
    example = verdict.counterexample
    if example is not None:
        built = ", ".join(f"{name}={value!r}" for name, value in example.arguments.items())
        lines.append(f"  smallest failing input found{f', built with {built}' if built else ''}:")
        lines += [
            f"    {name} {tuple(tensor.shape)} = {_show(tensor)}" for name, tensor in example.inputs.items()
        ]
        if example.got is not None and example.want is not None:
            lines += [f"    got  {_show(example.got)}", f"    want {_show(example.want)}"]
    if verdict.looks_like:
        lines.append(f"  it looks like this: {verdict.looks_like}")
    return lines


def _show(tensor: Tensor, most: int = 12) -> str:
    values = tensor.detach().flatten()[:most].tolist()
    shown = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)
    return f"[{shown}{', ...' if tensor.numel() > most else ''}]"


def _plain(verdict: Verdict) -> dict[str, object]:
    example = verdict.counterexample
    return {
        "law": verdict.law.name,
        "equation": verdict.law.equation,
        "verdict": verdict.outcome,
        "dtype": str(verdict.dtype).removeprefix("torch.") if verdict.dtype else None,
        "measured": verdict.measured if verdict.measured != float("inf") else None,
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "looks_like": verdict.looks_like,
        "counterexample": None
        if example is None
        else {
            "arguments": {name: repr(value) for name, value in example.arguments.items()},
            "inputs": {name: tensor.tolist() for name, tensor in example.inputs.items()},
            "got": None if example.got is None else example.got.detach().tolist(),
            "want": None if example.want is None else example.want.detach().tolist(),
        },
    }


@cache
def suites() -> Mapping[str, Suite]:
    """Load every suite.

    Returns:
        The suites by name, such as ``group_norm.GroupNorm``.
    """
    found: dict[str, Suite] = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        for suite in import_module(f"vademecum.laws.{path.stem}").SUITES:
            found[suite.name] = suite
    return found


def suite_of(technique: str) -> Suite:
    """Find a suite by the technique's slug, or by slug and part.

    Args:
        technique: ``group_norm`` (its first suite) or ``layer_norm.LayerNormLSTMCell``.

    Returns:
        The suite.

    Raises:
        InputError: the technique has no laws.
        UnknownNameError: there is no such technique or part.
    """
    slug, _, part = technique.partition(".")
    slug = card(slug).slug
    try:
        parts = {suite.part: suite for suite in import_module(f"vademecum.laws.{slug}").SUITES}
    except ModuleNotFoundError as error:
        if error.name != f"vademecum.laws.{slug}":
            raise
        raise InputError(
            f"the technique must have laws: {slug} has none; `vade list` shows those that have."
        ) from None
    if not part:
        return next(iter(parts.values()))
    if part not in parts:
        raise UnknownNameError(f"part of {slug}", part, parts)
    return parts[part]


def conform(
    obj: object,
    technique: str,
    *,
    args: Mapping[str, object] | None = None,
    names: Mapping[str, str] | None = None,
) -> Conformance:
    """Hold an implementation to the laws of a technique.

    Args:
        obj: a class, a function or an instance; an instance is copied, never changed.
        technique: the slug, with the part where a technique has several (``layer_norm.LayerNormLSTMCell``).
        args: arguments to build the object with, beside those that the laws vary.
        names: the object's names for the laws' names, such as ``{"channels": "num_channels"}``. Common
            names (``gamma`` for ``weight``) are understood without.

    Returns:
        The verdicts. True in a condition when every law that could be checked holds.

    Example:
        >>> import torch
        >>> assert conform(torch.nn.GroupNorm, "group_norm")
        >>> def forgets_eps(x, num_groups, weight, bias, eps=1e-5):
        ...     return torch.nn.functional.group_norm(x, num_groups, weight, bias, eps=0.0)
        >>> [verdict.law.name for verdict in conform(forgets_eps, "group_norm").broken][0]
        'by_the_paper'
    """
    suite = suite_of(technique)
    target = Target(obj, suite.interface, fixed=args, mapping=names)
    label = getattr(obj, "__name__", type(obj).__name__)
    verdicts = tuple(judge(suite, law, target) for law in suite.laws)
    return Conformance(suite.name, label, verdicts, dict(target.taken))
