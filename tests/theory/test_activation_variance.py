"""The measurement by depth: its table, its demonstration, wrong inputs."""

import re

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.theory.activation_variance import activation_variance, demonstrate, mean_square_after


def test_demonstration_is_within_a_factor_of_three_of_the_equation() -> None:
    cells = re.findall(r"(\S+) \((\S+)\)", "\n".join(demonstrate().splitlines()[2:]))
    measured, expected = torch.tensor(
        [[float(cell) for cell in pair] for pair in cells], dtype=torch.float64
    ).T
    assert_close(
        expected,
        torch.tensor([1.5e-32, 1.4e-38, 1.0, 9.5e-7, 1.0e6, 1.0], dtype=torch.float64),
        rtol=0.05,
        atol=0,
    )
    assert_close((measured / expected).log2(), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1.6)


def test_parts_that_give_no_numbers_are_passed_over() -> None:
    class Counts(nn.Module):
        def forward(self, x):
            return x.argmax(-1)

    table = activation_variance(nn.Sequential(nn.Linear(2, 3), Counts()), torch.ones(4, 2))
    assert [row.path for row in table.rows] == ["0"]
    with pytest.raises(ValueError, match="Counts gives none"):
        activation_variance(Counts(), torch.ones(4, 2))
    with pytest.raises(ValueError, match="batch that is not empty"):
        activation_variance(nn.Linear(2, 2), torch.ones(0, 2))


def test_two_inputs() -> None:
    table = activation_variance(nn.Bilinear(1, 1, 1, bias=False), (torch.ones(2, 1), torch.zeros(2, 1)))
    assert table.rows[0].mean_square == 0.0


@pytest.mark.parametrize("sizes", [{"depth": 0}, {"width": 0}, {"examples": 0}])
def test_sizes_must_be_positive(sizes: dict[str, int]) -> None:
    arguments = {"depth": 2, "width": 2, "examples": 2, **sizes}
    with pytest.raises(ValueError, match="sizes must be positive"):
        mean_square_after(arguments.pop("depth"), std=1.0, **arguments)
