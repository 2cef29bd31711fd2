"""Half of the components hold nearly all of the variance of the digits, because neighboring pixels agree.

Protocol: scikit-learn's digits, 64 pixels, 1297 to fit on and 500 new ones; the number of components that hold 95 %
and 99 % of the training variance; the share of the new digits' variance around the training mean that the first of
these keep; and, as the control, the number for 95 % where each pixel is shuffled among the examples, which leaves
every pixel its variance and takes away what ties it to the others.

Source: Bishop 2006, section 12.1; the counts are those of scikit-learn's digits.
"""

import torch

from vademecum.data import PCA

from ._digits import digits, seeded
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Count the components that hold the variance.

    Args:
        seed: of split and shuffle.

    Returns:
        Numbers of components and the share of variance kept of new digits.
    """
    with seeded(seed):
        data = digits()
        x, new = data.x.flatten(1), data.test_x.flatten(1)
        pca = PCA(64, 0.95).fit(x)
        lost = (pca.inverse(pca(new)) - new).square().sum() / (new - pca.mean).square().sum()
        shuffled = torch.stack([pixel[torch.randperm(len(pixel))] for pixel in x.T], dim=1)
        measured = {
            "components for 95 %": float(pca.out_features),
            "components for 99 %": float(PCA(64, 0.99).fit(x).out_features),
            "share kept of new digits": 1 - float(lost),
            "components for 95 %, pixels shuffled": float(PCA(64, 0.95).fit(shuffled).out_features),
        }
    return Outcome(
        says="where features are correlated, few components hold most of the variance",
        measured=measured,
        holds=measured["components for 95 %"] < 32
        and measured["components for 99 %"] < 45
        and measured["share kept of new digits"] > 0.93
        and measured["components for 95 %, pixels shuffled"] > 36,
        expected="below 32 for 95 % and 45 for 99 %, above 36 with shuffled pixels; above 0.93 kept of new digits",
    )
