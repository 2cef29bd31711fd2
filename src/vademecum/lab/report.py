"""The report of a run: one page, written from the files of the run folder and nothing else.

It opens from disk without internet, in light and dark, on a phone and on paper. Every file may be missing: the
page of an interrupted run tells what the run had written. What it reads of ``run.json``, each key optional:

- ``status``, ``command`` (as typed), ``started`` (ISO 8601), ``seconds``, ``threads``
- ``versions``, ``machine``: name to text or number
- ``data``: name, kind, task, target, count, shape, classes, class_counts, features (name, categories), notes,
  fingerprint
- ``split``: train, val, test (numbers of examples), method
- ``model``: name, parameters, macs, receptive_field, layers (each: path, type, output, parameters, macs,
  receptive_field)
- ``learning_rate``, ``range_test``: rates, losses, smoothed, chosen, reason
- ``training``: epochs_run, epochs_allowed, best_epoch, patience, stopped ("early", "epochs", "interrupted")
"""

import base64
import csv
import io
import json
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from vademecum._core import refs
from vademecum._core.errors import InputError

from . import figures
from .evaluate import Evaluation, class_scores, percent

__all__ = ["check_folder", "write"]

PAGE = "report.html"
MOST_CLASSES = 20  # a larger confusion matrix is told by its largest cells
MOST_POINTS = 1000  # dots in a scatter plot
MOST_PICTURE_BYTES = 600_000  # pictures embedded in the page; further ones stay in the folder

_THINGS = {"images": "images", "table": "rows"}


def write(folder: Path | str) -> Path:
    """Write ``report.html`` into a run folder, from the other files in it.

    Args:
        folder: as `vade fit` made it, finished or not.

    Returns:
        The page's path.

    Raises:
        InputError: the folder holds no run, or a file in it is damaged.
    """
    folder = check_folder(folder)
    text = _render(_context(folder))
    page, unfinished = folder / PAGE, folder / f".{PAGE}.{os.getpid()}"
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(page)
    finally:
        unfinished.unlink(missing_ok=True)
    return page


def check_folder(folder: Path | str) -> Path:
    """Make sure that a folder holds a run.

    Args:
        folder: what the user named.

    Returns:
        The folder.

    Raises:
        InputError: it holds no run.
    """
    folder = Path(folder)
    if not any((folder / name).is_file() for name in ("run.json", "recipe.toml")):
        what = "no such folder" if not folder.exists() else "it has neither run.json nor recipe.toml"
        raise InputError(
            f"the run must be a folder that `vade fit` wrote: {str(folder)!r} is none, {what}; "
            "pass one such as runs/digits."
        )
    return folder


def _render(context: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=_count, short=_short, percent=percent, duration=_duration, shape=_shape, cell=_cell
    )
    return environment.get_template("report.html.j2").render(context)


def _context(folder: Path) -> dict[str, Any]:
    """Gather what the page says. Nothing is computed from data or model again: only read, and drawn."""
    run: dict[str, Any] = _json(folder / "run.json", {})
    data, model, training = (run.get(part, {}) for part in ("data", "model", "training"))
    findings: list[dict[str, Any]] = _json(folder / "findings.json", [])
    rows = _metrics(folder / "metrics.csv")
    judged = _json(folder / "evaluation.json", None)
    evaluation = Evaluation.from_dict(judged) if judged else None
    papers = _papers(folder / "refs.bib")
    place = shlex.quote(str(Path(folder.resolve().parent.name) / folder.resolve().name))
    return {
        "name": data.get("name") or folder.resolve().name,
        "place": place,
        "things": _THINGS.get(data.get("kind", ""), "examples"),
        "run": run,
        "status": run.get("status", "running"),
        "data": data,
        "split": run.get("split", {}),
        "model": model,
        "layers": _table(model.get("layers", []), _LAYER_COLUMNS),
        "findings": findings,
        "range_test": run.get("range_test") or {},
        "training": training,
        "epochs": rows,
        "best": training.get("best_epoch") or _best(rows),
        "evaluation": evaluation,
        "scores": class_scores(evaluation) if evaluation else [],
        "confusions": _confusions(evaluation) if evaluation else [],
        "pictures": _pictures(folder / "mistakes"),
        "recipe": _text(folder / "recipe.toml"),
        "papers": papers,
        "paper_keys": {paper.key for paper in papers},
        "bibtex": _text(folder / "refs.bib").strip(),
        "figures": _figures(run, rows, evaluation, folder),
        "most_classes": MOST_CLASSES,
        "isnan": math.isnan,
        "ln": math.log,
    }


