import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from data_loops import clusters, mlp, report, told, train

# ---------------------------------------------------------------- labels out of range


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(lambda s, y: F.cross_entropy(s, y + 1), id="cross_entropy"),
        pytest.param(lambda s, y: F.nll_loss(s.log_softmax(1), y - 1), id="nll, negative"),
        pytest.param(lambda s, y: -s.log_softmax(1).gather(1, y[:, None] + 1).mean(), id="gather"),
        pytest.param(lambda s, y: -(F.one_hot(y + 1, 3) * s.log_softmax(1)).sum(1).mean(), id="one_hot"),
        pytest.param(lambda s, y: F.binary_cross_entropy(s[:, 0].sigmoid(), y.float()), id="bce of classes"),
    ],
)
def test_a_label_without_a_score_is_told_for_the_error_that_it_causes(loss):
    x, y = clusters()
    finding = report(lambda: train(mlp(), loss, x, y)).findings[0]
    assert (finding.rule, finding.severity) == ("labels-out-of-range", "error")


def test_the_number_of_scores_is_told():
    x, y = clusters()
    [finding, *_] = report(lambda: train(mlp(), lambda s, y: F.cross_entropy(s, y + 1), x, y)).findings
    assert finding.evidence == {"classes": 3.0, "label": 3.0}
    assert "3 scores, for the classes 0 to 2" in finding.message


@pytest.mark.parametrize("targets", [(-1.0, 1.0), (1.0, 2.0), (0.0, 255.0)])
def test_a_binary_loss_of_other_numbers_than_0_and_1_is_told(targets):
    x, y = clusters(classes=2)
    y = torch.tensor(targets)[y]
    said = told(
        lambda: train(mlp(outputs=1), lambda s, y: F.binary_cross_entropy_with_logits(s[:, 0], y), x, y)
    )
    assert said["labels-out-of-range"] == "error"


@pytest.mark.parametrize(
    "targets",
    [lambda y: y, lambda y: y * 0.9 + 0.05, lambda y: torch.stack([y, 1 - y], 1)],
    ids=["hard", "smoothed", "two"],
)
def test_binary_targets_between_0_and_1_are_fine(targets):
    x, y = clusters(classes=2)
    y = targets(y.float())

    def loss(s, y):
        return F.binary_cross_entropy_with_logits(s[:, : y.shape[1]] if y.ndim > 1 else s[:, 0], y)

    assert "labels-out-of-range" not in told(lambda: train(mlp(outputs=2), loss, x, y))


def test_an_index_error_of_something_else_is_no_label():
    x, y = clusters()
    said = told(
        lambda: train(nn.Embedding(3, 3), lambda s, y: F.cross_entropy(s.mean(1), y), (x > 0).long() * 5, y)
    )
    assert "labels-out-of-range" not in said


# ---------------------------------------------------------------- single class


def test_one_label_for_all_is_told():
    x, y = clusters()
    assert told(lambda: train(mlp(), F.cross_entropy, x, y * 0))["single-class"] == "error"


def test_one_label_so_far_is_a_warning():
    x, y = clusters(400, classes=2)
    order = y.argsort()
    model = mlp()

    def loop():
        train(model, F.cross_entropy, x[order], y[order], shuffle=False, steps=8)
        raise KeyError("stopped")

    assert told(loop)["single-class"] == "warning"


def test_a_game_of_two_nets_has_both_labels():
    real, _ = clusters(64)

    def loop():
        maker, judge = mlp(4, 6), mlp(6, 1)
        a, b = (torch.optim.Adam(net.parameters(), lr=1e-3) for net in (maker, judge))
        for _ in range(20):
            batch = real[torch.randperm(64)[:16]]
            fake = maker(torch.randn(16, 4))
            b.zero_grad()
            F.binary_cross_entropy_with_logits(judge(batch), torch.ones(16, 1)).backward()
            F.binary_cross_entropy_with_logits(judge(fake.detach()), torch.zeros(16, 1)).backward()
            b.step()
            a.zero_grad()
            F.binary_cross_entropy_with_logits(judge(fake), torch.ones(16, 1)).backward()
            a.step()

    said = told(loop)
    assert not {"single-class", "unshuffled-data", "repeated-batch"} & set(said)


# ---------------------------------------------------------------- ignore_index


def test_an_ignored_class_is_told():
    x, y = clusters()
    said = told(lambda: train(mlp(), lambda s, y: F.cross_entropy(s, y, ignore_index=2), x, y))
    assert said["ignore-index-collision"] == "warning"


def _sequences(pad):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 8, (60, 10), generator=generator)
    for row, length in zip(ids, torch.randint(4, 11, (60,), generator=generator).tolist()):
        row[length:] = pad
    return ids


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(8, 12), nn.Linear(12, 8)

    def forward(self, ids):
        return self.out(self.embedding(ids))


