import json
import math
from importlib import import_module

import pytest
import torch
from torch.testing import assert_close

from vademecum._core.errors import InputError
from vademecum.lab.evaluate import Evaluation, class_scores, evaluate, headline, wilson


def made_logits(count=240, classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (count,), generator=generator)
    logits = torch.randn(count, classes, generator=generator)
    logits[torch.arange(count), target] += 1.5
    return logits, target


def made_values(count=80, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = 10 * torch.randn(count, generator=generator) + 100
    return target + torch.randn(count, generator=generator), target


def calibration_error_by_the_paper(logits, target, bins=15):
    """guo2017calibration, Eq. 3, in scalars: bin m holds confidences in ((m - 1) / M, m / M]."""
    rows = []
    for row, y in zip(logits.double().tolist(), target.tolist()):
        powers = [math.exp(v - max(row)) for v in row]
        confidence = max(powers) / sum(powers)
        rows.append((confidence, powers.index(max(powers)) == y))
    error = 0.0
    for m in range(1, bins + 1):
        inside = [(c, r) for c, r in rows if (m - 1) / bins < c <= m / bins]
        if inside:
            gap = sum(r for _, r in inside) / len(inside) - sum(c for c, _ in inside) / len(inside)
            error += len(inside) / len(rows) * abs(gap)
    return error


def test_classification_agrees_with_scikit_learn():
    from sklearn import metrics

    logits, target = made_logits()
    result = evaluate(logits, target, task="classification")
    said = logits.argmax(1)
    assert list(result.metrics) == ["accuracy", "balanced_accuracy", "loss", "calibration_error"]
    assert_close(result.metrics["accuracy"], float(metrics.accuracy_score(target, said)))
    assert_close(result.metrics["balanced_accuracy"], float(metrics.balanced_accuracy_score(target, said)))
    assert_close(result.metrics["loss"], float(metrics.log_loss(target, logits.double().softmax(1))))
    assert_close(torch.tensor(result.confusion), torch.tensor(metrics.confusion_matrix(target, said)))
    precision, recall, _, count = metrics.precision_recall_fscore_support(target, said)
    scores = class_scores(result)
    assert_close([s.precision for s in scores], precision.tolist())
    assert_close([s.recall for s in scores], recall.tolist())
    assert [s.count for s in scores] == count.tolist()


def test_balanced_accuracy_leaves_out_classes_that_were_not_tested():
    logits = torch.tensor([[3.0, 0, 0], [3.0, 0, 0], [0, 3.0, 0], [3.0, 0, 0]])
    result = evaluate(logits, torch.tensor([0, 0, 1, 1]), task="classification")
    assert_close(result.metrics["balanced_accuracy"], (1 + 0.5) / 2)
    absent = class_scores(result)[2]
    assert math.isnan(absent.recall)
    assert math.isnan(absent.precision)
    assert absent.interval == (0.0, 1.0)


def test_calibration_error_is_the_papers():
    logits, target = made_logits()
    result = evaluate(logits, target, task="classification")
    assert_close(result.metrics["calibration_error"], calibration_error_by_the_paper(logits, target))
    assert sum(n for _, _, n in result.reliability) == len(target)


def test_calibration_error_of_a_coin_said_to_be_sure():
    logits = torch.tensor([[50.0, 0.0]]).repeat(10, 1)
    result = evaluate(logits, torch.tensor([0, 1] * 5), task="classification")
    assert_close(result.metrics["calibration_error"], 0.5)
    assert_close(torch.tensor(result.reliability), torch.tensor([[1.0, 0.5, 10.0]]))


def test_wilson_bounds_solve_the_equation_they_stand_for():
    # At a bound q the observed proportion lies z standard errors away: (p - q)^2 = z^2 q (1 - q) / n.
    for successes, count in [(1, 10), (7, 10), (356, 360), (1, 1000)]:
        for q in wilson(successes, count):
            gap = (successes / count - q) ** 2
            assert_close(gap, 1.959963984540054**2 * q * (1 - q) / count, rtol=1e-9, atol=1e-15)
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_covers_the_truth_as_often_as_it_says():
    # Exact enumeration over the binomial distribution; the nominal 95 % is met within the known ripple.
    count, p = 40, 0.9
    covered = sum(
        math.comb(count, k) * p**k * (1 - p) ** (count - k)
        for k in range(count + 1)
        if wilson(k, count)[0] <= p <= wilson(k, count)[1]
    )
    assert_close(covered, 0.95, rtol=0, atol=0.02)


def test_baseline_is_the_commonest_class_of_the_training_part():
    logits, target = torch.eye(3)[[0, 1, 2, 2]], torch.tensor([0, 1, 2, 2])
    by_train = evaluate(logits, target, task="classification", train_target=torch.tensor([1, 1, 0]))
    by_test = evaluate(logits, target, task="classification")
    assert (by_train.baseline, by_test.baseline) == (0.25, 0.5)


def test_mistakes_come_with_the_surest_first():
    logits = torch.tensor([[0.0, 2.0], [0.0, 5.0], [5.0, 0.0], [0.0, 3.0]])
    result = evaluate(
        logits,
        torch.tensor([0, 0, 0, 0]),
        task="classification",
        classes=["cat", "dog"],
        items=list("abcd"),
        worst=2,
    )
    found = [(m.index, m.item, m.true, m.said) for m in result.mistakes]
    assert found == [(1, "b", "cat", "dog"), (3, "d", "cat", "dog")]
    assert_close([m.score for m in result.mistakes], [1 / (1 + math.exp(-5)), 1 / (1 + math.exp(-3))])


def test_regression_agrees_with_scikit_learn():
    from sklearn import metrics

    said, target = made_values()
    result = evaluate(said[:, None], target, task="regression")
    assert list(result.metrics) == ["r2", "rmse", "mae"]
    assert_close(result.metrics["r2"], float(metrics.r2_score(target, said)), rtol=1e-6, atol=0)
    assert_close(
        result.metrics["rmse"], float(metrics.root_mean_squared_error(target, said)), rtol=1e-6, atol=0
    )
    assert_close(result.metrics["mae"], float(metrics.mean_absolute_error(target, said)), rtol=1e-6, atol=0)
    assert_close(result.baseline, 0.0, rtol=0, atol=1e-12)


def test_regression_baseline_says_the_training_mean():
    said, target = torch.tensor([1.0, 3.0]), torch.tensor([1.0, 3.0])
    result = evaluate(said, target, task="regression", train_target=torch.tensor([4.0]))
    assert_close(result.baseline, 1 - (3**2 + 1**2) / (1 + 1))


def test_bootstrap_interval_agrees_with_scipy_and_repeats():
    from scipy.stats import bootstrap
    from sklearn.metrics import r2_score

    said, target = made_values()
    result = evaluate(said, target, task="regression")
    theirs = bootstrap(
        (target.numpy(), said.numpy()), r2_score, paired=True, vectorized=False, method="percentile",
        n_resamples=2000, rng=0,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    # Quantiles of 2000 resamples differ by a few hundredths of the width from seed to seed.
    assert_close(result.interval, (theirs.low, theirs.high), rtol=0, atol=0.1 * width)
    assert evaluate(said, target, task="regression").interval == result.interval
    other = evaluate(said, target, task="regression", generator=torch.Generator().manual_seed(1))
    assert other.interval != result.interval


def test_bootstrap_in_blocks_draws_every_sample(monkeypatch):
    said, target = made_values(count=50)
    whole = evaluate(said, target, task="regression").interval
    monkeypatch.setattr(
        import_module("vademecum.lab.evaluate"), "_BLOCK", 50 * 7
    )  # seven rows a block; 2000 is no multiple of 7
    assert_close(evaluate(said, target, task="regression").interval, whole)


def test_a_target_that_never_varies_has_no_r_squared():
    result = evaluate(torch.tensor([0.1, 0.3]), torch.tensor([0.1, 0.1]), task="regression")
    assert math.isnan(result.metrics["r2"])
    assert "not defined" in headline(result)
    again = Evaluation.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
    assert math.isnan(again.metrics["r2"])
    assert_close(again.metrics["mae"], 0.1)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_evaluation_goes_through_json_and_back(task):
    scores, target = made_logits() if task == "classification" else made_values()
    result = evaluate(scores, target, task=task)
    assert Evaluation.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False))) == result


