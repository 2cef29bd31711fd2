"""How verbs speak: text for people, JSON for programs."""

import json
from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def say(text: str = "") -> None:
    """Print a line to standard output; styles are dropped where it is no terminal."""
    typer.echo(text)


def say_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def bold(text: str) -> str:
    """Emphasize."""
    return typer.style(text, bold=True)


def dim(text: str) -> str:
    """Set back."""
    return typer.style(text, dim=True)


def shorten(path: Path) -> str:
    """A path as one would type it here: relative where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
