"""Refuse what would not fit into memory, before it is read."""

import os

from vademecum._core.errors import InputError

SHARE = 1 / 3
"""Of the available memory that a data set may take; training needs the rest."""


def available() -> int | None:
    """Ask the system for its available memory.

    Returns:
        Bytes, or None where the system does not tell.
    """
    if not hasattr(os, "sysconf"):
        return None
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in os.sysconf_names:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    return None


def require(needed: int, what: str, remedy: str) -> None:
    """Refuse a data set that is too large for this machine.

    Args:
        needed: bytes.
        what: the data, as a user calls it.
        remedy: what to do instead.

    Raises:
        InputError: the data would take more than a third of the available memory.
    """
    memory = available()
    if memory is not None and needed > SHARE * memory:
        raise InputError(
            f"the data must fit into a third of the available memory: {what} would take "
            f"{needed / 2**30:.3g} GiB of {memory / 2**30:.3g} GiB; {remedy}."
        )
