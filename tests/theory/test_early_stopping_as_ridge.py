"""Early stopping as ridge: how far the likeness goes, and what is refused."""

import pytest
import torch
from torch.testing import assert_close

from vademecum.theory import early_stopping_ridge


def test_a_likeness_and_no_identity() -> None:
    hessian, goal = (
        torch.diag(torch.logspace(-3, 0, 7, dtype=torch.float64)),
        torch.ones(7, dtype=torch.float64),
    )
    found = early_stopping_ridge(hessian, goal, rate=0.5, steps=40)
    assert_close(found.strength, 1 / 20)
    assert 0.02 < found.distance < 0.3
    assert bool((found.kept >= found.kept_by_ridge).all())  # descent has gone further, in every direction
    assert bool((found.kept.diff() > -1e-12).all())  # and has filled in the steep ones first


def test_a_flat_direction_never_moves() -> None:
    found = early_stopping_ridge(torch.diag(torch.tensor([0.0, 1.0])), torch.ones(2), rate=0.5, steps=100)
    assert_close(found.stopped, torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert_close(found.ridge[0], torch.tensor(0.0, dtype=torch.float64))


def test_refusals() -> None:
    two = torch.ones(2)
    with pytest.raises(ValueError, match=r"they are \(2, 3\) and \(2,\)"):
        early_stopping_ridge(torch.ones(2, 3), two, rate=0.1, steps=1)
    with pytest.raises(ValueError, match="not all 0"):
        early_stopping_ridge(torch.eye(2), 0 * two, rate=0.1, steps=1)
    with pytest.raises(ValueError, match="its asymmetry is 1"):
        early_stopping_ridge(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), two, rate=0.1, steps=1)
    with pytest.raises(ValueError, match="its least eigenvalue -1"):
        early_stopping_ridge(torch.diag(torch.tensor([-1.0, 1.0])), two, rate=0.1, steps=1)
    with pytest.raises(ValueError, match="a rate below 2"):
        early_stopping_ridge(torch.eye(2), two, rate=2.0, steps=1)
    with pytest.raises(ValueError, match="steps=0"):
        early_stopping_ridge(torch.eye(2), two, rate=0.1, steps=0)
    with pytest.raises(ValueError, match="a rate below inf"):
        early_stopping_ridge(torch.zeros(2, 2), two, rate=0.1, steps=1)