def test_padding_is_ignored_rightly():
    ids = _sequences(0)

    def loss(scores, y):
        return F.cross_entropy(scores[:, :-1].transpose(1, 2), y[:, 1:], ignore_index=0)

    assert "ignore-index-collision" not in told(lambda: train(Tagger(), loss, ids, ids))


def test_a_symbol_within_the_text_that_is_ignored_is_noted():
    ids = torch.randint(1, 8, (60, 10), generator=torch.Generator().manual_seed(0))

    def loss(scores, y):
        return F.cross_entropy(scores.flatten(0, 1), (y.flatten() + 1) % 8, ignore_index=4)

    assert told(lambda: train(Tagger(), loss, ids, ids))["ignore-index-collision"] == "note"


def test_a_number_that_is_no_class_may_be_ignored():
    x, y = clusters()
    y = y.where(torch.arange(200) % 4 > 0, -1)
    said = told(lambda: train(mlp(), lambda s, y: F.cross_entropy(s, y, ignore_index=-1), x, y))
    assert "ignore-index-collision" not in said


# ---------------------------------------------------------------- unused outputs


@pytest.mark.parametrize(("outputs", "expected"), [(3, None), (4, None), (8, None), (12, "note")])
def test_many_more_scores_than_classes_are_noted(outputs, expected):
    x, y = clusters()
    assert told(lambda: train(mlp(outputs=outputs), F.cross_entropy, x, y)).get("unused-outputs") == expected


# ---------------------------------------------------------------- imbalance


def _rare(share=0.05, apart=2.0):
    generator = torch.Generator().manual_seed(1)
    y = (torch.rand(600, generator=generator) < share).long()
    x = torch.randn(600, 4, generator=generator)
    return x + apart * y[:, None], y


def test_a_network_that_only_names_the_majority_is_told():
    x, y = _rare(apart=0.3)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    assert (
        told(lambda: train(model, F.cross_entropy, x, y, optimizer=optimizer, epochs=6))["class-imbalance"]
        == "warning"
    )


def test_the_same_in_a_binary_loss():
    x, y = _rare(apart=0.3)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def loss(s, y):
        return F.binary_cross_entropy_with_logits(s[:, 0], y.float())

    assert told(lambda: train(model, loss, x, y, optimizer=optimizer))["class-imbalance"] == "warning"


@pytest.mark.parametrize("weighted", [True, False])
def test_rare_examples_that_are_told_are_no_fault(weighted):
    x, y = _rare(apart=4.0)
    weight = torch.tensor([1.0, 19.0]) if weighted else None
    said = told(lambda: train(nn.Linear(4, 2), lambda s, y: F.cross_entropy(s, y, weight=weight), x, y))
    assert said["class-imbalance"] == "note"


def test_even_classes_are_not_mentioned():
    x, y = clusters()
    assert "class-imbalance" not in told(lambda: train(mlp(), F.cross_entropy, x, y, epochs=7))


# ---------------------------------------------------------------- mismatched


def test_shuffled_rows_are_told_by_their_neighbors():
    x, y = clusters(300, noise=0.3)
    x = x[torch.randperm(300, generator=torch.Generator().manual_seed(3))]
    said = told(lambda: train(mlp(hidden=4), F.cross_entropy, x, y, epochs=14, lr=1e-3))
    assert said["labels-mismatched"] == "warning"


def test_targets_of_other_rows_in_a_regression_are_told():
    x, y = clusters(300, noise=0.3)
    y = (x[:, :1] + 0.1 * y[:, None])[torch.randperm(300, generator=torch.Generator().manual_seed(3))]
    said = told(lambda: train(mlp(outputs=1, hidden=4), F.mse_loss, x, y, epochs=14, lr=1e-3))
    assert said["labels-mismatched"] == "warning"


def test_a_rate_that_is_too_low_is_not_taken_for_wrong_labels():
    x, y = clusters(300, noise=0.3)
    said = told(lambda: train(mlp(hidden=4), F.cross_entropy, x, y, epochs=14, lr=1e-6))
    assert "labels-mismatched" not in said


def test_rows_without_neighbors_are_only_a_question():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 12, generator=generator)
    y = torch.randint(3, (300,), generator=generator)
    said = told(lambda: train(mlp(12, hidden=4), F.cross_entropy, x, y, epochs=14, lr=1e-3))
    assert said.get("labels-mismatched") in {None, "note"}


def test_a_run_that_learns_is_not_asked():
    x, y = clusters(300, noise=0.3)
    assert "labels-mismatched" not in told(lambda: train(mlp(), F.cross_entropy, x, y, epochs=8))
