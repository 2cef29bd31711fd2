"""``vade new``."""

from pathlib import Path
from typing import Annotated

import typer

from ._say import AsJson, say, say_json, shorten


def new(
    place: Annotated[
        str,
        typer.Argument(
            metavar="KIND/SLUG", help="Where it stands and what it is called: nn/norm/scale_norm."
        ),
    ],
    paper: Annotated[str, typer.Option(help="Key of its paper in refs.bib.")],
    chapter: Annotated[
        str, typer.Option(help="Title of its chapter in the journey; the last one where it is left out.")
    ] = "",
    root: Annotated[Path, typer.Option(help="The checkout to write into.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Scaffold a technique in a checkout: card, laws with one red law to write, export, place in the journey.

    Example: vade new nn/norm/scale_norm --paper ba2016layer
    """
    from vademecum._core.scaffold import scaffold

    written = scaffold(place, paper=paper, chapter=chapter, root=root)
    if as_json:
        say_json([str(path) for path in written])
        return
    for path in written:
        say(f"wrote {shorten(path)}")
    slug = place.split("/")[-1]
    say(f"Next: write the paper's equation into laws/{slug}.py.")
    say(f"`pytest tests/test_laws.py -k {slug}` is red until then.")
