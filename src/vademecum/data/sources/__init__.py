"""Read a user's data: scikit-learn's digits, a folder of images, or a table.

Whatever is odd about the data is either handled and said in the source's ``notes``, or refused with
the name of the file, row or column and a way out. Nothing is fitted here, and nothing is split.
"""

from os import PathLike, fspath
from pathlib import Path

from vademecum._core.errors import InputError, nearest

from ._source import Feature as Feature
from ._source import Source as Source
from .digits import digits as digits
from .images import images as images
from .table import SUFFIXES
from .table import table as table

__all__ = ["Feature", "Source", "digits", "images", "load", "table"]


def load(
    data: str | PathLike[str],
    *,
    target: str = "",
    group: str = "",
    time: str = "",
    image_size: int | None = None,
) -> Source:
    """Load whatever the user names.

    Args:
        data: ``digits``; a folder of images (see `images`); or a CSV, TSV or Parquet file (see `table`).
            A folder that is called ``digits`` is written ``./digits``.
        target: tables: the column to predict.
        group: tables: the column whose equal values must stay in one part.
        time: tables: the column by which the parts follow one another.
        image_size: folders: pixels along each side; None: found out.

    Returns:
        The data, with notes of what was found.

    Raises:
        InputError: the data cannot be used; the message says why, where, and what to do.

    Example:
        >>> len(load("digits"))
        1797
    """
    name = fspath(data)
    columns = [option for option, value in (("target", target), ("group", group), ("time", time)) if value]
    if name == "digits" or Path(name).is_dir():
        if columns:
            raise InputError(
                f"{', '.join(columns)} must be left out for images, for these name columns of a table: "
                f"{name} holds images."
            )
        if name != "digits":
            return images(name, image_size=image_size)
        if image_size is not None:
            raise InputError(
                "image_size must be left out for the digits: they are 8 by 8 pixels and stay so."
            )
        return digits()
    path = Path(name)
    if not path.exists():
        near = nearest(path.name, _beside(path))
        hint = (
            f"did you mean {near[0]!r}?"
            if near
            else "give 'digits', a folder of images, or a CSV, TSV or Parquet file."
        )
        raise InputError(f"the data must exist: there is no file or folder {name!r}; {hint}")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"the data must be a folder of images or a table ({', '.join(SUFFIXES)}): {name!r} is neither; "
            + _ADVICE.get(path.suffix.lower(), "save it as CSV.")
        )
    if image_size is not None:
        raise InputError(f"image_size must be left out for a table: {name} is one.")
    return table(path, target=target, group=group, time=time)


def _beside(path: Path) -> list[str]:
    """Names that may have been meant by one that does not exist."""
    parent = path.parent
    return ["digits", *(sorted(p.name for p in parent.iterdir()) if parent.is_dir() else [])]


_ADVICE = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
                    "give the folder that holds one sub-folder of images for each class."),
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".tar", ".tgz", ".7z"), "unpack it first."),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV."),
    **dict.fromkeys((".json", ".jsonl", ".npy", ".npz", ".feather", ".h5"), "save it as CSV or Parquet."),
}  # fmt: skip