def test_inputs_and_the_global_random_stream_stay_as_they_were():
    said, target = made_values()
    versions, state = (said._version, target._version), torch.get_rng_state()
    evaluate(said, target, task="regression")
    assert (said._version, target._version) == versions
    assert_close(torch.get_rng_state(), state, rtol=0, atol=0)


def test_half_precision_and_views_give_the_same_figures():
    logits, target = made_logits()
    logits = logits.bfloat16()
    wide = torch.stack([logits, logits])[0].t().contiguous().t()
    assert evaluate(wide, target, task="classification") == evaluate(
        logits.double(), target, task="classification"
    )


def test_headline_never_rounds_to_perfection_and_says_when_nothing_was_learned():
    logits, target = torch.eye(2).repeat(4000, 1), torch.tensor([0, 1] * 4000)
    flipped = target.clone()
    flipped[0] = 1
    assert headline(evaluate(logits, flipped, task="classification")).startswith(
        "99.99 % of 8,000 unseen examples"
    )
    poor = evaluate(logits, torch.zeros_like(target), task="classification")
    assert "nothing was shown to be learned" in headline(poor)
    said, values = made_values()
    assert headline(evaluate(said, values, task="regression"), things="rows").startswith("R squared 0.9")


@pytest.mark.parametrize(
    ("scores", "target", "options", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"task": "guessing"}, "task must be"),
        (torch.zeros(2, 3), torch.tensor([0]), {"task": "classification"}, r"scores \(2, 3\), target \(1,\)"),
        (torch.zeros(0, 3), torch.tensor([]).long(), {"task": "classification"}, "at least one"),
        (torch.tensor([[math.nan, 0.0]]), torch.tensor([0]), {"task": "classification"}, "1 of 1 examples"),
        (torch.zeros(2), torch.tensor([0, 1]), {"task": "classification"}, r"\(N, K\) logits"),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), {"task": "classification"}, "torch.float32"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), {"task": "classification"}, "targets 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), {"task": "classification", "classes": ["a"]}, "1 names"),
        (
            torch.zeros(2, 3),
            torch.tensor([0, 1]),
            {"task": "classification", "items": ["a"]},
            "1 names for 2",
        ),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), {"task": "regression"}, "single output"),
    ],
)
def test_wrong_inputs_are_refused_with_the_way_out(scores, target, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(scores, target, **options)
