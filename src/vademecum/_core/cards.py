"""Cards: what a technique's module docstring says, read from the source without importing it.

A technique is a public module that stands directly in a kind's folder (``theory/invariance.py``) or in
a family of ``nn`` (``nn/norm/group_norm.py``). Its slug is its file name.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from .errors import UnknownNameError

KINDS = (
    "data", "nn", "losses", "regularize", "optim", "estimators", "train", "search", "models", "detect",
    "explain", "embed", "ntk", "curvature", "theory",
)  # fmt: skip
"""The folders whose modules are techniques, in the order in which they are listed."""

FIELDS = ("Also called", "Departures", "Pitfalls", "Laws", "Claim", "Peer")

PACKAGE = Path(__file__).resolve().parent.parent

_DOCSTRING = re.compile(r'\A(?:#[^\n]*\n|\s)*(r?"""(?:[^"\\]|\\.|"(?!""))*""")', re.DOTALL)
_EQUATION = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


@dataclass(frozen=True)
class Reference:
    """One line of a card's ``References:``: a key of ``refs.bib`` and the place in that paper."""

    key: str
    where: str


@dataclass(frozen=True)
class Card:
    """What is known of one technique.

    Attributes:
        slug: the file's name, unique in the package.
        kind: the folder, such as ``nn/norm``.
        path: the source file.
        title: the words before the first colon of the first line.
        gist: the words after it.
        text: the paragraphs below the first line, equations included, fields excluded.
        equations: the LaTeX between double dollar signs.
        fields: the labelled remarks (``Departures``, ``Pitfalls``, ...).
        references: the papers.
    """

    slug: str
    kind: str
    path: Path
    title: str
    gist: str
    text: str
    equations: tuple[str, ...]
    fields: Mapping[str, str]
    references: tuple[Reference, ...]

    @property
    def module(self) -> str:
        """The dotted name to import."""
        return ".".join(("vademecum", *self.kind.split("/"), self.slug))

    @cached_property
    def exports(self) -> tuple[str, ...]:
        """The public names, from ``__all__``."""
        for node in ast.parse(self.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                return tuple(ast.literal_eval(node.value))
        return ()

    @cached_property
    def reexports(self) -> Mapping[str, str]:
        """Public names that are another package's objects, with that object's dotted name."""
        found = {}
        for node in ast.parse(self.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                for alias in node.names:
                    name = alias.asname or alias.name
                    if name in self.exports:
                        found[name] = f"{node.module}.{alias.name}"
        return found

    def to_json(self) -> dict[str, object]:
        """The card as plain values, for ``--json``."""
        return {
            "slug": self.slug, "kind": self.kind, "path": str(self.path), "line": 1, "title": self.title,
            "gist": self.gist, "text": self.text, "equations": list(self.equations),
            "fields": dict(self.fields), "exports": list(self.exports), "module": self.module,
            "references": [{"key": r.key, "where": r.where} for r in self.references],
        }  # fmt: skip


def head(source: str) -> str:
    """Read a module's docstring from the top of its source, without parsing the rest.

    Args:
        source: the text of a Python file.

    Returns:
        The docstring, or "" where there is none.
    """
    match = _DOCSTRING.match(source)
    if match is None:
        return ""
    return ast.literal_eval(match.group(1)).strip()


def parse(docstring: str, *, slug: str, kind: str, path: Path) -> Card:
    r"""Take a module docstring apart.

    Args:
        docstring: the text as it stands in the file.
        slug: the technique's slug.
        kind: the technique's kind.
        path: the file.

    Returns:
        The card.

    Example:
        >>> card = parse(
        ...     "Squaring: multiply by itself.\n\n$$ y = x^2 $$\n\nPitfalls: none.\n\n"
        ...     "References:\n    euclid: II.", slug="squaring", kind="nn/toy", path=Path("squaring.py"))
        >>> card.title, card.equations, card.fields["Pitfalls"], card.references[0].key
        ('Squaring', ('y = x^2',), 'none.', 'euclid')
    """
    first, _, rest = docstring.partition("\n")
    title, _, gist = first.partition(":")
    paragraphs: list[str] = []
    fields: dict[str, list[str]] = {}
    references: list[Reference] = []
    open_field: str | None = None
    for line in rest.splitlines():
        label, colon, tail = line.partition(":")
        if colon and label in FIELDS:
            open_field = label
            fields[label] = [tail.strip()]
        elif line.strip() == "References:":
            open_field = "References"
        elif open_field == "References" and line.startswith(" "):
            key, colon, where = line.strip().partition(":")
            if colon and re.fullmatch(r"[a-z][\w-]*", key):
                references.append(Reference(key, where.strip()))
            elif references:
                last = references.pop()
                references.append(Reference(last.key, f"{last.where} {line.strip()}".strip()))
        elif open_field and open_field != "References" and line.startswith(" "):
            fields[open_field].append(line.strip())
        else:
            open_field = None
            paragraphs.append(line)
    text = "\n".join(paragraphs).strip()
    return Card(
        slug=slug,
        kind=kind,
        path=path,
        title=title.strip().rstrip("."),
        gist=gist.strip(),
        text=re.sub(r"\n{3,}", "\n\n", text),
        equations=tuple(found.strip() for found in _EQUATION.findall(text)),
        fields={label: " ".join(part for part in parts if part) for label, parts in fields.items()},
        references=tuple(references),
    )


def files() -> Iterator[tuple[str, Path]]:
    """Walk over the technique files.

    Yields:
        The kind and the path of each.
    """
    for kind in KINDS:
        folder = PACKAGE / kind
        places = (
            sorted(p for p in folder.iterdir() if p.is_dir())
            if kind == "nn" and folder.is_dir()
            else [folder]
        )
        for place in places:
            for path in sorted(place.glob("[!_]*.py")):
                yield place.relative_to(PACKAGE).as_posix(), path


@cache
def all_cards() -> Mapping[str, Card]:
    """Read every card.

    Returns:
        The cards by slug, in the order of `KINDS`.

    Example:
        >>> all_cards()["group_norm"].title
        'Group normalization'
    """
    cards = {}
    for kind, path in files():
        text = head(path.read_text(encoding="utf-8"))
        cards[path.stem] = parse(text, slug=path.stem, kind=kind, path=path)
    return cards


def card(slug: str) -> Card:
    """Find the card of a technique.

    Args:
        slug: as listed; hyphens are taken for underscores.

    Returns:
        The card.

    Raises:
        UnknownNameError: there is no such technique.
    """
    cards = all_cards()
    wanted = slug.replace("-", "_").lower()
    if wanted not in cards:
        raise UnknownNameError("technique", slug, cards)
    return cards[wanted]


def of_kind(kind: str) -> list[Card]:
    """List the cards of a kind.

    Args:
        kind: a whole kind (``nn/norm``), its last part (``norm``) or its first (``nn``).

    Returns:
        The cards, in order.

    Raises:
        UnknownNameError: there is no such kind.
    """
    cards = list(all_cards().values())
    chosen = [c for c in cards if kind in {c.kind, c.kind.split("/")[0], c.kind.split("/")[-1]}]
    if not chosen:
        kinds = {c.kind for c in cards} | {c.kind.split("/")[-1] for c in cards}
        raise UnknownNameError("kind", kind, kinds)
    return chosen
