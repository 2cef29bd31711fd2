"""What the dropouts ask of their arguments."""

from torch import Tensor


def probability(p: float, *, name: str = "p", below_one: bool = False, above_zero: bool = False) -> float:
    """Check a probability of dropping.

    Args:
        p: the number.
        name: what the caller calls it.
        below_one: whether 1 is refused.
        above_zero: whether 0 is refused.

    Returns:
        The number.

    Raises:
        ValueError: it is no such probability.
    """
    if not 0 <= p <= 1 or (below_one and p == 1) or (above_zero and p == 0):
        bounds = f"{'above' if above_zero else 'at least'} 0 and {'below' if below_one else 'at most'} 1"
        raise ValueError(
            f"{name} is the probability of dropping, {bounds}: {name}={p}; "
            "where a text gives the probability of keeping, take 1 minus it."
        )
    return float(p)


def floating(x: Tensor, what: str) -> None:
    """Refuse what is no floating-point tensor.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{what} takes a tensor: {type(x).__name__} came; give the tensor that it should drop from."
        )
    if not x.is_floating_point():
        raise TypeError(
            f"{what} takes floating-point numbers: {x.dtype} of shape {tuple(x.shape)} came; convert it."
        )
