"""Shifts in training raise the accuracy on shifted digits, and not that on digits that are where they were.

Protocol: 300 digits to train on, 1497 to test on; a net of two 3 by 3 convolutions (16 and 32 channels), each
followed by ReLU and pooling, then a linear layer; 60 epochs of descent with momentum 0.9 at the learning rate 0.02 in
batches of 30, with whole shifts of up to one pixel in both directions and without. The shifted test set holds each
digit that a random shift of the same kind moved. Thresholds were chosen on seeds 10 to 14.

Source: Krizhevsky et al. 2012, section 4.1 (translations); Simard et al. 2003, section 2.
"""

from vademecum.data import RandomTranslate

from ._changed_digits import measure
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train with and without shifts; test on digits as they are and on shifted ones.

    Args:
        seed: of split, initialization, order and shifts.

    Returns:
        Test accuracies.
    """
    measured = measure(seed, RandomTranslate(1), what="shifted")
    return Outcome(
        says="translations of the training images enlarge the training set and make a network tolerant of them",
        measured=measured,
        holds=measured["gain, shifted"] > 0.2 and measured["gain, clean"] < 0.03,
        expected="with shifts, more than 0.2 better on shifted digits, and less than 0.03 better on clean ones",
    )
