"""Numbers as people write them."""

from math import isfinite


def short(value: float) -> str:
    """A number with as many digits as say something: 0.41, 12.3, 1.2e-07.

    Args:
        value: the number.

    Returns:
        Its text.

    Example:
        >>> [short(value) for value in (0.4131, 1797.0, 1.234e-7, 0.0, 97.25)]
        ['0.413', '1797', '1.23e-07', '0', '97.2']
    """
    if not isfinite(value) or (value == int(value) and abs(value) < 1e6):
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}"


def signed(value: float) -> str:
    """A number with its sign.

    Args:
        value: the number.

    Returns:
        Its text.
    """
    return f"+{short(value)}" if value >= 0 else f"-{short(-value)}"
