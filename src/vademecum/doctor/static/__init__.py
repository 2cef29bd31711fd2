r"""Training programs read without being run: the faults that stand in the text.

Each rule is ``f(program) -> Iterator[Finding]`` and has the id that it has in the doctor of a run. A rule is silent
where it is not sure: what it cannot see through is taken to be right.
"""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePath

from ..._core.errors import InputError
from .._finding import Finding
from ._program import Program, read, too_deep
from .activations import (
    missing_log_softmax,
    missing_output_activation,
    redundant_sigmoid,
    redundant_softmax,
    single_logit_softmax,
    wrong_softmax_dim,
)
from .datasets import train_val_overlap, unshuffled_data
from .language import label_shift
from .layers import bias_before_norm, optimizer_wrong_parameters, unregistered_layers
from .leaks import leaky_preprocessing
from .memory import memory_growth
from .modes import dropout_active_in_eval, eval_mode_in_training, train_mode_in_validation
from .signs import flipped_loss_sign, loss_detached
from .training import missing_seed, missing_step, missing_zero_grad, zero_grad_before_step

__all__ = ["STATIC_RULES", "static", "static_check"]

_RULES = (
    redundant_softmax, redundant_sigmoid, missing_log_softmax, missing_output_activation, wrong_softmax_dim,
    single_logit_softmax, flipped_loss_sign, loss_detached, label_shift, missing_zero_grad, zero_grad_before_step,
    missing_step, memory_growth, eval_mode_in_training, train_mode_in_validation, dropout_active_in_eval,
    unregistered_layers, optimizer_wrong_parameters, bias_before_norm, leaky_preprocessing,
    train_val_overlap, unshuffled_data, missing_seed,
)  # fmt: skip
_GRAVITY = {"error": 0, "warning": 1, "note": 2}

STATIC_RULES = tuple(rule.__name__.replace("_", "-") for rule in _RULES)
"""Ids of the rules that look at a program's text."""


def static_check(text: str, *, file: str = "") -> list[Finding]:
    r"""Look at one program's text.

    Args:
        text: of a Python program, else an `InputError`; a notebook's magic commands are passed over.
        file: its name, for the findings.

    Returns:
        What was found, errors first, then in the order of the lines.

    Example:
        >>> text = "import torch.nn.functional as F\nloss = F.cross_entropy(F.softmax(scores, dim=1), target)"
        >>> for finding in static_check(text):
        ...     print(finding.rule, finding.line)
        ...     print(finding.diff)
        redundant-softmax 2
        - loss = F.cross_entropy(F.softmax(scores, dim=1), target)
        + loss = F.cross_entropy(scores, target)
    """
    return _look(read({file: text}))


def static(*paths: str | Path) -> list[Finding]:
    """Look at the files of a program; none of them is run.

    A file that imports another of them is looked at together with it.

    Args:
        paths: Python files; one that cannot be read, or is none, is an `InputError`.

    Returns:
        What was found, errors first, then in the order of the files and lines.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     script = Path(folder) / "train.py"
        ...     _ = script.write_text("import torch")
        ...     static(script)
        []
    """
    texts = {str(path): _text(Path(path)) for path in paths}
    found: list[Finding] = []
    for group in _together(texts):
        found += _look(read({name: texts[name] for name in group}))
    order = list(texts)
    return sorted(found, key=lambda f: (_GRAVITY[f.severity], order.index(f.file), f.line))


def _look(program: Program) -> list[Finding]:
    """What the rules find; a rule speaks once of a line."""
    found: dict[tuple[str, str, int], Finding] = {}
    try:
        for finding in (finding for rule in _RULES for finding in rule(program)):
            found.setdefault((finding.rule, finding.file, finding.line), finding)
    except RecursionError:
        raise too_deep(", ".join(sorted(program.files.values()))) from None
    return sorted(
        found.values(), key=lambda finding: (_GRAVITY[finding.severity], finding.file, finding.line)
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} must be a Python file that can be read: {error}.") from None


def _together(texts: Mapping[str, str]) -> list[list[str]]:
    """The files in groups that import one another."""
    stems = {PurePath(name).stem: name for name in texts}
    group = {name: {name} for name in texts}
    for name, text in texts.items():
        for other in (stems[word] for word in _imports(text, name) & set(stems)):
            joined = group[name] | group[other]
            for member in joined:
                group[member] = joined
    return [
        list(filter(members.__contains__, texts)) for members in {id(g): g for g in group.values()}.values()
    ]


def _imports(text: str, name: str) -> set[str]:
    tree = next(node for node in read({name: text}).nodes)
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            words |= {(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            words |= {alias.name.rpartition(".")[2] for alias in node.names}
    return words
