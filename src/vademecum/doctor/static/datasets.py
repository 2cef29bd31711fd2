"""Rules on how data are loaded and kept apart."""

import ast
import re
from collections.abc import Iterator

from .._finding import Finding
from ._loop import backwards
from ._names import held_out, is_train
from ._program import (
    Program,
    ancestors,
    constant,
    dotted,
    keyword,
    method,
    open_ended,
    receiver,
    statement_of,
    text,
)
from ._say import finding
from ._trace import bases, class_named, made, reaching
from .leaks import copied_before_split

_SHUFFLED = frozenset((
    "random_split", "train_test_split", "randperm", "permutation", "shuffle", "sample", "KFold",
    "StratifiedKFold",
))  # fmt: skip
_FIGURE = re.compile(
    r"^(?:val|valid|validation|test)_(?:acc|accuracy|loss|f1|r2|score|auc|mse|rmse|mae|error|pred|preds|logits|out|outputs)$",
    re.IGNORECASE,
)
_MEASURES = re.compile(r"eval|valid|test|accur|score|predict|loss|metric", re.IGNORECASE)
_NOT_MEASURES = re.compile(r"cross|cv|train|fit|search|split|\blen\b", re.IGNORECASE)


def train_val_overlap(program: Program) -> Iterator[Finding]:
    """Validation on what was trained on."""
    yield from _same_loader(program)
    yield from _same_set(program)
    yield from _slices(program)
    yield from _measured_on_train(program)
    yield from copied_before_split(program)


def _overlap(
    program: Program, node: ast.AST, what: str, cure: str, swap: tuple[ast.AST, str] | None = None
) -> Finding:
    return finding(
        program, node, "train-val-overlap", "warning", f"{what}: the figure measures memory, not what was learned.",
        cure=cure, swap=swap,
        disproof="The two sets have no row in common, or the figure is meant for the training data.",
    )  # fmt: skip


def _named(program: Program, call: ast.AST) -> str:
    """The name to which a value is bound by an assignment of its own."""
    statement = statement_of(program, call)
    if isinstance(statement, ast.Assign) and statement.value is call and len(statement.targets) == 1:
        target = statement.targets[0]
        return (
            target.attr
            if isinstance(target, ast.Attribute)
            else target.id
            if isinstance(target, ast.Name)
            else ""
        )
    return ""


def _loaders(program: Program) -> Iterator[tuple[str, ast.Call, ast.expr]]:
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        if dotted(program, call.func).startswith("torch.") and text(call.func).endswith("DataLoader"):
            data = keyword(call, "dataset", place=0)
            if data is not None and not open_ended(call):
                yield _named(program, call), call, data


def _sampled(call: ast.Call) -> bool:
    return keyword(call, "sampler", "batch_sampler") is not None


def _same_loader(program: Program) -> Iterator[Finding]:
    found = list(_loaders(program))
    for name, call, data in found:
        if not held_out(name) or not isinstance(data, ast.Name | ast.Attribute):
            continue
        for other, first, same in found:
            if not is_train(other) or text(same) != text(data) or (_sampled(call) and _sampled(first)):
                continue  # two samplers may share the rows out
            if isinstance(data, ast.Attribute) or _bound_alike(program, same, data):
                yield _overlap(
                    program, call, f"{name} reads {text(data)}, as {other} does",
                    "Split the data first, and give each loader a part of its own.",
                )  # fmt: skip
                break


def _same_set(program: Program) -> Iterator[Finding]:
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        train, val = keyword(call, "train_dataset"), keyword(call, "eval_dataset")
        if method(call) == "fit" and _is_trainer(program, receiver(call)):
            train = keyword(call, "train_dataloaders", "train_dataloader", place=1)
            val = keyword(call, "val_dataloaders", "val_dataloader", place=2)
        if (
            isinstance(train, ast.Name | ast.Attribute | ast.Subscript)
            and val is not None
            and text(train) == text(val)
        ) and not (isinstance(train, ast.Subscript) and constant(train.slice) is None):
            yield _overlap(program, val, f"{text(call.func)} is given {text(val)} to train and to validate on",
                           "Give it a set of its own to validate on.")  # fmt: skip
        data = _named(program, call)
        torchvision = dotted(program, call.func).startswith("torchvision.datasets.")
        if torchvision and held_out(data) and constant(keyword(call, "train")) is True:
            used = [
                n
                for n in program.nodes
                if isinstance(n, ast.Name) and n.id == data and isinstance(n.ctx, ast.Load)
            ]
            if not any(_splits(program, node) for node in used):
                yield _overlap(program, call, f"{data} is made with train=True",
                               "Make it with train=False.", (keyword(call, "train") or call, "False"))  # fmt: skip


def _is_trainer(program: Program, node: ast.expr) -> bool:
    return any(dotted(program, maker.func).endswith(".Trainer") for maker in made(program, node))


def _splits(program: Program, node: ast.AST) -> bool:
    return any(
        isinstance(a, ast.Call) and text(a.func).rpartition(".")[2] in {"Subset", "random_split", "DataLoader"}
        and ("Subset" in text(a.func) or "random_split" in text(a.func) or _sampled(a))
        for a in ancestors(program, node)
    )  # fmt: skip


