"""A deviation of one over the root of the inputs keeps a linear signal in scale; larger and smaller ones do not.

Protocol: the mean square of a standard normal signal behind 20 linear layers of width 256, for weights with
the deviation 0.01, 1/sqrt(n) and sqrt(2/n).

Source: LeCun et al. 1998, section 4.6.
"""

from vademecum.theory import mean_square_after

from ._digits import seeded
from ._outcome import Outcome

WIDTH = 256


def claim(seed: int) -> Outcome:
    """Send a signal through deep linear nets.

    Args:
        seed: of weights and signal.

    Returns:
        Mean squares.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        for name, std in (("0.01", 0.01), ("1/sqrt(n)", WIDTH**-0.5), ("sqrt(2/n)", (2 / WIDTH) ** 0.5)):
            measured[f"mean square, deviation {name}"] = float(
                mean_square_after(20, width=WIDTH, std=std)[-1]
            )
    return Outcome(
        says="weights of deviation 1/sqrt(n) give each unit's weighted sum the variance of its inputs",
        measured=measured,
        holds=measured["mean square, deviation 0.01"] < 1e-20
        and 0.2 < measured["mean square, deviation 1/sqrt(n)"] < 5
        and measured["mean square, deviation sqrt(2/n)"] > 1e4,
        expected="between 0.2 and 5 with 1/sqrt(n), below 1e-20 with 0.01, above 1e4 with sqrt(2/n)",
    )
