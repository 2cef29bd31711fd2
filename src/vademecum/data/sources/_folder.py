"""Which images a folder holds, of which class and for which part."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vademecum._core.errors import InputError

from ._words import some

SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm",
    ".tga", ".jp2",
})  # fmt: skip
PARTS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 2, "testing": 2}
NAMES = ("train", "val", "test")
FEWEST_A_CLASS = 3


@dataclass(frozen=True)
class Listing:
    """The image files of a folder.

    Attributes:
        files: N paths.
        y: int64 (N,) class indices.
        classes: names of the class folders, sorted.
        parts: int64 (N,): 0 train, 1 val, 2 test; None where the folder does not say.
        notes: what was found.
    """

    files: tuple[Path, ...]
    y: Tensor
    classes: tuple[str, ...]
    parts: Tensor | None
    notes: tuple[str, ...]


def listing(folder: Path) -> Listing:
    """List the images.

    Args:
        folder: one sub-folder for each class, or train, val and test with such sub-folders.

    Returns:
        What was found.

    Raises:
        InputError: the folder is laid out otherwise, or a class has too few images.
    """
    if not folder.is_dir():
        raise InputError(
            f"the images must be in a folder: there is none at {str(folder)!r}; correct the path."
        )
    inside = _folders(folder)
    if not inside:
        found = sum(1 for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        raise InputError(
            f"images must lie in one sub-folder for each class: {folder} has no sub-folder and {found} "
            "images; move the images of each class into a sub-folder."
        )
    ignored = sum(1 for path in folder.iterdir() if not path.is_dir())
    roots = _parts(inside, folder)
    files: list[Path] = []
    names: list[str] = []
    codes: list[int] = []
    empty: list[str] = []
    for part, root in roots:
        ignored += 0 if root == folder else sum(1 for path in root.iterdir() if not path.is_dir())
        for place in _folders(root):
            before = len(files)
            for path in _walk(place):
                if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    files.append(path)
                    names.append(place.name)
                    codes.append(part)
                else:
                    ignored += 1
            if len(files) == before:
                empty.append(str(place.relative_to(folder)))
    if empty:
        raise InputError(
            f"every class must have images: {folder} has none in {some(empty)}; add images or remove the "
            "sub-folder."
        )
    classes = tuple(sorted(set(names)))
    y = torch.tensor([classes.index(name) for name in names], dtype=torch.int64)
    parts = torch.tensor(codes, dtype=torch.int64)
    _require_classes(folder, classes, inside)
    counts = _counts(y, parts, len(classes))
    notes = [f"{len(files)} images of {len(classes)} classes: {some(classes)}."]
    notes += _weigh(folder, counts, classes, [part for part, _ in roots])
    if ignored:
        notes.append(f"{ignored} hidden files and files that are no images were ignored.")
    alone = len(roots) == 1
    if alone and roots[0][1] != folder:
        notes.append(f"Only the folder {roots[0][1].name!r} was found; val and test are taken out of it.")
    return Listing(tuple(files), y, classes, None if alone else parts, tuple(notes))


def _folders(folder: Path) -> list[Path]:
    """The sub-folders that are not hidden, sorted."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, in a fixed order."""
    for here, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith((".", "__")))
        yield from (Path(here, name) for name in sorted(names))


def _parts(inside: list[Path], folder: Path) -> list[tuple[int, Path]]:
    """The folders of the parts, or the folder itself as one."""
    named = [(PARTS[p.name.lower()], p) for p in inside if p.name.lower() in PARTS]
    if not any(part == 0 and _folders(p) for part, p in named):
        if len(named) == len(inside):
            raise InputError(
                "the folder train must hold a sub-folder of images for each class: "
                f"{folder} has {some(p.name for p in inside)}, and no train with sub-folders; sort its images by class."
            )
        return [(0, folder)]
    others = [p.name for p in inside if p.name.lower() not in PARTS]
    if others:
        raise InputError(
            f"beside train, val and test there must be no other folder: {folder} also has {some(others)}; "
            "move it away, or make it a class inside each part."
        )
    twins = [p.name for part, p in named if sum(1 for other, _ in named if other == part) > 1]
    if twins:
        raise InputError(
            f"each part must be one folder: {folder} has {some(twins)} for the same part; merge them."
        )
    for part, p in named:
        if not _folders(p):
            raise InputError(
                f"each part must have a sub-folder for each class: {p} has none (part {NAMES[part]}); add "
                "them or remove the folder."
            )
    return sorted(named)


def _require_classes(folder: Path, classes: tuple[str, ...], inside: list[Path]) -> None:
    """Refuse a single class, with a hint where the folder is one too high."""
    if len(classes) > 1:
        return
    deeper = _folders(inside[0]) if len(inside) == 1 else []
    hint = (
        f"did you mean {str(inside[0])!r}?" if len(deeper) > 1 else "add a sub-folder for each further class."
    )
    raise InputError(f"classification needs at least two classes: {folder} has only {classes[0]!r}; {hint}")


def _counts(y: Tensor, parts: Tensor, num_classes: int) -> Tensor:
    """(3, K) images of each part and class."""
    return torch.bincount(parts * num_classes + y, minlength=3 * num_classes).view(3, num_classes)


def _weigh(folder: Path, counts: Tensor, classes: tuple[str, ...], present: list[int]) -> list[str]:
    """Refuse classes with too few images; say which are lacking where they are not needed to train."""
    if len(present) == 1:
        rare = [f"{name!r} ({int(n)})" for name, n in zip(classes, counts[0]) if n < FEWEST_A_CLASS]
        if rare:
            raise InputError(
                f"every class must have at least {FEWEST_A_CLASS} images, one each to train, validate and "
                f"test: {folder} has fewer for {some(rare)}; add images or remove the class."
            )
        return []
    untaught = [repr(name) for name, n in zip(classes, counts[0]) if n == 0]
    if untaught:
        raise InputError(
            f"every class must have images in train: {folder} has none for {some(untaught)}, which stands "
            "in another part; add images or remove the class."
        )
    notes = []
    for part in present[1:]:
        lacking = [repr(name) for name, n in zip(classes, counts[part]) if n == 0]
        if lacking:
            notes.append(
                f"The part {NAMES[part]} has no image of {some(lacking)}: these classes are not measured "
                "there."
            )
    kept = ", ".join(f"{NAMES[part]} {int(counts[part].sum())}" for part in present)
    return [f"The folder's own parts are kept: {kept}.", *notes]
