import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum import losses
from vademecum.losses import cross_entropy, expected_initial_loss


def test_are_torchs_own():
    assert losses.CrossEntropyLoss is nn.CrossEntropyLoss
    assert cross_entropy is F.cross_entropy


def test_a_guess_costs_the_logarithm_of_the_classes():
    for k in (1, 2, 10):
        scores, y = torch.zeros(3, k, dtype=torch.float64), torch.zeros(3).long()
        torch.testing.assert_close(cross_entropy(scores, y).item(), expected_initial_loss(k))


def test_log_shares_as_scores_cost_their_entropy():
    counts = torch.tensor([7, 2, 1])
    y = torch.repeat_interleave(torch.arange(3), counts)
    scores = (counts / 10).double().log().expand(10, 3)
    torch.testing.assert_close(cross_entropy(scores, y).item(), expected_initial_loss(3, counts))
    assert expected_initial_loss(3, counts) < math.log(3)


def test_an_empty_class_costs_nothing():
    torch.testing.assert_close(expected_initial_loss(3, torch.tensor([1.0, 1.0, 0.0])), math.log(2))


@pytest.mark.parametrize(
    ("k", "prior", "message"),
    [
        (0, None, "num_classes must be at least 1: it is 0"),
        (3, torch.ones(2), r"for each of 3 classes, not all 0: it is \(2,\)"),
        (2, torch.tensor([1.0, -1.0]), "one share of at least 0"),
        (2, torch.zeros(2), "with the sum 0"),
    ],
)
def test_refuses(k, prior, message):
    with pytest.raises(ValueError, match=message):
        expected_initial_loss(k, prior)
