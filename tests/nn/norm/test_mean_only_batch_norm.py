import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn.norm.mean_only_batch_norm import MeanOnlyBatchNorm1d, MeanOnlyBatchNorm2d


def test_sizes_that_do_not_fit_are_refused() -> None:
    assert MeanOnlyBatchNorm1d(3)(torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(ValueError, match=r"2 or 3 dimensions.*\(2, 4\), num_features=3"):
        MeanOnlyBatchNorm1d(3)(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"must have 4 dimensions"):
        MeanOnlyBatchNorm2d(3)(torch.zeros(2, 3))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_values_are_refused_in_training_alone(count: int) -> None:
    norm = MeanOnlyBatchNorm1d(3)
    with pytest.raises(ValueError, match=r"more than one value per channel.*larger batch, or call eval"):
        norm(torch.zeros(count, 3))
    assert norm.eval()(torch.zeros(count, 3)).shape == (count, 3)
    assert MeanOnlyBatchNorm1d(3)(torch.zeros(1, 3, 2)).shape == (1, 3, 2)


def test_running_mean_is_that_of_torchs_batch_norm() -> None:
    ours, torchs = MeanOnlyBatchNorm2d(3), nn.BatchNorm2d(3)
    for seed in range(3):
        x = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(seed)) + seed
        ours(x), torchs(x)
    assert_close(ours.running_mean, torchs.running_mean)
    assert_close(ours.num_batches_tracked, torchs.num_batches_tracked)


def test_without_running_mean_evaluation_takes_the_batchs() -> None:
    norm = MeanOnlyBatchNorm1d(2, track_running_stats=False).eval()
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    assert_close(norm(x), torch.tensor([[-1.0, -10.0], [1.0, 10.0]]))
    assert list(norm.state_dict()) == ["bias"]


def test_without_bias_there_is_no_parameter() -> None:
    assert list(MeanOnlyBatchNorm1d(2, bias=False).parameters()) == []
