"""Virtual batch normalization: refusals, checkpoints, and what is left when a block ends."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vademecum.nn.norm.virtual_batch_norm import VirtualBatchNet, VirtualBatchNorm, reference_batch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 2), VirtualBatchNorm(3), nn.ReLU(), nn.Conv2d(3, 2, 2), VirtualBatchNorm(2)
    )


def test_without_a_reference_it_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must have a reference: x came, \(2, 3\).*VirtualBatchNet"):
        VirtualBatchNorm(3)(torch.ones(2, 3))


def test_after_the_block_the_reference_is_gone() -> None:
    model = nn.Sequential(nn.Linear(2, 2), VirtualBatchNorm(2))
    with reference_batch(model, torch.randn(4, 2, generator=seeded())):
        model(torch.ones(1, 2))
    with pytest.raises(ValueError, match="must have a reference"):
        model(torch.ones(1, 2))


def test_an_error_in_the_block_cleans_up() -> None:
    model = nn.Sequential(nn.Linear(2, 2), VirtualBatchNorm(2))
    reference = torch.randn(4, 2, generator=seeded())
    with pytest.raises(RuntimeError, match="stop"), reference_batch(model, reference):
        raise RuntimeError("stop")
    with pytest.raises(RuntimeError), reference_batch(model, torch.ones(4, 3)):  # fails in the first layer
        pass
    with pytest.raises(ValueError, match="must have a reference"):
        model(torch.ones(1, 2))
    deepcopy(model)  # no graph is left behind
    with reference_batch(model, reference):
        assert model(torch.ones(1, 2)).shape == (1, 2)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = VirtualBatchNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.norm(x).tanh())


@pytest.mark.parametrize(
    ("model", "reference", "words"),
    [
        (nn.Linear(2, 2), torch.ones(3, 2), "must hold a VirtualBatchNorm: Linear"),
        (VirtualBatchNorm(2), torch.ones(0, 2), "must hold an example"),
        (VirtualBatchNorm(2), torch.ones(3, 4), r"with 2 channels: it is \(3, 4\)"),
        (VirtualBatchNorm(2), torch.ones(2), r"with 2 channels: it is \(2,\)"),
        (Twice(), torch.ones(3, 2), "one place.*layer of its own"),
    ],
)
def test_references_that_are_refused(model: nn.Module, reference: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words), reference_batch(model, reference):
        pass


def test_an_unknown_combination_is_refused() -> None:
    with pytest.raises(ValueError, match=r"include_self, reference_only: it is 'both'"):
        VirtualBatchNorm(2, combine="both")


def test_a_generator_gives_one_code_one_image_whatever_its_companions() -> None:
    net = VirtualBatchNet(convolutional(), torch.randn(8, 1, 5, 5, generator=seeded()))
    one = torch.randn(1, 1, 5, 5, generator=seeded(1))
    alone = net(one)
    for seed in range(2, 5):
        companions = 5 * torch.randn(6, 1, 5, 5, generator=seeded(seed))
        assert_close(net(torch.cat([one, companions]))[:1], alone)


def test_the_checkpoint_holds_the_reference() -> None:
    reference = torch.randn(8, 1, 5, 5, generator=seeded())
    net, other = (
        VirtualBatchNet(convolutional(), reference),
        VirtualBatchNet(convolutional(), reference * 0 + 1),
    )
    other.load_state_dict(net.state_dict())
    assert_close(other.reference, reference, rtol=0, atol=0)
    x = torch.randn(2, 1, 5, 5, generator=seeded(1))
    assert_close(other(x), net(x), rtol=0, atol=0)


def test_the_reference_is_a_copy_and_moves_with_the_net() -> None:
    reference = torch.randn(4, 2, generator=seeded())
    net = VirtualBatchNet(nn.Sequential(nn.Linear(2, 2), VirtualBatchNorm(2)), reference)
    reference.zero_()
    assert net.reference.abs().amin() > 0
    assert net.double().reference.dtype == torch.float64


def test_several_inputs() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = VirtualBatchNorm(2, affine=False)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.norm(x + y)

    model, x = Sum(), torch.randn(3, 2, generator=seeded())
    reference = torch.randn(4, 2, generator=seeded(1))
    with reference_batch(model, reference, reference):
        assert_close(model(x, x), model.norm(2 * x, 2 * reference))


def test_training_takes_the_reference_anew_in_each_step() -> None:
    net = VirtualBatchNet(
        nn.Sequential(nn.Linear(2, 2), VirtualBatchNorm(2)), torch.randn(8, 2, generator=seeded())
    )
    with torch.no_grad():
        net.model[0].weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, 1.0]]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x, losses = torch.randn(6, 2, generator=seeded(1)), []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (net(x) - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
