"""The report of a run: one page, written from the files of the run folder and nothing else.

It opens from disk without internet, in light and dark, on a phone and on paper. Every file but the recipe may be
missing, and so may every key of ``run.json``: the page of an interrupted run tells what the run had written.
What it looks for in ``run.json`` stands below, with what is taken where a key is missing.
"""

import base64
import csv
import io
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from vademecum._core import refs
from vademecum._core.errors import InputError

from . import figures
from .evaluate import Evaluation, class_scores, percent
from .run_folder import RunFolder

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "write"]

RUN: Mapping[str, Any] = {
    "status": "running", "reason": "", "command": "", "started": "", "seconds": None, "threads": None, "versions": {},
    "machine": {}, "learning_rate": None, "range_test": {}, "data": {}, "split": {}, "model": {}, "training": {},
    "transfer": None, "temperature": None, "temperature_reason": "",
}  # fmt: skip
DATA: Mapping[str, Any] = {
    "name": "", "kind": "", "task": "", "target": "", "count": None, "shape": (), "classes": (), "class_counts": (),
    "features": (), "notes": (), "copies_across_parts": None, "fingerprint": "",
}  # fmt: skip
SPLIT: Mapping[str, Any] = {"train": None, "val": None, "test": None, "method": ""}
MODEL: Mapping[str, Any] = {"name": "", "parameters": None, "macs": None, "receptive_field": (), "layers": ()}
LAYER: Mapping[str, str] = {
    "path": "Part", "type": "Kind", "output": "Output", "parameters": "Parameters", "macs": "MACs",
    "receptive_field": "Sees",
}  # fmt: skip
TRAINING: Mapping[str, Any] = {
    "epochs_allowed": None,
    "best_epoch": None,
    "patience": None,
    "stopped": "",
    "members": (),
}

MOST_CLASSES = 20  # a larger confusion matrix is told by its largest cells
MOST_POINTS = 1000  # dots in a scatter plot
MOST_PICTURE_BYTES = 450_000  # pictures embedded in the page, before base64; further ones stay in the folder
THINGS = {"images": "images", "table": "rows"}


def write(folder: Path | str) -> Path:
    """Write ``report.html`` into a run folder, from the other files in it.

    An `InputError` says so where the folder holds no run or a file in it is damaged.

    Args:
        folder: as `vade fit` made it, finished or not.

    Returns:
        The page's path.
    """
    run_folder = RunFolder(folder)
    run_folder.write("report.html", environment().get_template("report.html.j2").render(_context(run_folder)))
    return run_folder.path / "report.html"


def environment() -> "Environment":
    """Set jinja up for pages.

    Returns:
        The environment, which reads the templates beside this file.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=_count, short=_short, percent=percent, duration=_duration, shape=_shape, cell=_cell
    )
    return made


def _context(folder: RunFolder) -> dict[str, Any]:
    """Gather what the page says. Nothing is computed from data or model again: only read, and drawn."""
    run = {**RUN, **folder.facts}
    data, split = {**DATA, **run["data"]}, {**SPLIT, **run["split"]}
    model, training = {**MODEL, **run["model"]}, {**TRAINING, **run["training"]}
    epochs = _metrics(folder)
    training["best_epoch"] = training["best_epoch"] or _best(epochs)
    if len({row.get("member") for row in epochs}) > 1:  # an ensemble has no one best epoch
        epochs, training["best_epoch"] = _over_members(epochs), None
    judged = _json(folder, "evaluation.json", None)
    evaluation = Evaluation.from_dict(judged) if judged else None
    papers = _papers(folder)
    whole = folder.path.resolve()
    return {
        "name": data["name"] or whole.name,
        "place": shlex.quote(f"{whole.parent.name}/{whole.name}"),
        "things": THINGS.get(data["kind"], "examples"),
        "merit": "R²" if data["task"] == "regression" else "accuracy",
        "run": run,
        "data": data if run["data"] else None,
        "split": split,
        "target": data["target"] or "value",
        "model": model if run["model"] else None,
        "layers": _table(model["layers"], LAYER),
        "findings": _json(folder, "findings.json", []),
        "range_test": run["range_test"] or {},
        "training": training,
        "epochs": epochs,
        "evaluation": evaluation,
        "scores": class_scores(evaluation) if evaluation else [],
        "errors": _errors(evaluation) if evaluation else 0,
        "confusions": _confusions(evaluation) if evaluation else [],
        "pictures": list(zip(evaluation.mistakes if evaluation else (), _pictures(folder.path / "mistakes"))),
        "recipe": _text(folder, "recipe.toml"),
        "papers": papers,
        "paper_keys": {paper.key for paper in papers},
        "bibtex": _text(folder, "refs.bib").strip(),
        "figures": _figures(run, data, training, epochs, evaluation, folder),
        "most_classes": MOST_CLASSES,
        "most_points": MOST_POINTS,
        "isnan": math.isnan,
        "ln": math.log,
    }


def _figures(
    run: Mapping[str, Any],
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    rows: Sequence[Mapping[str, float]],
    evaluation: Evaluation | None,
    folder: RunFolder,
) -> dict[str, Any]:
    from markupsafe import Markup

    drawn: dict[str, str] = {}
    regression, target = data["task"] == "regression", data["target"] or "value"
    if rows:
        epochs = [int(row["epoch"]) for row in rows]
        curves = {"training": [r["train_loss"] for r in rows], "validation": [r["val_loss"] for r in rows]}
        drawn["loss"] = figures.learning_curves(
            "loss", epochs, curves, title="Loss", label="loss" if regression else "loss (nats)",
            best=training["best_epoch"],
        )  # fmt: skip
        merit = "R²" if regression else "accuracy"
        drawn["metric"] = figures.learning_curves(
            "metric", epochs, {"validation": [row["val_metric"] for row in rows]}, title=f"Validation {merit}",
            label=merit, best=training["best_epoch"],
        )  # fmt: skip
    test = run["range_test"]
    if test:
        losses, smoothed = (_numbers(test[name]) for name in ("losses", "smoothed"))
        drawn["range"] = figures.range_test("range", test["rates"], losses, smoothed, chosen=test["chosen"])
    if evaluation and evaluation.reliability:
        drawn["reliability"] = figures.reliability("reliability", evaluation)
    if evaluation and evaluation.task == "regression":
        true, said = _predictions(folder)
        if true:
            step = math.ceil(len(true) / MOST_POINTS)
            drawn["against"] = figures.against("against", true[::step], said[::step], target=target)
            drawn["residuals"] = figures.residuals("residuals", true, said, target=target)
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704 - figures escapes all texts


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dict[str, Any]:
    """Keep the columns of which at least one row knows something."""
    known = [key for key in columns if any(row.get(key) not in (None, [], ()) for row in rows)]
    return {
        "head": [columns[key] for key in known],
        "rows": [[row.get(key) for key in known] for row in rows],
        "numeric": [key not in {"path", "type"} for key in known],
    }


def _errors(evaluation: Evaluation) -> int:
    return evaluation.count - sum(row[k] for k, row in enumerate(evaluation.confusion))


def _confusions(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The largest cells off the diagonal, as true, said, times and the class's total."""
    names = evaluation.classes
    found: list[dict[str, Any]] = [
        {"true": names[t], "said": names[s], "times": n, "of": sum(row)}
        for t, row in enumerate(evaluation.confusion)
        for s, n in enumerate(row)
        if t != s and n
    ]
    return sorted(found, key=lambda cell: cell["times"], reverse=True)[:20]


