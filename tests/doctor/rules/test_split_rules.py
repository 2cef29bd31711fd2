import sys
from pathlib import Path

import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from data_loops import clusters, mlp, report, told, train

# ---------------------------------------------------------------- overlap


def _two_passes(x, y, sets, *, epochs=3):
    """Training, and after each epoch a pass over each of some sets."""

    def loop():
        model = mlp(x.shape[1])
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(epochs):
            train(model, F.cross_entropy, x, y, epochs=1, optimizer=optimizer)
            with torch.no_grad():
                for rows in sets:
                    for part in rows.split(16):
                        model(part)

    return told(loop)


def test_validation_rows_from_training_are_told():
    x, y = clusters()
    finding = report(lambda: train(mlp(), F.cross_entropy, x[:150], y[:150], val=x[130:])).findings[0]
    assert (finding.rule, finding.severity) == ("train-val-overlap", "error")
    assert finding.evidence["rows"] == 20


@pytest.mark.parametrize("batch", [1, 7, 60])
def test_they_are_found_in_batches_of_any_size(batch):
    x, y = clusters()

    def loop():
        model = mlp()
        train(model, F.cross_entropy, x[:150], y[:150])
        with torch.no_grad():
            for part in x[torch.randperm(70) + 130].split(batch):
                model(part)

    assert told(loop)["train-val-overlap"] == "error"


def test_copies_made_before_the_split_are_told():
    x, y = clusters()
    x, y = torch.cat([x, x[y == 0], x[y == 0]]), torch.cat([y, y[y == 0], y[y == 0]])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    said = told(lambda: train(mlp(), F.cross_entropy, x[order[:250]], y[order[:250]], val=x[order[250:]]))
    assert said["train-val-overlap"] == "error"


def test_a_figure_of_the_training_data_beside_that_of_the_validation_data_is_fine():
    x, y = clusters()
    assert "train-val-overlap" not in _two_passes(x[:150], y[:150], [x[:150], x[150:]])


def test_only_training_rows_are_a_note():
    x, y = clusters()
    assert _two_passes(x, y, [x])["train-val-overlap"] == "note"
    # a part of it looks like one that was put aside
    assert _two_passes(x, y, [x[40:90]])["train-val-overlap"] == "warning"


def test_small_discrete_inputs_repeat_by_nature():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(2, (300, 6), generator=generator).float()
    y = (x.sum(1) % 3).long()
    assert "train-val-overlap" not in _two_passes(x[:200], y[:200], [x[200:]])


def test_discrete_inputs_that_do_not_repeat_by_nature_are_told():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(17, (200, 6), generator=generator) / 16
    y = (x[:, 0] * 2.9).long()
    assert _two_passes(x[:150], y[:150], [x[120:]])["train-val-overlap"] == "error"


def test_a_few_copies_are_not_enough():
    x, y = clusters()
    assert "train-val-overlap" not in told(
        lambda: train(mlp(), F.cross_entropy, x[:150], y[:150], val=x[147:])
    )


def test_an_average_of_the_weights_that_sees_the_training_rows_is_fine():
    x, _ = clusters()

    def loop():
        model, teacher = mlp(), mlp()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(3):
            for rows in torch.randperm(200).split(20):
                with torch.no_grad():
                    soft = teacher(x[rows]).softmax(1)
                optimizer.zero_grad()
                F.kl_div(model(x[rows]).log_softmax(1), soft, reduction="batchmean").backward()
                optimizer.step()

    assert "train-val-overlap" not in told(loop)


# ---------------------------------------------------------------- leaky


def _raw(rows=200):
    generator = torch.Generator().manual_seed(0)
    x, y = clusters(rows)
    return 5 * x * torch.rand(6, generator=generator) + 3, y


def _scaled(fit, x):
    mean, std = fit.mean(0), fit.std(0)
    return (x - mean) / std


def _min_max(fit, x):
    return (x - fit.amin(0)) / (fit.amax(0) - fit.amin(0))


@pytest.mark.parametrize("scale", [_scaled, _min_max])
def test_statistics_of_all_rows_are_told(scale):
    x, y = _raw()
    x = scale(x, x)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    x_train, x_val = x[order[:140]], x[order[140:]]
    assert (
        told(lambda: train(mlp(), F.cross_entropy, x_train, y[order[:140]], val=x_val))["leaky-preprocessing"]
        == "warning"
    )


@pytest.mark.parametrize("scale", [_scaled, _min_max])
def test_statistics_of_the_training_rows_are_fine(scale):
    x, y = _raw()
    x = scale(x[:140], x)
    said = told(lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=x[140:]))
    assert "leaky-preprocessing" not in said


def test_a_scaler_that_saw_more_rows_is_told_without_the_others():
    x, y = _raw()
    scaler = StandardScaler().fit(x.numpy())
    x_train = torch.tensor(scaler.transform(x[:100].numpy()))
    assert told(lambda: train(mlp(), F.cross_entropy, x_train, y[:100]))["leaky-preprocessing"] == "warning"
    del scaler


def test_a_table_that_came_centered_is_fine():
    x, y = clusters()
    x = 0.05 * x  # as published tables are: each column has a mean of 0 and one common length
    assert "leaky-preprocessing" not in told(
        lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=x[140:])
    )


def test_made_up_noise_is_fine():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator)
    y = (x[:, 0] > 0).long()
    assert "leaky-preprocessing" not in told(
        lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=x[140:])
    )


