"""Rules on preparation that sees what it must not: fitted, resampled or augmented before the split."""

import ast
from collections.abc import Iterator

from .._finding import Finding
from ._names import held_out, is_train
from ._program import Program, calls, dotted, keyword, method, receiver, statement_of, text
from ._say import finding
from ._trace import made, reaching

_FITTED = frozenset((
    "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer", "QuantileTransformer",
    "PCA", "KernelPCA", "TruncatedSVD", "NMF", "FastICA", "FactorAnalysis", "SelectKBest", "SelectPercentile",
    "SelectFromModel", "SelectFpr", "RFE", "RFECV", "SimpleImputer", "KNNImputer", "IterativeImputer",
    "LinearDiscriminantAnalysis", "IncrementalPCA", "SparsePCA", "KBinsDiscretizer", "TargetEncoder",
))  # fmt: skip
_MAPS = frozenset(("PCA", "KernelPCA", "TruncatedSVD", "NMF", "FastICA", "FactorAnalysis", "SparsePCA"))
_OVERSAMPLES = frozenset((
    "SMOTE", "RandomOverSampler", "ADASYN", "BorderlineSMOTE", "SVMSMOTE", "SMOTEENN", "SMOTETomek", "SMOTENC",
))  # fmt: skip
_JOINS = frozenset(["concatenate", "vstack", "hstack", "cat", "concat", "r_", "append"])
_CASTS = frozenset((
    "tensor", "as_tensor", "from_numpy", "array", "asarray", "astype", "float", "TensorDataset", "transform",
    "fit_transform", "fit_resample", "to", "numpy",
))  # fmt: skip


def leaky_preprocessing(program: Program) -> Iterator[Finding]:
    """Statistics taken from rows that are held out later, or from the held-out rows themselves."""
    cuts = list(_cuts(program))
    told: set[ast.AST] = set()
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        name = _fitter(program, call)
        data = keyword(call, "X", place=0)
        if not name or data is None:
            continue
        inner = [n for n in ast.walk(data) if isinstance(n, ast.Name)]
        kept = next((n.id for n in inner if held_out(n.id)), None)
        what = ""
        if kept is not None and name in _MAPS and not _also_on_train(program, name):
            continue  # a picture of the held-out rows
        if kept is not None:
            what = f"{name} is fitted on {kept}"
        else:
            cut = next(
                (cut for cut in cuts if _after(call, cut[0]) and _same_rows(program, call, data, cut[1])),
                None,
            )
            if cut is not None:
                what = f"{name} is fitted on all of {text(data)}, which line {cut[0].lineno} cuts into parts afterwards"
        if what and call not in told:
            told.add(call)
            yield _leak(
                program, call, what,
                f"Fit {name} on the training rows alone, and only transform the others.",
                (call, f"{text(receiver(call))}.transform({text(data)})")
                if kept and method(call) == "fit_transform" else None,
            )  # fmt: skip
    for statement, source in _standardized(program):
        cut = next(
            (c for c in cuts if _after(statement, c[0]) and _comes_from(program, c[1], statement)), None
        )
        if cut is not None:
            yield _leak(
                program, statement,
                f"The mean and deviation of all of {source} are used, which line {cut[0].lineno} cuts into parts "
                "afterwards",
                "Take both from the training rows alone, and apply them to all parts.",
            )  # fmt: skip


def _leak(
    program: Program, node: ast.AST, what: str, cure: str, swap: tuple[ast.AST, str] | None = None
) -> Finding:
    return finding(
        program, node, "leaky-preprocessing", "warning",
        f"{what}: the held-out rows take part in the preparation, and the figure on them is too kind.",
        cure=cure, disproof="Fitted on the training rows alone, the statistics are the same.", swap=swap,
        reference="hastie2009elements",
    )  # fmt: skip


def _also_on_train(program: Program, name: str) -> bool:
    """Whether a transformer of the same kind is fitted on training rows."""
    return any(
        isinstance(call, ast.Call) and _fitter(program, call) == name
        and any(is_train(n.id) for n in ast.walk(call) if isinstance(n, ast.Name))
        for call in program.nodes
    )  # fmt: skip


def copied_before_split(program: Program) -> Iterator[Finding]:
    """Rows repeated or altered copies added before the split, so that a row and its copy stand in two parts."""
    cuts = list(_cuts(program))
    for statement in (node for node in program.nodes if isinstance(node, ast.Assign)):
        what = _copies(program, statement)
        if not what:
            continue
        cut = next(
            (c for c in cuts if _after(statement, c[0]) and _comes_from(program, c[1], statement)), None
        )
        if cut is not None:
            yield finding(
                program, statement, "train-val-overlap", "warning",
                f"{what} before line {cut[0].lineno} cuts the rows into parts: copies of one row stand in both, "
                "and the figure measures memory.",
                cure="Split first, and add rows to the training part alone.",
                disproof="No held-out row has a copy, or a near one, among the training rows.",
            )  # fmt: skip


def _fitter(program: Program, call: ast.Call) -> str:
    """The name of what is fitted, such as StandardScaler."""
    if method(call) not in {"fit", "fit_transform"}:
        return ""
    names = {dotted(program, maker.func) for maker in made(program, receiver(call))}
    only = names.pop() if len(names) == 1 else ""
    tail = only.rpartition(".")[2]
    return tail if only.startswith(("sklearn.", "imblearn.")) and tail in _FITTED else ""


