"""The zig-zag: inputs of the unit square by hand, and what is refused."""

import math

import pytest
import torch
from torch.testing import assert_close

from vademecum.theory.zig_zag import demonstrate, least_squares_descent, sign_agreement


def unit_square(side: int) -> torch.Tensor:
    """The midpoints of a grid on (0, 1)^2."""
    middles = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    return torch.cartesian_prod(middles, middles)


def test_the_unit_square_has_the_condition_seven() -> None:
    """Second moments 1/3 and 1/4: the curvatures are 7/12 and 1/12; centered, both are 1/12."""
    x, goal = unit_square(100), torch.tensor([1.0, 0.0])
    way = least_squares_descent(x, goal)
    assert_close(way.condition, 7.0, rtol=1e-3, atol=0)
    assert way.steps == math.ceil(math.log(1e-3) / math.log(6 / 8))
    assert way.turns == way.steps - 1
    centered = least_squares_descent(x - x.mean(0), goal)
    assert (centered.steps, centered.turns) == (1, 0)


def test_inputs_stay_as_they_are() -> None:
    x, goal = unit_square(3), torch.tensor([1.0, 2.0])
    copies = x.clone(), goal.clone()
    least_squares_descent(x, goal)
    assert_close((x, goal), copies, rtol=0, atol=0)


def test_agreement_of_a_convolution_and_of_nothing() -> None:
    kernel = torch.tensor([[[[1.0, -1.0], [1.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    assert_close(sign_agreement(kernel), torch.tensor([0.75, math.nan]), equal_nan=True)
    assert sign_agreement(kernel.double()).dtype == torch.float64
    assert_close(sign_agreement(torch.tensor([[1, -2, 3, 4]])), torch.tensor([0.75]))


def test_the_demonstration_shows_the_cure() -> None:
    head, plain, centered = (line.split() for line in demonstrate().splitlines()[:3])
    assert head[-3:] == ["condition", "steps", "turns"]
    assert plain[-5] == "1.000"
    for before, after in zip(plain[-5:], centered[-5:], strict=True):
        assert float(after) < float(before)


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"gradient must be \(H, F\).*\(3,\)"):
        sign_agreement(torch.ones(3))
    with pytest.raises(ValueError, match=r"x must be \(N, F\) and goal \(F,\): they are \(4, 2\) and \(3,\)"):
        least_squares_descent(torch.ones(4, 2), torch.ones(3))
    with pytest.raises(ValueError, match=r"inputs must determine every weight"):
        least_squares_descent(torch.ones(4, 2), torch.ones(2))
    with pytest.raises(ValueError, match=r"goal must differ from the start"):
        least_squares_descent(torch.eye(2), torch.zeros(2))
    with pytest.raises(RuntimeError, match=r"it did not in 3 steps at the condition 9; raise max_steps"):
        least_squares_descent(torch.diag(torch.tensor([3.0, 1.0])), torch.ones(2), max_steps=3)
