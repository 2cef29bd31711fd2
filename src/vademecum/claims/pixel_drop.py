"""Dropped pixels in training raise the accuracy on digits with missing pixels, and not that on whole ones.

Protocol: that of `random_translation`, with three pixels of ten set to black. The changed test set holds the
test digits after one such change. Thresholds were chosen on seeds 10 to 12.

Source: Vincent et al. 2008, section 2.3 (robust to partial destruction of the input).
"""

from vademecum.data import PixelDrop

from ._changed_digits import measure
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train with and without the change; test on digits as they are and on changed ones.

    Args:
        seed: of split, initialization, order and changes.

    Returns:
        Test accuracies.
    """
    measured = measure(seed, PixelDrop(0.3), what="holed")
    return Outcome(
        says="what is learned from partly destroyed inputs is robust to partly destroyed inputs",
        measured=measured,
        holds=measured["gain, holed"] > 0.05 and measured["gain, clean"] < 0.03,
        expected="augmented, more than 0.05 better on holed digits, and less than 0.03 better on clean ones",
    )
