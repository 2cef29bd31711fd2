import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

sys.path.insert(0, str(Path(__file__).parent))
from data_loops import clusters, mlp, report, told, train

# ---------------------------------------------------------------- unshuffled


@pytest.mark.parametrize("batch", [1, 4, 20])
def test_data_that_is_sorted_by_class_is_told(batch):
    x, y = clusters(120)
    order = y.argsort()
    said = told(
        lambda: train(mlp(), F.cross_entropy, x[order], y[order], shuffle=False, epochs=2, batch=batch)
    )
    assert said["unshuffled-data"] == "warning"


def test_a_binary_loss_on_sorted_data_is_told():
    x, y = clusters(classes=2)
    order = y.argsort()

    def loss(s, y):
        return F.binary_cross_entropy_with_logits(s[:, 0], y.float())

    assert (
        told(lambda: train(mlp(outputs=1), loss, x[order], y[order], shuffle=False))["unshuffled-data"]
        == "warning"
    )


def test_a_regression_on_sorted_targets_is_told():
    x, _ = clusters()
    order = x[:, 0].argsort()
    said = told(lambda: train(mlp(outputs=1), F.mse_loss, x[order], x[order, :1], shuffle=False))
    assert said["unshuffled-data"] == "warning"


def test_a_fixed_order_of_mixed_rows_is_fine():
    x, y = clusters()
    assert "unshuffled-data" not in told(lambda: train(mlp(), F.cross_entropy, x, y, shuffle=False))


def test_a_series_in_its_order_is_fine():
    t = torch.arange(240) / 6
    x = torch.stack([(t + lag / 6).sin() for lag in range(6)], 1)
    y = (t + 1).sin()[:, None]
    assert "unshuffled-data" not in told(lambda: train(mlp(outputs=1), F.mse_loss, x, y, shuffle=False))


def test_a_batch_that_holds_all_classes_in_order_is_fine():
    x, y = clusters(240)
    order = torch.cat([part[y[part].argsort()] for part in torch.arange(240).split(40)])
    said = told(lambda: train(mlp(), F.cross_entropy, x[order], y[order], shuffle=False, batch=40))
    assert "unshuffled-data" not in said


def test_batches_of_a_few_drawn_classes_are_fine():
    x, y = clusters(320, classes=8)

    def loop():
        model = mlp(outputs=8)
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(60):
            rows = torch.cat(
                [(y == k).nonzero()[:, 0][torch.randperm(40)[:6]] for k in torch.randperm(8)[:3]]
            )
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()

    assert "unshuffled-data" not in told(loop)


def test_the_whole_data_in_one_batch_has_no_order():
    x, y = clusters()
    order = y.argsort()
    said = told(
        lambda: train(mlp(), F.cross_entropy, x[order], y[order], shuffle=False, epochs=30, batch=200)
    )
    assert not {"unshuffled-data"} & set(said)


# ---------------------------------------------------------------- repeated


def _always(x, y, draw, *, steps=40, val=None):
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(steps):
        xb, yb = draw(x, y)
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        if val is not None:
            with torch.no_grad():
                model(val)


def test_a_new_pass_in_each_step_is_told():
    loader = DataLoader(TensorDataset(*clusters()), batch_size=20)
    finding = report(lambda: _always(0, 0, lambda *_: next(iter(loader)))).findings[0]
    assert (finding.rule, finding.severity) == ("repeated-batch", "warning")
    assert "has 200" in finding.message


def test_a_slice_that_does_not_move_is_told():
    x, y = clusters()
    assert told(lambda: _always(x, y, lambda x, y: (x[:20], y[:20])))["repeated-batch"] == "warning"


def test_a_batch_beside_a_larger_validation_set_is_told():
    x, y = clusters()
    rows, val = x[:20].clone(), x[20:] * 1.0
    del x
    said = told(lambda: _always(0, 0, lambda *_: (rows, y[:20]), val=val))
    assert said["repeated-batch"] == "warning"


def test_all_of_the_data_at_once_is_a_note():
    x, y = clusters()
    said = told(lambda: _always(x[:160], y[:160], lambda x, y: (x, y)))
    assert said["repeated-batch"] == "note"


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_loader_that_advances_is_fine(shuffle):
    x, y = clusters()
    assert "repeated-batch" not in told(lambda: train(mlp(), F.cross_entropy, x, y, shuffle=shuffle))


def test_an_optimizer_that_asks_several_times_for_one_batch_is_fine():
    x, y = clusters()

    def loop():
        model = mlp()
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
        for rows in torch.randperm(200).split(20):

            def closure(rows=rows):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x[rows]), y[rows])
                loss.backward()
                return loss

            optimizer.step(closure)

    assert "repeated-batch" not in told(loop)


# ---------------------------------------------------------------- duplicated


@pytest.mark.parametrize("batch", [1, 20])
def test_copies_within_a_pass_are_noted(batch):
    x, y = clusters(120)
    x, y = torch.cat([x, x[:40]]), torch.cat([y, y[:40]])
    assert (
        told(lambda: train(mlp(), F.cross_entropy, x, y, batch=batch, epochs=2))["duplicated-rows"] == "note"
    )


def test_rows_of_the_next_epoch_are_no_copies():
    x, y = clusters()
    assert "duplicated-rows" not in told(lambda: train(mlp(), F.cross_entropy, x, y))


def test_rows_drawn_with_replacement_are_no_copies():
    x, y = clusters()

    def draw(x, y):
        rows = torch.randint(len(x), (20,))
        return x[rows], y[rows]

    assert "duplicated-rows" not in told(lambda: _always(x, y, draw))


class Stream(IterableDataset):
    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(600):
            x = torch.randn(6, generator=generator)
            yield x, int(x[0] > 0)


def test_a_stream_is_fine():
    def loop():
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in DataLoader(Stream(), batch_size=10):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    assert not {"duplicated-rows", "repeated-batch", "unshuffled-data", "input-mutated"} & set(told(loop))
