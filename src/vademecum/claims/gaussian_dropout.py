"""Gaussian noise of the same variance does what dropout does.

Protocol: that of the claim of dropout on noisy labels: 500 digits, 30 % of the labels drawn at random, a net
64-256-256-10, 80 epochs; without, with dropout of 0.5 and with Gaussian dropout of the same p.

Source: Srivastava et al. 2014, section 10, Table 10 (at least as good as Bernoulli noise).
"""

from vademecum.nn import Dropout, GaussianDropout

from ._digits import seeded
from ._noisy_digits import noisy_digits, test_error, wide
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Compare no noise, Bernoulli noise and Gaussian noise.

    Args:
        seed: of split, label noise, initialization, order and masks.

    Returns:
        Test errors.
    """
    measured: dict[str, float] = {}
    for name, after in (("without", None), ("dropout", Dropout), ("Gaussian dropout", GaussianDropout)):
        with seeded(seed):
            data = noisy_digits()
            measured[f"test error, {name}"] = test_error(wide(after), data)
    without, _, gaussian = measured.values()
    return Outcome(
        says="multiplicative Gaussian noise regularizes as dropout does",
        measured=measured,
        holds=gaussian < 0.75 * without,
        expected="with Gaussian dropout less than 3/4 of the error without",
    )