def test_copies_in_the_training_rows_do_not_hide_where_the_mean_comes_from():
    x, y = _raw()
    x = torch.cat([x[:100], x[:40], x[100:]])
    y = torch.cat([y[:100], y[:40], y[100:]])
    x = _scaled(x[:140], x)
    assert "leaky-preprocessing" not in told(
        lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=x[140:])
    )


# ---------------------------------------------------------------- mismatch


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda x: x * 16, id="another scale"),
        pytest.param(lambda x: x / 255, id="smaller"),
        pytest.param(lambda x: x + 8, id="not centered"),
        pytest.param(lambda x: (x - x.mean(0)) / x.std(0), id="a scaler of its own"),
        pytest.param(lambda x: _min_max(x, x), id="another kind of scaler"),
    ],
)
def test_validation_rows_that_are_prepared_otherwise_are_told(other):
    x, y = _raw()
    x = _scaled(x[:140], x)
    said = told(lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=other(x[140:])))
    assert said["train-val-mismatch"] == "warning"


def test_validation_rows_that_are_wrong_beside_test_rows_that_are_right_are_told():
    x, y = _raw(300)
    x = _scaled(x[:140], x)

    def loop():
        model = mlp()
        train(model, F.cross_entropy, x[:140], y[:140], val=x[140:220] * 16)
        with torch.no_grad():
            model(x[220:])

    assert told(loop)["train-val-mismatch"] == "warning"


@pytest.mark.parametrize(
    "augment",
    [
        pytest.param(lambda x: x + 0.7 * torch.randn(x.shape), id="noise"),
        pytest.param(lambda x: x * (torch.rand(x.shape) > 0.5), id="dropped values"),
        pytest.param(lambda x: x * (0.5 + torch.rand(len(x), 1)), id="another brightness"),
    ],
)
def test_augmented_training_rows_are_fine(augment):
    x, y = _raw()
    x = _scaled(x[:140], x)

    def loop():
        model = mlp()
        for _ in range(3):
            train(model, F.cross_entropy, augment(x[:140]), y[:140], epochs=1, val=x[140:])

    assert "train-val-mismatch" not in told(loop)


def test_a_real_shift_of_one_column_is_fine():
    x, y = _raw()
    x = _scaled(x[:140], x)
    x[140:, 0] += 5
    said = told(lambda: train(mlp(), F.cross_entropy, x[:140], y[:140], val=x[140:]))
    assert "train-val-mismatch" not in said


def test_another_part_of_the_model_that_is_called_alone_is_fine():
    x, _ = clusters()

    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(6, 2), nn.Linear(2, 6)

        def forward(self, x):
            return self.decoder(torch.tanh(self.encoder(x)))

    def loop():
        model = Coder()
        train(model, F.mse_loss, x, x)
        with torch.no_grad():
            model.decoder(30 * torch.randn(64, 2))

    assert "train-val-mismatch" not in told(loop)


# ---------------------------------------------------------------- target leak


def _hard(rows=300):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 6, generator=generator)
    value = x[:, 0] + x[:, 1] * x[:, 2] + torch.randn(rows, generator=generator)
    return x, value


@pytest.mark.parametrize("kind", ["number", "binary", "classes"])
def test_a_column_that_gives_the_answer_is_asked_about(kind):
    x, value = _hard()
    y = {"number": value[:, None], "binary": (value > 0).long(), "classes": value.argsort().argsort() // 100}[
        kind
    ]
    x = torch.cat([x, 3 + 0.2 * y.reshape(-1, 1).float()], 1)
    loss = F.mse_loss if kind == "number" else F.cross_entropy
    finding = next(
        f
        for f in report(lambda: train(mlp(7, 1 if kind == "number" else 3), loss, x, y)).findings
        if f.rule == "target-leak"
    )
    assert (finding.severity, finding.where) == ("warning", "column 6")
    assert finding.message.endswith("?")


def test_an_honest_table_is_fine():
    x, value = _hard()
    assert "target-leak" not in told(lambda: train(mlp(outputs=1), F.mse_loss, x, value[:, None]))


def test_a_line_through_one_column_is_a_lesson_not_a_leak():
    x = torch.randn(300, 1, generator=torch.Generator().manual_seed(0))
    assert "target-leak" not in told(lambda: train(nn.Linear(1, 1), F.mse_loss, x, 2 * x + 1))


def test_classes_that_lie_far_apart_are_easy_not_leaked():
    x, y = clusters(300, classes=2, noise=0.05)
    assert "target-leak" not in told(lambda: train(mlp(outputs=2), F.cross_entropy, x, y))


def test_the_last_values_of_a_series_are_near_the_next():
    t = torch.rand(300, 1, generator=torch.Generator().manual_seed(0)) * 60
    x = (t + torch.arange(6) / 12).sin()
    y = (t + 6 / 12).sin()
    assert "target-leak" not in told(lambda: train(mlp(outputs=1), F.mse_loss, x, y))


def test_an_input_that_is_asked_back_on_purpose_is_fine():
    x, value = _hard()
    model = mlp(outputs=2)

    def loss(out, y):
        return F.mse_loss(out[:, 1], y[:, 1]) + F.mse_loss(out[:, 0], y[:, 0])

    y = torch.stack([value, x[:, 3]], 1)
    assert "target-leak" not in told(lambda: train(model, loss, x, y))