def _figures(
    run: Mapping[str, Any], rows: Sequence[Mapping[str, float]], evaluation: Evaluation | None, folder: Path
) -> dict[str, Any]:
    from markupsafe import Markup

    drawn: dict[str, str] = {}
    task = run.get("data", {}).get("task", evaluation.task if evaluation else "classification")
    target = run.get("data", {}).get("target") or "value"
    if rows:
        epochs = [int(row["epoch"]) for row in rows]
        best = run.get("training", {}).get("best_epoch") or _best(rows)
        losses = {
            "training": [row["train_loss"] for row in rows],
            "validation": [row["val_loss"] for row in rows],
        }
        unit = "loss (nats)" if task == "classification" else "loss"
        drawn["loss"] = figures.learning_curves("loss", epochs, losses, title="Loss", label=unit, best=best)
        merit = "accuracy" if task == "classification" else "R squared"
        drawn["metric"] = figures.learning_curves(
            "metric",
            epochs,
            {"validation": [row["val_metric"] for row in rows]},
            title=f"Validation {merit}",
            label=merit,
            best=best,
        )
    test = run.get("range_test") or {}
    if test.get("rates"):
        drawn["range"] = figures.range_test(
            "range", test["rates"], test["losses"], test.get("smoothed", []), chosen=test.get("chosen")
        )
    if evaluation and evaluation.reliability:
        drawn["reliability"] = figures.reliability("reliability", evaluation)
    if evaluation and evaluation.task == "regression":
        true, said = _predictions(folder / "predictions.npz")
        if true:
            step = math.ceil(len(true) / MOST_POINTS)
            drawn["against"] = figures.against("against", true[::step], said[::step], target=target)
            drawn["residuals"] = figures.residuals("residuals", true, said, target=target)
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704 - figures escapes all texts


_LAYER_COLUMNS = {
    "path": "Part", "type": "Kind", "output": "Output", "parameters": "Parameters", "macs": "MACs",
    "receptive_field": "Sees",
}  # fmt: skip


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dict[str, Any]:
    """Keep the columns of which at least one row knows something."""
    known = [key for key in columns if any(row.get(key) is not None for row in rows)]
    return {
        "head": [columns[key] for key in known],
        "rows": [[row.get(key) for key in known] for row in rows],
        "numeric": [key not in {"path", "type"} for key in known],
    }


def _confusions(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The largest cells off the diagonal, as true, said, count and the class's total."""
    names = evaluation.classes
    found = [
        {"true": names[t], "said": names[s], "count": n, "of": sum(row)}
        for t, row in enumerate(evaluation.confusion)
        for s, n in enumerate(row)
        if t != s and n
    ]
    return sorted(found, key=lambda cell: -cell["count"])[:20]


def _best(rows: Sequence[Mapping[str, float]]) -> int | None:
    finite = [row for row in rows if math.isfinite(row["val_loss"])]
    return int(min(finite, key=lambda row: row["val_loss"])["epoch"]) if finite else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _json(path: Path, missing: Any) -> Any:
    if not path.is_file():
        return missing
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"every file of a run must be whole: {path.name} cannot be read ({error}); "
        "remove it to get a report without it, or run again."
    )


def _metrics(path: Path) -> list[dict[str, float]]:
    try:
        rows = csv.DictReader(io.StringIO(_text(path)))
        return [{name: float(value or "nan") for name, value in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def _predictions(path: Path) -> tuple[list[float], list[float]]:
    import numpy as np

    if not path.is_file():
        return [], []
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["target"].reshape(-1).tolist(), stored["scores"].reshape(-1).tolist()
    except (BadZipFile, KeyError, ValueError) as error:
        raise _damaged(path, error) from error


def _pictures(folder: Path) -> list[dict[str, Any]]:
    """The pictures of the worst mistakes, in order; their source is empty once the page would grow too large."""
    from PIL import Image

    found, room = [], MOST_PICTURE_BYTES
    for path in sorted(folder.glob("*.png")):
        raw = path.read_bytes()
        with Image.open(io.BytesIO(raw)) as picture:
            about, size = str(picture.info.get("Description", "")), picture.size
        room -= len(raw)
        source = "data:image/png;base64," + base64.b64encode(raw).decode() if room >= 0 else ""
        found.append(
            {"source": source, "about": about, "width": size[0], "height": size[1], "file": path.name}
        )
    return found


def _papers(path: Path) -> list[refs.Paper]:
    try:
        return list(refs.parse(_text(path)).values())
    except ValueError as error:
        raise _damaged(path, error) from error


def _count(value: float) -> str:
    """1234567 -> 1,234,567."""
    return f"{value:,.0f}"


def _short(value: float | None) -> str:
    """Four significant digits; a dash where nothing is known."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 10_000 and abs(value) < 1e9 else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _shape(value: Sequence[int] | int) -> str:
    return " × ".join(f"{n:,}" for n in value) if isinstance(value, list | tuple) else f"{value:,}"


def _cell(value: Any) -> str:
    """A cell of the table of layers."""
    if value is None or value == []:
        return "–"
    if isinstance(value, list | tuple | int):
        return _shape(value)
    return str(value)
