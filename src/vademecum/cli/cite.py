"""``vade cite``."""

from pathlib import Path
from typing import Annotated

import typer

from vademecum._core.errors import InputError
from vademecum._core.refs import bibtex, paper
from vademecum._core.refs import parse as parse_bibtex

from ._say import AsJson, say, say_json


def cite(
    what: Annotated[
        str,
        typer.Argument(
            help="A run's folder, a script (read, never run), FILE:OBJECT, or a dotted name such as torch.nn.LSTM."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the BibTeX of every paper that a run, a script or an object uses.

    Example: vade cite torch.nn.TransformerEncoderLayer
    """
    path = Path(what)
    if path.is_dir():
        text = _of_run(path)
        keys = tuple(parse_bibtex(text))
    elif path.suffix == ".py":
        from vademecum.cite import papers_in_script

        keys = papers_in_script(path)
    else:
        from vademecum.cite import papers

        keys = papers(_object(what))
    if as_json:
        say_json([paper(key).to_json() for key in keys])
    elif keys:
        say(bibtex(keys).rstrip())
    else:
        say(f"% {what} uses no technique that is known here.")


def _of_run(folder: Path) -> str:
    file = folder / "refs.bib"
    if not file.is_file():
        raise InputError(
            f"the folder must be a finished run: {folder} has no refs.bib; finish it with `vade fit --resume {folder}`."
        )
    return file.read_text(encoding="utf-8")


def _object(what: str) -> object:
    if ":" in what:
        from vademecum._core.objects import from_file

        return from_file(what)
    from vademecum._core.objects import from_name

    return from_name(what)
