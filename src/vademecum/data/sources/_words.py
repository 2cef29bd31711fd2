"""Short lists in messages."""

from collections.abc import Iterable


def some(names: Iterable[object], *, most: int = 8) -> str:
    """Name the first few, and say how many there are besides.

    Args:
        names: anything with a text.
        most: how many to name.

    Returns:
        The words.

    Example:
        >>> some(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    listed = [str(name) for name in names]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
