"""Rotations in training raise the accuracy on rotated digits, and not that on upright ones.

Protocol: that of `random_translation`, with rotations by up to 45 degrees. The changed test set holds the
test digits after one such change. Thresholds were chosen on seeds 10 to 12.

Source: Simard et al. 2003, section 2 (affine distortions enlarge the training set).
"""

from vademecum.data import RandomRotation

from ._changed_digits import measure
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train with and without the change; test on digits as they are and on changed ones.

    Args:
        seed: of split, initialization, order and changes.

    Returns:
        Test accuracies.
    """
    measured = measure(seed, RandomRotation(45), what="rotated")
    return Outcome(
        says="rotations of the training images make a network tolerant of them",
        measured=measured,
        holds=measured["gain, rotated"] > 0.15 and measured["gain, clean"] < 0.03,
        expected="augmented, more than 0.15 better on rotated digits, and less than 0.03 better on clean ones",
    )