def _cuts(program: Program) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """Where rows are cut into parts, with the arrays that are cut."""
    slices: dict[str, list[tuple[str, ast.Subscript]]] = {}
    for node in program.nodes:
        if isinstance(node, ast.Call):
            name = dotted(program, node.func)
            if name.endswith("model_selection.train_test_split"):
                yield node, [a for a in node.args if not isinstance(a, ast.Starred)]
            elif name.endswith(".random_split") and node.args:
                yield node, [node.args[0]]
            elif (
                name.endswith(("cross_val_score", "cross_validate", "cross_val_predict"))
                and len(node.args) > 1
            ):
                yield node, [node.args[1]]
            elif method(node) == "split" and node.args and any(
                dotted(program, m.func).startswith("sklearn.model_selection.") for m in made(program, receiver(node))
            ):  # fmt: skip
                yield node, [node.args[0]]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            targets = node.targets[0]
            names = targets.elts if isinstance(targets, ast.Tuple) else [targets]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for target, value in zip(names, values, strict=False):
                if (
                    isinstance(target, ast.Name)
                    and isinstance(value, ast.Subscript)
                    and isinstance(value.value, ast.Name)
                ):
                    slices.setdefault(value.value.id, []).append((target.id, value))
    for found in slices.values():
        train = next((value for name, value in found if is_train(name)), None)
        if train is not None and any(held_out(name) for name, _ in found):
            yield train, [train.value]


def _after(first: ast.AST, second: ast.AST) -> bool:
    """Whether the second place stands behind the first."""
    return getattr(first, "lineno", 0) < getattr(second, "lineno", 0) or (
        getattr(first, "lineno", 0) == getattr(second, "lineno", 0)
        and getattr(first, "end_col_offset", 0) < getattr(second, "end_col_offset", 0)
        and first is not second
    )


def _same_rows(program: Program, fit: ast.Call, data: ast.expr, cut: list[ast.expr]) -> bool:
    """Whether what is cut is what was fitted on, or made from it."""
    if _comes_from(program, cut, statement_of(program, fit)):
        return True
    if not isinstance(data, ast.Name):
        return False
    bound = set(reaching(program, data))
    return any(
        isinstance(part, ast.Name) and part.id == data.id and set(reaching(program, part)) == bound
        for part in cut
    )


def _comes_from(program: Program, parts: list[ast.expr], statement: ast.AST, depth: int = 5) -> bool:
    """Whether one of the arrays is bound by a statement, as it is or through casts and transforms."""
    for part in parts:
        for name in _rows(part):
            for binding in reaching(program, name):
                if binding.at is statement:
                    return True
                on = binding.value if depth and binding.index <= 0 else None
                if on is not None and _comes_from(program, [on], statement, depth - 1):
                    return True
    return False


def _rows(node: ast.expr) -> list[ast.Name]:
    """The names whose rows an expression keeps."""
    if isinstance(node, ast.Name):
        return [node]
    if isinstance(node, ast.Call):
        name = method(node) or text(node.func)
        if name.rpartition(".")[2] in _CASTS:
            inner = [r for a in node.args for r in _rows(a)]
            if isinstance(node.func, ast.Attribute) and method(node) in {"astype", "float", "to", "numpy"}:
                inner += _rows(receiver(node))
            return inner
    return []


def _standardized(program: Program) -> Iterator[tuple[ast.Assign, str]]:
    """``X = (X - X.mean(0)) / X.std(0)``."""
    for node in program.nodes:
        if (
            not isinstance(node, ast.Assign)
            or not isinstance(node.value, ast.BinOp)
            or not isinstance(node.value.op, ast.Div)
        ):
            continue
        whole, below = node.value.left, node.value.right
        if (
            not isinstance(whole, ast.BinOp)
            or not isinstance(whole.op, ast.Sub)
            or not isinstance(whole.left, ast.Name)
        ):
            continue
        means = [c for c in calls(whole.right) if method(c) == "mean" and _of(c, whole.left)]
        scales = [c for c in calls(below) if method(c) == "std" and _of(c, whole.left)]
        if means and scales and not held_out(whole.left.id) and not is_train(whole.left.id):
            yield node, whole.left.id


def _of(call: ast.Call, name: ast.Name) -> bool:
    over_rows = all(text(a) in {"0", "axis=0", "(0, 2, 3)"} for a in call.args)
    return text(receiver(call)) == name.id and over_rows and not any(
        word.arg in {"dim", "axis"} and text(word.value) not in {"0", "(0,)", "[0]", "(0, 1)", "(0, 2, 3)"}
        for word in call.keywords
    )  # fmt: skip


def _copies(program: Program, statement: ast.Assign) -> str:
    """What adds copies of rows in a statement, for a sentence; "" where nothing does."""
    value = statement.value
    if not isinstance(value, ast.Call):
        return ""
    if method(value) == "fit_resample":
        names = {dotted(program, maker.func).rpartition(".")[2] for maker in made(program, receiver(value))}
        return f"{names.pop()} adds rows" if len(names) == 1 and names <= _OVERSAMPLES else ""
    name = dotted(program, value.func).rpartition(".")[2]
    if name in _JOINS and value.args and isinstance(value.args[0], ast.List | ast.Tuple):
        parts = value.args[0].elts
        roots = [_altered(part) for part in parts]
        if len(parts) > 1 and roots[0] is not None and all(root == roots[0] for root in roots):
            axis = keyword(value, "axis", "dim", place=1)
            return f"altered copies of {roots[0]} are added" if axis is None or text(axis) == "0" else ""
    return ""


def _altered(node: ast.expr) -> str | None:
    """The array of which an expression is the same rows, as they are or with something added."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult | ast.Sub):
        return _altered(node.left)
    if isinstance(node, ast.Call) and method(node) in {"flip", "clone", "copy"}:
        return _altered(receiver(node))
    return None
