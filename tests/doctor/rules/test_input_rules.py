import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from data_loops import clusters, mlp, report, told, train

BAD = {"epochs": 7, "lr": 1e-6}
"""A run that learns nothing."""


def _by_hand(x, y, *, steps=40, lr=0.1):
    """A loop without any module."""
    w, b = torch.zeros(x.shape[1], 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([w, b], lr=lr)
    for _ in range(steps):
        rows = torch.randperm(len(x))[:20]
        optimizer.zero_grad()
        F.cross_entropy(x[rows] @ w + b, y[rows]).backward()
        optimizer.step()


# ---------------------------------------------------------------- unscaled


def test_large_inputs_are_a_warning_where_the_loss_begins_far_above_a_guess():
    x, y = clusters()
    finding = report(lambda: train(mlp(), F.cross_entropy, x * 200, y)).findings[0]
    assert (finding.rule, finding.severity) == ("unscaled-input", "warning")
    assert "a guess costs 1.1" in finding.message


def test_large_inputs_of_a_run_that_learns_are_a_note():
    x, y = clusters()
    assert told(lambda: train(mlp(), F.cross_entropy, x * 7, y))["unscaled-input"] == "note"


def test_columns_of_different_size_are_seen():
    x, y = clusters()
    x = x * torch.tensor([1e-3, 1.0, 1.0, 1.0, 1.0, 4.0])
    assert told(lambda: train(mlp(), F.cross_entropy, x, y))["unscaled-input"] == "note"


def test_columns_far_from_0_are_seen():
    x, y = clusters()
    assert told(lambda: train(mlp(), F.cross_entropy, 0.3 * x + 4, y))["unscaled-input"] == "note"


def test_a_loop_without_modules_is_seen_too():
    x, y = clusters()
    assert "unscaled-input" in told(lambda: _by_hand(x * 50, y))
    assert "unscaled-input" not in told(lambda: _by_hand(x, y))


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(lambda: nn.BatchNorm1d(6), id="batch norm"),
        pytest.param(lambda: nn.LayerNorm(6, elementwise_affine=False), id="layer norm without weights"),
        pytest.param(lambda: Divide(), id="a division in forward"),
    ],
)
def test_a_model_that_scales_its_input_itself_is_fine(first):
    x, y = clusters()
    model = nn.Sequential(first(), *mlp())
    assert "unscaled-input" not in told(lambda: train(model, F.cross_entropy, x * 200, y))


class Divide(nn.Module):
    def forward(self, x):
        return x / 200


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_inputs_of_about_unit_size_are_fine(scale):
    x, y = clusters()
    said = told(lambda: train(mlp(), F.cross_entropy, scale * x, y, **BAD))
    assert not {"unscaled-input", "tiny-input"} & set(said)


def test_ids_are_no_measurements():
    ids = torch.randint(5000, (200, 4), generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.EmbeddingBag(5000, 8), nn.Linear(8, 3))
    assert "unscaled-input" not in told(lambda: train(model, F.cross_entropy, ids, ids[:, 0] % 3, **BAD))


# ---------------------------------------------------------------- tiny


def test_tiny_inputs_are_told_in_a_run_that_goes_badly():
    x, y = clusters()
    assert (
        told(lambda: train(mlp(), F.cross_entropy, x / 255, y, epochs=7, lr=1e-5))["tiny-input"] == "warning"
    )


def test_tiny_inputs_of_a_run_that_learns_are_a_note():
    x, y = clusters()
    assert told(lambda: train(mlp(), F.cross_entropy, x / 60, y, epochs=8))["tiny-input"] == "note"


# ---------------------------------------------------------------- unscaled targets


@pytest.mark.parametrize(
    "loss", [F.mse_loss, F.l1_loss, lambda p, y: ((y - p) ** 2).mean()], ids=["mse", "l1", "hand"]
)
def test_large_targets_are_told(loss):
    x, y = clusters()
    y = 5e4 + 1e4 * x[:, :1]
    assert told(lambda: train(mlp(outputs=1), loss, x, y, epochs=7))["unscaled-target"] == "warning"


class MeanAndVariance(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp(outputs=2)

    def forward(self, x):
        mean, raw = self.body(x).unbind(1)
        return mean, F.softplus(raw) + 1e-3


@pytest.mark.parametrize(("size", "expected"), [(1e4, True), (1.0, False)])
def test_a_density_of_large_targets_is_told(size, expected):
    x, _ = clusters()

    def loss(out, y):
        return F.gaussian_nll_loss(out[0], y, out[1])

    assert ("unscaled-target" in told(lambda: train(MeanAndVariance(), loss, x, size * x[:, 0]))) is expected


def test_standardized_targets_are_fine():
    x, _ = clusters()
    assert "unscaled-target" not in told(lambda: train(mlp(outputs=1), F.mse_loss, x, x[:, :1], **BAD))


def test_classes_are_no_distance():
    x, y = clusters()
    found = report(lambda: train(mlp(), F.cross_entropy, x, y))
    assert "no distance" in found.not_checked["unscaled-target"]


# ---------------------------------------------------------------- initial loss


def _loud():
    model = mlp()
    with torch.no_grad():
        model[2].weight.mul_(60)
    return model


def test_a_first_loss_far_above_a_guess_is_told():
    x, y = clusters()
    assert told(lambda: train(_loud(), F.cross_entropy, x, y))["initial-loss"] == "note"
    assert told(lambda: train(_loud(), F.cross_entropy, x, y, **BAD))["initial-loss"] == "warning"


def test_a_sum_over_the_batch_is_no_high_loss():
    x, y = clusters()
    said = told(lambda: train(mlp(), lambda s, y: F.cross_entropy(s, y, reduction="sum"), x, y, lr=1e-3))
    assert "initial-loss" not in said


def test_a_loss_of_several_terms_is_not_judged():
    x, y = clusters()
    model = mlp()

    def loss(s, y):
        return F.cross_entropy(s, y) + 100 * sum(p.square().mean() for p in model.parameters())

    found = report(lambda: train(model, loss, x, y))
    assert "initial-loss" in found.not_checked


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {"weight": torch.tensor([1.0, 5.0, 20.0])}])
def test_smoothing_and_weights_are_no_high_loss(options):
    x, y = clusters()
    assert "initial-loss" not in told(
        lambda: train(mlp(), lambda s, y: F.cross_entropy(s, y, **options), x, y)
    )


