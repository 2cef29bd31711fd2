"""Programs of the bank: a base script and the edits that make it faulty, or differently healthy."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

HALVES = ("tuning", "heldout")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """A base with a fault edited into it; the base is its repaired twin."""

    name: str
    base: str
    cause: str
    edits: tuple[tuple[str, str], ...]
    accepts: tuple[str, ...] = ()
    also: str = ""
    silent: bool = False
    note: str = ""


@dataclass(frozen=True)
class Variant:
    """A base, differently healthy: `trap` says which false alarm it tempts."""

    name: str
    base: str
    edits: tuple[tuple[str, str], ...]
    trap: str = ""


def source(half: str, base: str, edits: tuple[tuple[str, str], ...] = (), *, seed: int = 0) -> str:
    """The text of a program, its edits made and its seed set."""
    text = (HERE / half / "bases" / f"{base}.py").read_text(encoding="utf-8")
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"an edit must match once: {old!r} occurs {text.count(old)} times in {half}/{base}.")
        text = text.replace(old, new)
    if text.count("SEED = 0") != 1:
        raise ValueError(f"a base must say `SEED = 0` once: {half}/{base} does so {text.count('SEED = 0')} times.")
    return text.replace("SEED = 0", f"SEED = {seed}")


def bases(half: str) -> list[str]:
    """The names of a half's bases."""
    return sorted(path.stem for path in (HERE / half / "bases").glob("*.py"))


def faults(half: str) -> tuple[Fault, ...]:
    """The faulty programs of a half."""
    return import_module(f"bank.{half}.faults").FAULTS


def healthy(half: str) -> tuple[Variant, ...]:
    """The healthy programs of a half: the bases, and their variants."""
    own = tuple(Variant(name, name, ()) for name in bases(half))
    return own + import_module(f"bank.{half}.healthy").HEALTHY
