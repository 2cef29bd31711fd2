"""Write the files of a new technique: everything in its place, one law red until somebody writes it."""

import re
from pathlib import Path

from .cards import KINDS
from .errors import InputError, UnknownNameError
from .refs import parse

_TECHNIQUE = '''r"""{title}: say in one line what it does.

Say when to use it and what it costs.

$$ y = x $$

Claim: none yet.
Peer: none.

References:
    {paper}: the equation's number.
"""

{imports}

__all__ = ["{name}"]


{body}'''

_MODULE = '''class {name}(nn.Module):
    """Say what the layer computes; shapes first.

    Example:
        >>> {name}()(torch.ones(2))
        tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Map (B, ...) to (B, ...)."""
        return input
'''

_FUNCTION = '''def {name}(input: Tensor) -> Tensor:  # noqa: A002 - torch's name
    """Say what it computes; shapes first.

    Args:
        input: (B, ...).

    Returns:
        (B, ...).

    Example:
        >>> {name}(torch.ones(2))
        tensor([1., 1.])
    """
    return input
'''

_LAWS = '''"""Laws of {lower}."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.{module} import {name}

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: Tensor) -> Tensor:
    """Transcribe the paper's equation here: loops, float64, from the paper and not from the code."""
    return torch.full_like(x, torch.nan)


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw)(x), by_the_paper(x)


def doubled(input: Tensor) -> Tensor:
    return 2 * {call}


SUITES = (
    Suite(
        technique="{slug}",
        part="{name}",
        subjects={{"{name}": {name}}},
        interface=Interface(kind="function"),
        cases=({{}},),
        shapes=lambda a: ((1, 1), (2, 3)),
        laws=(Law("by_the_paper", "$$ y = x $$", equation),),
        twins=(Twin("doubled", doubled, "your output is twice what it should be."),),
    ),
)
'''


def scaffold(place: str, *, paper: str, chapter: str = "", root: Path = Path()) -> list[Path]:
    """Write a technique's card, laws, export line and place in the journey.

    Args:
        place: kind and slug, such as ``nn/norm/scale_norm``.
        paper: key of its paper, which must stand in ``refs.bib``.
        chapter: title of its chapter in the journey; the last one where it is "".
        root: a checkout of the project.

    Returns:
        The files that were written or changed.

    Raises:
        InputError: no checkout, no slug, or the slug is taken.
        UnknownNameError: there is no such kind or paper.
    """
    package = root / "src" / "vademecum"
    if not (package / "refs.bib").is_file():
        raise InputError(
            f"a technique is added to a checkout: {root.resolve()} holds no src/vademecum; go there, or give --root."
        )
    kind, _, slug = place.rpartition("/")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        raise InputError(
            f"a slug is snake case, as a Python file is named: {slug!r} is not; write for example scale_norm."
        )
    families = [
        f"nn/{p.name}" for p in (package / "nn").iterdir() if p.is_dir() and not p.name.startswith("_")
    ]
    if kind not in (kinds := [k for k in KINDS if k != "nn"] + families):
        raise UnknownNameError("kind", kind, kinds)
    taken = [p for k in (*KINDS, *families) for p in (package / k).glob(f"{slug}.py")]
    if taken:
        raise InputError(f"a slug must be new: {slug!r} stands in {taken[0]}; take another.")
    papers = parse((package / "refs.bib").read_text(encoding="utf-8"))
    if paper not in papers:
        raise UnknownNameError("paper", paper, papers)
    journey = _journey(package / "journey.toml", slug, chapter)
    is_layer = kind.startswith("nn/")
    words = slug.replace("_", " ")
    name = "".join(part.capitalize() for part in slug.split("_")) if is_layer else slug
    module = ".".join((*kind.split("/"), slug))
    imports = (
        "import torch\nfrom torch import Tensor, nn" if is_layer else "import torch\nfrom torch import Tensor"
    )
    body = (_MODULE if is_layer else _FUNCTION).format(name=name)
    files = {
        package / kind / f"{slug}.py": _TECHNIQUE.format(
            title=words.capitalize(), paper=paper, imports=imports, name=name, body=body
        ),
        package / "laws" / f"{slug}.py": _LAWS.format(
            lower=words,
            module=module,
            name=name,
            slug=slug,
            call=f"{name}()(input)" if is_layer else f"{name}(input)",
        ),
        package / "journey.toml": journey,
    }
    line = f"from .{slug} import {name} as {name}\n"
    init = package / kind / "__init__.py"
    files[init] = _with_export(
        init.read_text(encoding="utf-8") if init.is_file() else f'"""{kind}."""\n', line
    )
    if is_layer:
        top = package / "nn" / "__init__.py"
        files[top] = _with_export(
            top.read_text(encoding="utf-8"), f"from .{kind.split('/')[1]} import {name} as {name}\n"
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def _with_export(text: str, line: str) -> str:
    """Add an import line behind the others."""
    last = text.rfind("\nfrom .")
    if last < 0:
        return text.rstrip() + "\n\n" + line
    end = text.find("\n", last + 1) + 1 or len(text)
    return text[:end] + line + text[end:]


def _journey(path: Path, slug: str, chapter: str) -> str:
    """Add a slug to a chapter's list, leaving the file's text as it is otherwise."""
    text = path.read_text(encoding="utf-8")
    titles = re.findall(r'^title = "(.+)"$', text, re.MULTILINE)
    chapter = chapter or titles[-1]
    if chapter not in titles:
        raise UnknownNameError("chapter", chapter, titles)
    start = text.index(f'title = "{chapter}"')
    end = text.index("]", text.index("techniques = [", start))
    before = text[:end].rstrip().rstrip(",")
    return f'{before}, "{slug}"{text[end:]}'
