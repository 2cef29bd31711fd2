"""Dropout lowers the test error where labels are noisy; on clean and easy data it gains little.

Protocol: a net 64-256-256-10 with dropout of 0.5 after both activations, and without; 500 digits to train on; 80 epochs
of gradient descent with momentum. Once 30 % of the labels are drawn at random, once all are right.

Source: Srivastava et al. 2014, abstract and section 6 (less overfitting, better test performance); the clean digits are
the control.
"""

from vademecum.nn import Dropout

from ._digits import digits, seeded
from ._noisy_digits import noisy_digits, test_error, wide
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Compare the net with dropout and without, on noisy labels and on right ones.

    Args:
        seed: of split, noise, initialization, order and masks.

    Returns:
        Test errors.
    """
    measured: dict[str, float] = {}
    for labels, data_of in (("noisy labels", noisy_digits), ("right labels", lambda: digits(500))):
        for name, after in (("without", None), ("with dropout", Dropout)):
            with seeded(seed):
                data = data_of()
                measured[f"test error, {labels}, {name}"] = test_error(wide(after), data)
    noisy_without, noisy_with, right_without, right_with = measured.values()
    return Outcome(
        says="dropout keeps a large net from fitting the noise of its training data",
        measured=measured,
        holds=noisy_with < 0.75 * noisy_without
        and right_without - right_with < (noisy_without - noisy_with) / 3,
        expected="on noisy labels less than 3/4 of the error without; on right labels a third of that gain at most",
    )
