import pytest
import torch
from torch.testing import assert_close

from vademecum.losses import canonical, output_hessian


def test_binary_takes_one_activation_an_example():
    link, loss = canonical("binary")
    a, t = torch.tensor([0.3, -2.0], requires_grad=True), torch.tensor([0.0, 1.0])
    loss(a, t).backward()
    assert_close(a.grad, link(a.detach()) - t)


def test_multiclass_takes_probabilities():
    link, loss = canonical("multiclass")
    a = torch.tensor([[0.3, -2.0, 1.0]], requires_grad=True)
    t = torch.tensor([[0.2, 0.5, 0.3]])
    loss(a, t).backward()
    assert_close(a.grad, link(a.detach()) - t)


@pytest.mark.parametrize("task", ["regression", "binary", "multilabel", "multiclass"])
def test_hessian_takes_any_batch(task):
    a = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert output_hessian(a, task).shape == (2, 3, 4, 4)
    assert_close(output_hessian(a, task)[1, 2], output_hessian(a[1, 2], task))


def test_multiclass_hessian_does_not_see_a_shift_of_all_scores():
    a = torch.randn(5, generator=torch.Generator().manual_seed(0))
    assert_close(output_hessian(a, "multiclass") @ torch.ones(5), torch.zeros(5), rtol=0, atol=1e-6)


def test_refuses():
    with pytest.raises(
        ValueError, match="task must be regression, binary, multilabel or multiclass: it is 'ranking'"
    ):
        canonical("ranking")
    with pytest.raises(ValueError, match="task must be"):
        output_hessian(torch.zeros(2), "ranking")
    with pytest.raises(ValueError, match="it has no dimension"):
        output_hessian(torch.zeros(()), "binary")
    with pytest.raises(ValueError, match=r"one shape: they are \(3, 1\) and \(3,\)"):
        canonical("regression")[1](torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="size"):  # torch's own words
        canonical("binary")[1](torch.zeros(3, 1), torch.zeros(3))
