"""The papers: ``refs.bib`` read, and written again."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from .cards import PACKAGE
from .errors import UnknownNameError

_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^,\s]+)\s*,", re.ASCII)
_ACCENTS = {
    '"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "k": "\u0328", "H": "\u030b", "r": "\u030a",
}  # fmt: skip
_LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "aa": "å",
    "AA": "Å",
    "i": "i",
}


@dataclass(frozen=True)
class Paper:
    """An entry of ``refs.bib``.

    Attributes:
        key: such as ``wu2018group``.
        type: article, inproceedings, book, ...
        fields: as they stand in the file, braces around the value removed.
        bibtex: the entry's text.
        line: where it stands in the file, counted from 1.
    """

    key: str
    type: str
    fields: Mapping[str, str]
    bibtex: str
    line: int

    @property
    def title(self) -> str:
        """The title as plain text."""
        return plain(self.fields.get("title", ""))

    @property
    def year(self) -> str:
        """The year, or ""."""
        return self.fields.get("year", "")

    @property
    def authors(self) -> tuple[str, ...]:
        """The authors as "First Last"."""
        names = re.split(r"\s+and\s+", plain(self.fields.get("author", "")))
        return tuple(" ".join(reversed(name.split(", ", 1))) for name in names if name)

    @property
    def venue(self) -> str:
        """Where it appeared."""
        for field in ("journal", "booktitle", "publisher", "howpublished", "school", "institution"):
            if self.fields.get(field):
                return plain(self.fields[field])
        eprint = self.fields.get("eprint", "")
        return f"arXiv:{eprint}" if eprint else ""

    @property
    def citation(self) -> str:
        """One line: authors, year, title, venue.

        Example:
            >>> paper("wu2018group").citation
            'Wu and He (2018). Group normalization. European Conference on Computer Vision (ECCV).'
        """
        last = [author.split()[-1] for author in self.authors]
        if not last:
            who = plain(self.fields.get("key", self.key))
        elif len(last) == 1:
            who = last[0]
        elif len(last) == 2:
            who = f"{last[0]} and {last[1]}"
        else:
            who = f"{last[0]} et al."
        venue = f" {self.venue.rstrip('.')}." if self.venue else ""
        return f"{who} ({self.year}). {self.title.rstrip('.')}.{venue}"

    def to_json(self) -> dict[str, object]:
        """The entry as plain values."""
        return {
            "key": self.key, "title": self.title, "authors": list(self.authors), "year": self.year,
            "venue": self.venue, "bibtex": self.bibtex,
        }  # fmt: skip


def plain(text: str) -> str:
    r"""Turn BibTeX's text into plain text.

    Args:
        text: a field's value.

    Returns:
        The text without braces, accents as letters.

    Example:
        >>> print(plain('{G}lorot and H{\\"o}lder -- a {\\\'E}tude'))
        Glorot and Hölder – a Étude
    """

    def accent(found: re.Match[str]) -> str:
        return unicodedata.normalize("NFC", found[2] + _ACCENTS[found[1]])

    text = re.sub(r"\\([\"'`^~=.])\s*\{?\\?([A-Za-z])\}?", accent, text)
    text = re.sub(r"\\([cvukHr])\s*\{\\?([A-Za-z])\}", accent, text)
    text = re.sub(r"\\(ss|ae|AE|aa|AA|o|O|l|L|i)(?![A-Za-z])\s?", lambda m: _LETTERS[m[1]], text)
    text = re.sub(r"\\([&%$#_])", r"\1", text)
    return " ".join(
        text.replace("{", "")
        .replace("}", "")
        .replace("--", "–")
        .replace("``", "“")
        .replace("''", "”")
        .replace("~", " ")
        .split()
    )


def parse(text: str) -> dict[str, Paper]:
    """Read BibTeX.

    Args:
        text: the file's content.

    Returns:
        The entries by key, in the file's order.

    Raises:
        ValueError: a key stands twice, or an entry never ends.
    """
    papers: dict[str, Paper] = {}
    for start in _ENTRY.finditer(text):
        depth, position = 1, start.end()
        while depth:
            if position >= len(text):
                raise ValueError(f"every entry must end with its brace: {start[2]!r} does not.")
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            position += 1
        key = start[2]
        if key in papers:
            raise ValueError(f"every key must stand once: {key!r} stands twice.")
        line = text.count("\n", 0, start.start()) + 1
        fields = _fields(text[start.end() : position - 1])
        papers[key] = Paper(key, start[1].lower(), fields, text[start.start() : position], line)
    return papers


def _fields(body: str) -> dict[str, str]:
    fields = {}
    for found in re.finditer(r"(\w+)\s*=\s*(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\"[^\"]*\"|\w+)", body):
        value = found[2]
        if value[0] in '{"':
            value = value[1:-1]
        fields[found[1].lower()] = " ".join(value.split())
    return fields


@cache
def all_papers() -> Mapping[str, Paper]:
    """Read ``refs.bib``.

    Returns:
        The papers by key.
    """
    return parse((PACKAGE / "refs.bib").read_text(encoding="utf-8"))


def paper(key: str) -> Paper:
    """Find a paper.

    Args:
        key: as in a card's ``References:``.

    Returns:
        The paper.

    Raises:
        UnknownNameError: there is no such key.
    """
    papers = all_papers()
    if key not in papers:
        raise UnknownNameError("paper", key, papers)
    return papers[key]


def bibtex(keys: Iterable[str]) -> str:
    """Write BibTeX for some papers.

    Args:
        keys: repeated keys are written once.

    Returns:
        The entries, sorted by key.
    """
    return "".join(paper(key).bibtex + "\n\n" for key in sorted(set(keys))).strip() + "\n"
