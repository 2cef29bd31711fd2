"""The invariance gap of classifiers of digits, its table, and what is refused."""

import pytest
import torch
from torch import nn

from vademecum.data.sources.digits import digits
from vademecum.theory import invariance_gap


def test_half_a_turn_makes_nines_of_sixes() -> None:
    source = digits()
    x, y = source.x.float() / 16, source.y
    sixes = (y == 6) | (y == 9)
    report = invariance_gap(
        nn.Flatten(),
        {"half turn": lambda x: x.rot90(2, (2, 3)), "darker": lambda x: 0.9 * x},
        x[sixes],
        (y[sixes] == 9).long(),
    )
    assert report["half turn"].flipped > 0.5
    assert report["darker"].flipped < 0.05
    assert str(report).count("changes the label: do not build it in") == 1


def test_without_labels_the_table_leaves_them_out() -> None:
    report = invariance_gap(nn.Linear(2, 3), {"mirror": lambda x: -x}, torch.randn(4, 2))
    assert report["mirror"].accuracy is report["mirror"].accuracy_drop is None
    assert "None" not in str(report)
    assert str(report).splitlines()[1].startswith("mirror")


def test_refusals() -> None:
    x, mirror = torch.ones(3, 2), {"mirror": lambda x: -x}
    with pytest.raises(ValueError, match=r"x is \(1, 2\), 1 transformations, y None"):
        invariance_gap(nn.Linear(2, 3), mirror, x[:1])
    with pytest.raises(ValueError, match="0 transformations"):
        invariance_gap(nn.Linear(2, 3), {}, x)
    with pytest.raises(ValueError, match=r"y \(2,\)"):
        invariance_gap(nn.Linear(2, 3), mirror, x, torch.zeros(2))
    with pytest.raises(ValueError, match=r"'crop' made \(3, 1\) of \(3, 2\)"):
        invariance_gap(nn.Linear(2, 3), {"crop": lambda x: x[:, :1]}, x)
