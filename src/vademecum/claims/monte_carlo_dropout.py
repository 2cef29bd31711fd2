"""Weight scaling is as good as averaging many masked nets, one masked net is worse, and doubt is greater where it errs.

Protocol: 500 digits to train on, a net 64-256-256-10 with dropout of 0.5, 80 epochs of gradient descent with momentum.
Test error by weight scaling (evaluation mode), by one pass with dropout (mean over 10 of them) and by the mean of 100
passes; and the mean entropy of these means over right and over wrong answers.

Source: Srivastava et al. 2014, section 7.5, Figure 11; Gal and Ghahramani 2016, section 5.
"""

import torch

from vademecum.nn import Dropout, mc_dropout

from ._digits import accuracy, digits, seeded, train
from ._noisy_digits import PROTOCOL, wide
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Compare the three ways to predict.

    Args:
        seed: of split, initialization, order and masks.

    Returns:
        Test errors, and entropies in nats.
    """
    with seeded(seed):
        data = digits(500)
        net = train(wide(Dropout), data.x, data.y, **PROTOCOL)  # type: ignore[arg-type]
        scaled = 1 - accuracy(net, data.test_x, data.test_y)
        ones = [mc_dropout(net, data.test_x, samples=1).mean for _ in range(10)]
        many = mc_dropout(net, data.test_x, samples=100)
    assert many.entropy is not None
    wrong = many.mean.argmax(1) != data.test_y
    one = torch.stack([(mean.argmax(1) != data.test_y).float().mean() for mean in ones]).mean()
    measured = {
        "test error, weight scaling": scaled,
        "test error, one pass": float(one),
        "test error, mean of 100 passes": float(wrong.float().mean()),
        "entropy of wrong answers": float(many.entropy[wrong].mean()),
        "entropy of right answers": float(many.entropy[~wrong].mean()),
    }
    averaged = measured["test error, mean of 100 passes"]
    return Outcome(
        says="weight scaling approximates the mean of the masked nets well, and their mean knows where it errs",
        measured=measured,
        holds=abs(scaled - averaged) < 0.01
        and measured["test error, one pass"] > averaged + 0.005
        and measured["entropy of wrong answers"] > 2 * measured["entropy of right answers"],
        expected="scaling within a point of 100 passes, one pass half a point worse, entropy of errors more than twice",
    )