def _slices(program: Program) -> Iterator[Finding]:
    """Parts cut from one array by slices that cover one another."""
    cuts: list[tuple[str, ast.Subscript, ast.Slice]] = []
    for node in program.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            targets, values = node.targets[0], node.value
            pairs = (
                list(zip(targets.elts, values.elts, strict=False))
                if isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple) else [(targets, values)]
            )  # fmt: skip
            for target, value in pairs:
                part = _slice(value)
                if isinstance(target, ast.Name) and part is not None and isinstance(value, ast.Subscript):
                    cuts.append((target.id, value, part))
    for name, value, part in cuts:
        if not held_out(name):
            continue
        for other, whole, first in cuts:
            same = text(whole.value) == text(value.value) and isinstance(value.value, ast.Name)
            if (
                is_train(other)
                and same
                and _cover(first, part)
                and _bound_alike(program, whole.value, value.value)
            ):
                yield _overlap(
                    program, value, f"{name} is `{text(value)}` and {other} is `{text(whole)}`, which share rows",
                    "Let one slice begin where the other ends.",
                )  # fmt: skip
                break
        root = value.value
        if isinstance(root, ast.Name) and is_train(root.id) and not _cut_again(program, root, value):
            yield _overlap(
                program, value, f"{name} is `{text(value)}`, and {root.id} keeps these rows",
                f"Take the rows out of {root.id}, too.",
            )  # fmt: skip


def _slice(node: ast.expr) -> ast.Slice | None:
    """The slice that an expression takes of the rows, where it takes one and all that the rows hold."""
    if not isinstance(node, ast.Subscript):
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    rows = parts[0] if parts else None
    if (
        not isinstance(rows, ast.Slice)
        or rows.step is not None
        or (rows.lower is None and rows.upper is None)
    ):
        return None
    return rows if all(isinstance(part, ast.Slice) for part in parts[1:]) else None


def _cover(train: ast.Slice, val: ast.Slice) -> bool:
    """Whether two slices surely share rows: both from the start, both to the end, or one into the other."""
    if (train.lower is None and val.lower is None) or (train.upper is None and val.upper is None):
        return True
    first, second = (train, val) if train.lower is None else (val, train)
    end, begin = constant(first.upper), constant(second.lower)
    if first.lower is not None or second.upper is not None:
        return False
    if not isinstance(end, int) or not isinstance(begin, int):
        return False
    return (end < 0) == (begin < 0) and begin < end


def _bound_alike(program: Program, one: ast.expr, other: ast.expr) -> bool:
    if not isinstance(one, ast.Name) or not isinstance(other, ast.Name):
        return False
    return set(reaching(program, one)) == set(reaching(program, other))


def _cut_again(program: Program, root: ast.Name, own: ast.Subscript) -> bool:
    """Whether the training data are cut elsewhere, too, bound again, or never used after."""
    for node in program.nodes:
        cut = isinstance(node, ast.Subscript) and node is not own and text(node.value) == root.id
        if cut and not held_out(_target_of(program, node)):
            return True
        bound = isinstance(node, ast.Name) and node.id == root.id and isinstance(node.ctx, ast.Store)
        if bound and getattr(node, "lineno", 0) >= own.lineno:
            return True
    later = [
        n for n in program.nodes if isinstance(n, ast.Name) and n.id == root.id and n.lineno > own.lineno
    ]
    return not later


def _target_of(program: Program, node: ast.AST) -> str:
    statement = statement_of(program, node)
    return text(statement.targets[0]) if isinstance(statement, ast.Assign) else ""


def _measured_on_train(program: Program) -> Iterator[Finding]:
    for node in program.nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call) or len(node.targets) != 1:
            continue
        names = [n.id for n in ast.walk(node.targets[0]) if isinstance(n, ast.Name)]
        called = text(node.value.func)
        measures = _MEASURES.search(called) or made(program, node.value.func)
        if (
            not names
            or not all(_FIGURE.match(n) for n in names)
            or not measures
            or _NOT_MEASURES.search(called)
        ):
            continue
        given = [n for a in [*node.value.args, *(k.value for k in node.value.keywords)]
                 for n in ast.walk(a) if isinstance(n, ast.Name)]  # fmt: skip
        train = [n for n in given if is_train(n.id)]
        if train and not any(held_out(n.id) for n in given):
            yield _overlap(
                program, node, f"{names[0]} is measured on {train[0].id}",
                "Measure it on data that were kept from training.",
            )  # fmt: skip


def unshuffled_data(program: Program) -> Iterator[Finding]:
    """A loader for training that gives the rows in their order."""
    words = {
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in program.nodes
        if isinstance(n, ast.Attribute | ast.Name)
    }
    if words & _SHUFFLED or not any(True for _ in backwards(program)):
        return
    for name, call, data in _loaders(program):
        shuffle = keyword(call, "shuffle", place=2)
        if _sampled(call) or (shuffle is not None and constant(shuffle) is not False):
            continue
        if (not is_train(name) and not (is_train(text(data)) and not held_out(name))) or not _is_map(
            program, data
        ):
            continue
        if keyword(call, "batch_size") is not None and "len(" in text(keyword(call, "batch_size")):
            continue
        yield finding(
            program, call, "unshuffled-data", "note",
            f"{name or text(call)} gives the rows in the same order in every epoch.",
            cure="Give it shuffle=True, unless the order is meant.",
            disproof="The rows are in no order already, or the order carries meaning (a curriculum, a time series).",
            swap=(shuffle, "True") if shuffle is not None
            else (call, f"{text(call)[:-1]}, shuffle=True)"), reference="bengio2012practical",
        )  # fmt: skip


def _is_map(program: Program, data: ast.expr) -> bool:
    """Whether a data set surely has rows that can be taken in any order."""
    makers = made(program, data)
    for maker in makers:
        own = class_named(program, maker.func)
        name = dotted(program, maker.func)
        mapped = name.startswith("torchvision.datasets") or name.endswith(".TensorDataset")
        if own is not None:
            mapped = any(base.endswith(".Dataset") for base in bases(program, own))
        if not mapped:
            return False
    return bool(makers)