def _best(rows: Sequence[Mapping[str, float]]) -> int | None:
    finite = [row for row in rows if math.isfinite(row["val_loss"])]
    return int(min(finite, key=lambda row: row["val_loss"])["epoch"]) if finite else None


def _over_members(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The mean figures of each epoch over the members of an ensemble that ran it."""
    epochs = sorted({row["epoch"] for row in rows})
    together = [[row for row in rows if row["epoch"] == epoch] for epoch in epochs]
    return [{name: fmean(row[name] for row in same) for name in same[0]} for same in together]


def _text(folder: RunFolder, name: str) -> str:
    return folder.read_text(name) if (folder.path / name).is_file() else ""


def _json(folder: RunFolder, name: str, missing: Any) -> Any:
    return folder.read_json(name) if (folder.path / name).is_file() else missing


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(
        f"every file of a run must be whole: {name} cannot be read ({error}); "
        "remove it to get a report without it, or repeat the run."
    )


def _numbers(values: Sequence[float | None]) -> list[float]:
    """JSON knows no NaN: null stands for it."""
    return [math.nan if value is None else value for value in values]


def _metrics(folder: RunFolder) -> list[dict[str, float]]:
    try:
        rows = csv.DictReader(io.StringIO(_text(folder, "metrics.csv")))
        return [{name: float(value or "nan") for name, value in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise _damaged("metrics.csv", error) from error


def _predictions(folder: RunFolder) -> tuple[list[float], list[float]]:
    import numpy as np

    path = folder.path / "predictions.npz"
    if not path.is_file():
        return [], []
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["target"].reshape(-1).tolist(), stored["scores"].reshape(-1).tolist()
    except (BadZipFile, KeyError, ValueError) as error:
        raise _damaged(path.name, error) from error


def _pictures(folder: Path) -> list[dict[str, Any]]:
    """The pictures of the worst mistakes, in order; their source is empty once the page would grow too large."""
    from PIL import Image, UnidentifiedImageError

    found, room = [], MOST_PICTURE_BYTES
    for path in sorted(folder.glob("[!.]*.png")):
        raw = path.read_bytes()
        try:
            with Image.open(io.BytesIO(raw)) as picture:
                about, size = str(picture.info.get("Description", "")), picture.size
        except UnidentifiedImageError as error:
            raise _damaged(f"mistakes/{path.name}", error) from error
        room -= len(raw)
        source = f"data:image/png;base64,{base64.b64encode(raw).decode()}" if room >= 0 else ""
        found.append(
            {"source": source, "about": about, "width": size[0], "height": size[1], "file": path.name}
        )
    return found


def _papers(folder: RunFolder) -> list[refs.Paper]:
    try:
        return list(refs.parse(_text(folder, "refs.bib")).values())
    except ValueError as error:
        raise _damaged("refs.bib", error) from error


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _short(value: float | None) -> str:
    """Four significant digits, all of a large number; a dash where nothing is known."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:,.0f}" if 10_000 <= abs(value) < 1e9 else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _shape(sizes: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in sizes)


def _cell(value: Any) -> str:
    """Text for a cell of the table of layers."""
    if value is None or value == [] or value == ():
        return "–"
    if isinstance(value, list | tuple):
        return _shape(value)
    return _count(value) if isinstance(value, int | float) else str(value)