def test_a_trained_network_is_only_noted():
    x, y = clusters()
    model = mlp()
    train(model, F.cross_entropy, x, y, epochs=10)
    assert told(lambda: train(model, F.cross_entropy, x, y))["initial-loss"] == "note"


# ---------------------------------------------------------------- constant


def test_one_row_for_all_is_told():
    x, y = clusters()
    finding = report(lambda: train(mlp(), F.cross_entropy, x * 0 + 1, y, epochs=7)).findings[0]
    assert (finding.rule, finding.severity) == ("constant-input", "error")


def test_mostly_one_row_is_told_in_a_run_that_goes_badly():
    x, y = clusters()
    x = x * (torch.arange(200) % 5 == 0)[:, None]
    assert told(lambda: train(mlp(), F.cross_entropy, x, y, **BAD))["constant-input"] == "warning"


@pytest.mark.parametrize("constant", [1, 3])
def test_some_constant_columns_are_normal(constant):
    x, y = clusters()
    x[:, :constant] = 0
    assert "constant-input" not in told(lambda: train(mlp(), F.cross_entropy, x, y, **BAD))


def test_few_different_rows_are_normal():
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(20, 1)
    y = (x.sum(1) == 1).long()
    assert "constant-input" not in told(lambda: train(mlp(2, 2), F.cross_entropy, x, y))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x, weight):
        return self.body(x * weight.mean() if x.numel() < weight.numel() else weight)


def test_another_input_may_tell_the_examples_apart():
    x, y = clusters()
    model = Two()
    optimizer = torch.optim.Adam(model.parameters())

    def loop():
        for _ in range(70):
            rows = torch.randperm(200)[:20]
            optimizer.zero_grad()
            F.cross_entropy(model(torch.ones(20, 6), x[rows]), y[rows]).backward()
            optimizer.step()

    assert "constant-input" not in told(loop)


# ---------------------------------------------------------------- mutated


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x):
        x -= 0.1
        return self.body(x)


def test_a_forward_pass_that_changes_the_data_is_told():
    x, y = clusters()

    def loop():
        model = InPlace()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(4):
            for i in range(0, 200, 20):
                optimizer.zero_grad()
                F.cross_entropy(model(x[i : i + 20]), y[i : i + 20]).backward()
                optimizer.step()

    assert told(loop)["input-mutated"] == "error"


def test_the_whole_data_at_once_is_told():
    x, y = clusters()

    def loop():
        model = InPlace()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    assert told(loop)["input-mutated"] == "error"


def test_a_batch_of_its_own_may_be_written_to():
    x, y = clusters()
    assert told(lambda: train(InPlace(), F.cross_entropy, x, y))["input-mutated"] == "note"


def test_rows_that_shrink_in_each_epoch_are_told():
    x, y = clusters()
    x = x.clone()

    def loss(s, y):
        return F.cross_entropy(s, y)

    def loop():
        model = mlp()
        for _ in range(6):
            train(model, loss, x, y, epochs=1)
            x.mul_(0.6)

    assert told(loop)["input-mutated"] == "warning"


def test_an_augmentation_that_stays_the_same_is_fine():
    x, y = clusters()

    def loop():
        model = mlp()
        for _ in range(6):
            train(model, F.cross_entropy, x + 0.5 * torch.randn(x.shape), y, epochs=1)

    assert "input-mutated" not in told(loop)


# ---------------------------------------------------------------- layout


@pytest.mark.parametrize(
    ("prepare", "loss"),
    [
        pytest.param(lambda x: x.double(), F.cross_entropy, id="float64"),
        pytest.param(lambda x: (x > 0).to(torch.uint8), F.cross_entropy, id="bytes"),
        pytest.param(lambda x: (x > 0).long(), F.cross_entropy, id="integers"),
        pytest.param(lambda x: x, lambda s, y: F.cross_entropy(s, y.float()), id="classes as floats"),
        pytest.param(
            lambda x: x, lambda s, y: F.cross_entropy(s, y[:, None]), id="classes with an axis too many"
        ),
    ],
)
def test_an_error_about_types_is_translated(prepare, loss):
    x, y = clusters()
    finding = report(lambda: train(mlp(), loss, prepare(x), y)).findings[0]
    assert (finding.rule, finding.severity) == ("wrong-layout", "error")


def test_channels_that_stand_last_are_told_where_the_run_ends():
    x, y = torch.randn(40, 8, 8, 3), torch.arange(40) % 2
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    finding = report(lambda: train(model, F.cross_entropy, x, y)).findings[0]
    assert finding.rule == "wrong-layout"
    assert "permute(0, 3, 1, 2)" in finding.cure


def test_rows_that_are_taken_for_channels_are_noted():
    x, y = torch.randn(40, 8, 8, 3), torch.arange(40) % 2
    model = nn.Sequential(nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(24, 2))
    assert told(lambda: train(model, F.cross_entropy, x, y))["wrong-layout"] == "note"


def test_channels_first_are_fine():
    x, y = torch.randn(40, 3, 8, 8), torch.arange(40) % 2
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    assert "wrong-layout" not in told(lambda: train(model, F.cross_entropy, x, y))
