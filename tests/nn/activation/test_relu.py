"""The noisy rectifier's generator, and wrong inputs."""

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from vademecum.nn.activation import NoisyReLU, PaperRReLU, stepped_sigmoids


@pytest.mark.parametrize("kind", [NoisyReLU, PaperRReLU])
def test_the_generator_is_the_only_source(kind: type) -> None:
    x = torch.linspace(-2, 2, 50)
    first, second = (kind(generator=torch.Generator().manual_seed(5)) for _ in range(2))
    torch.manual_seed(0)
    y = first(x)
    torch.manual_seed(1)
    assert_close(second(x), y, rtol=0, atol=0)
    with pytest.raises(AssertionError):
        assert_close(second(x), y)  # the stream goes on


@pytest.mark.parametrize("kind", [NoisyReLU, PaperRReLU])
def test_a_copy_has_a_generator_of_its_own_in_the_same_state(kind: type) -> None:
    unit = kind(generator=torch.Generator().manual_seed(5))
    copy = deepcopy(unit)
    x = torch.linspace(-2, 2, 50)
    assert copy.generator is not unit.generator
    assert_close(copy(x), unit(x), rtol=0, atol=0)
    assert not deepcopy(unit.eval()).training


def test_no_sigmoids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"count must be positive: it is 0"):
        stepped_sigmoids(torch.zeros(1), count=0)
    assert_close(stepped_sigmoids(torch.full((1,), 0.5), count=1), torch.tensor([0.5]))


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 8.0), (-3.0, 8.0), (8.0, 3.0)])
def test_divisors_that_are_none_are_refused(lower: float, upper: float) -> None:
    with pytest.raises(ValueError, match=r"0 < lower <= upper.*use RReLU"):
        PaperRReLU(lower, upper)


def test_equal_divisors_are_a_leaky_rectifier() -> None:
    assert_close(PaperRReLU(4.0, 4.0)(torch.tensor([-8.0, 8.0])), torch.tensor([-2.0, 8.0]))
