"""Batch normalization: refusals, agreement with torch, and what must stay as it was."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, parametrizations
from torch.optim.swa_utils import update_bn
from torch.testing import assert_close

from vademecum.nn.norm import batch_norm
from vademecum.nn.norm.batch_norm import fold_batch_norm, folded, recalibrate


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained(norm: nn.Module) -> nn.Module:
    """A norm with a past: nothing in it is 0 or 1."""
    with torch.no_grad():
        for number, tensor in enumerate(norm.state_dict().values()):
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=seeded(number)))
    return norm


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"])
def test_the_layers_are_torchs(name: str) -> None:
    assert getattr(batch_norm, name) is getattr(nn, name)


def test_one_value_a_channel_is_refused_in_training() -> None:
    norm = nn.BatchNorm1d(2)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm(torch.ones(1, 2))
    assert norm.eval()(torch.ones(1, 2)).shape == (1, 2)


def test_recalibrate_agrees_with_torch_where_there_is_no_dropout() -> None:
    batches = [torch.randn(4, 3, 2, 2, generator=seeded(s)) + s for s in range(3)]
    ours, theirs = (trained(nn.BatchNorm2d(3)) for _ in range(2))
    recalibrate(ours, batches)
    update_bn(batches, theirs)
    assert_close(ours.state_dict(), theirs.state_dict())
    assert int(ours.num_batches_tracked) == 3


def test_torchs_update_leaves_dropout_on() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(1, momentum=None))
    x = torch.ones(1000, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        update_bn([x], model)
    assert float(model[1].running_var) > 0.9  # of the values 0 and 2
    recalibrate(model, [x])
    assert_close(model[1].running_var, torch.zeros(1))


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.calls = trained(nn.BatchNorm1d(2, momentum=0.3)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y = self.norm(x)
        if self.calls == 2:
            raise RuntimeError("out of paper")
        return y


def test_a_failed_recalibration_changes_nothing() -> None:
    model = Fails()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RuntimeError, match="out of paper"):
        recalibrate(model, [torch.randn(4, 2, generator=seeded())] * 3)
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert model.norm.momentum == 0.3
    assert model.training
    assert model.norm.training


def test_recalibration_draws_no_random_numbers_and_no_gradient() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    state = torch.get_rng_state()
    recalibrate(model, (x for x in torch.randn(2, 5, 2, generator=seeded())))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("model", "batches", "error", "words"),
    [
        (nn.Linear(2, 2), [torch.ones(2, 2)], ValueError, "running statistics: Linear holds none"),
        (nn.BatchNorm1d(2, track_running_stats=False), [torch.ones(2, 2)], ValueError, "running statistics"),
        (nn.BatchNorm1d(2), [], ValueError, "give at least one"),
        (nn.BatchNorm1d(2), [(torch.ones(2, 2), torch.ones(2))], TypeError, "batch 1 is a tuple; give"),
    ],
)
def test_recalibrate_refuses(model: nn.Module, batches: list, error: type, words: str) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(error, match=words):
        recalibrate(model, batches)
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_folding_agrees_with_torch() -> None:
    conv, norm = nn.Conv2d(4, 6, 3, groups=2, bias=False).eval(), trained(nn.BatchNorm2d(6)).eval()
    ours, theirs = fold_batch_norm(conv, norm), fuse_conv_bn_eval(conv, norm)
    assert_close(ours.weight, theirs.weight)
    assert_close(ours.bias, theirs.bias)


def test_torch_cannot_fold_a_transposed_convolution_in_groups() -> None:
    conv, norm = nn.ConvTranspose2d(4, 4, 2, groups=2).eval(), trained(nn.BatchNorm2d(4)).eval()
    with pytest.raises(RuntimeError):
        fuse_conv_bn_eval(conv, norm, transpose=True)
    x = torch.randn(2, 4, 3, 3, generator=seeded())
    assert_close(fold_batch_norm(conv, norm)(x), norm(conv(x)))


def test_a_frozen_layer_stays_frozen() -> None:
    layer = nn.Linear(2, 3).requires_grad_(False)
    one = fold_batch_norm(layer, nn.BatchNorm1d(3))
    assert [parameter.requires_grad for parameter in one.parameters()] == [False, False]


def test_a_synchronized_norm_folds_too() -> None:
    conv, norm = nn.Conv1d(2, 3, 2), trained(nn.SyncBatchNorm(3)).eval()
    x = torch.randn(2, 2, 4, generator=seeded())
    assert_close(fold_batch_norm(conv, norm)(x), norm(conv(x)))


@pytest.mark.parametrize(
    ("layer", "norm", "words"),
    [
        (nn.BatchNorm1d(2), nn.Linear(2, 2), "BatchNorm1d and Linear came; give such a pair in this order"),
        (nn.Conv2d(2, 2, 1), nn.BatchNorm1d(2), "batch normalization of its dimension"),
        (nn.Conv2d(2, 3, 1), nn.BatchNorm2d(2), "have 3 and 2; give the norm that follows"),
        (nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False), "keep running statistics"),
        (parametrizations.weight_norm(nn.Linear(2, 2)), nn.BatchNorm1d(2), "remove_parametrizations first"),
    ],
)
def test_what_is_no_pair_is_refused(layer: nn.Module, norm: nn.Module, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fold_batch_norm(layer, norm)


class Residual(nn.Module):
    """x + f(x), then pre-activation: the second norm follows a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.after = trained(nn.BatchNorm2d(3))
        self.norm = trained(nn.BatchNorm2d(3))
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(x + self.norm(self.conv(x))).relu()


def test_only_the_norm_after_a_layer_is_folded() -> None:
    model = Residual()
    copy = folded(model)
    assert type(copy) is Residual
    assert not copy.training
    assert [type(copy.norm), type(copy.after)] == [nn.Identity, nn.BatchNorm2d]
    assert [type(model.norm), model.training, model.conv.bias] == [nn.BatchNorm2d, True, None]
    x = torch.randn(2, 3, 4, 4, generator=seeded())
    assert_close(copy(x), model.eval()(x))


class Branches(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else x


def test_what_cannot_be_traced_is_refused() -> None:
    with pytest.raises(ValueError, match=r"traceable by torch.fx.*Branches.*fold_batch_norm"):
        folded(Branches())


def test_nothing_to_fold_is_refused() -> None:
    with pytest.raises(ValueError, match="Sequential holds none"):
        folded(nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)))
