"""Options and habits that the verbs share which train by a recipe: ``fit``, ``compare``, ``search``."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from vademecum._core.errors import InputError

Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DATA]",
        help="digits, a folder with one sub-folder of images for each class, or a CSV, TSV or Parquet file.",
    ),
]
Target = Annotated[str | None, typer.Option(help="Table: the column to predict.")]
Group = Annotated[str | None, typer.Option(help="Table: equal values of this column stay in one part.")]
Time = Annotated[
    str | None, typer.Option(help="Table: train on the past and test on the future of this column.")
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training part at most.")]
Budget = Annotated[
    str, typer.Option(metavar="10m", help="Begin no trial that would probably end later: 90s, 10m, 2h.")
]
Workers = Annotated[int, typer.Option(metavar="N", help="Processes on this machine.")]
Storage = Annotated[
    str,
    typer.Option(metavar="URL", help="Where trials are kept, such as postgresql://host/db; others can join."),
]
Join = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Work on a study that another machine has begun in --storage."),
]


def data_and_settings(words: list[str], settings: list[str]) -> tuple[str | None, list[str]]:
    """Tell the data from the settings: in ``--set norm=group dropout=0.5`` the second one comes as a word by itself."""
    more = [word for word in words if settings and "=" in word and not os.path.exists(word)]
    data = [word for word in words if word not in more]
    if len(data) > 1:
        raise InputError(
            f"there is one place of data: {', '.join(map(repr, data))} came; name one file or folder."
        )
    return (data[0] if data else None), [*settings, *more]


def speaks() -> bool:
    """Whether this is the first of the processes that a launcher has started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def end(error: Exception) -> NoReturn:
    """End with the exit code of an error, said by the first process alone."""
    from vademecum.lab import Interrupted

    if isinstance(error, InputError) and speaks():
        raise error
    if speaks():
        typer.echo(f"vade: {error}", err=True)
    raise typer.Exit(128 + error.signal if isinstance(error, Interrupted) else 2) from None


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the recipe must be a readable file: {path}: {error}; name the recipe.toml of a run."
        ) from None
