"""The tool held to its own standard: identical arms, compared 200 times, must differ in at most 5 % of them.

Three kinds of identical arms, each with two arms and with five. *Normals*: scores at each seed from the same
distribution, with a part that the arms share. *Random features*: the same algorithm with its own random numbers, trained
and tested on resampled splits of one data set. *Halves*: arms that see different columns which carry equally much; on any
one data set the one or the other is luckier, and because every seed resamples the same data, it is luckier again and
again. The last kind is what a naive t-test mistakes for a difference.
"""

import numpy as np
import pytest

from vademecum._core.errors import InputError
from vademecum.lab.statistics import differences, estimate, holm

COMPARISONS, SEEDS, FREEDOM = 200, 5, 4
MANY = 2000  # where the true share lies near 4 %, 200 comparisons would scatter by 1.4 % around it
TRAIN, REST = 0.65, 0.8  # as a recipe cuts: 65 % to train, 20 % to test
OVERLAP = 0.2 / 0.65


def score(x, y, train, test) -> float:
    """Accuracy of a ridge classifier."""
    weights = np.linalg.solve(x[train].T @ x[train] + np.eye(x.shape[1]), x[train].T @ y[train])
    return float(((x[test] @ weights > 0) == (y[test] > 0)).mean())


def splits(draw, count: int):
    for _ in range(SEEDS):
        order = draw.permutation(count)
        yield order[: int(TRAIN * count)], order[int(REST * count) :]


def normals(draw, arms: int):
    shared = draw.normal(size=SEEDS)
    return {f"arm {a}": list(shared + draw.normal(size=SEEDS)) for a in range(arms)}, 0.0


def random_features(draw, arms: int, count: int = 150):
    x = draw.normal(size=(count, 8))
    y = np.sign(x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * draw.normal(size=count))
    scores: dict[str, list[float]] = {f"arm {a}": [] for a in range(arms)}
    for train, test in splits(draw, count):
        for found in scores.values():
            found.append(score(np.tanh(x @ draw.normal(size=(8, 20))), y, train, test))
    return scores, 1 / len(test)


def halves(draw, arms: int, count: int = 150):
    x = draw.normal(size=(count, arms, 6))
    y = np.sign(x.sum((1, 2)) + 2 * draw.normal(size=count))
    scores: dict[str, list[float]] = {f"arm {a}": [] for a in range(arms)}
    for train, test in splits(draw, count):
        for a, found in enumerate(scores.values()):
            found.append(score(x[:, a], y, train, test))
    return scores, 1 / len(test)


def claims(world, arms: int, count: int, *, corrected: bool = True, every_pair: bool = False) -> int:
    """In how many of the comparisons a difference is said to be there."""
    found = 0
    for number in range(count):
        scores, resolution = world(np.random.default_rng(number), arms)
        settings = {"overlap": OVERLAP, "resolution": resolution} if corrected else {}
        found += any(d.significant for d in differences(scores, every_pair=every_pair, **settings))
    return found


@pytest.mark.parametrize("arms", [2, 5])
@pytest.mark.parametrize("world", [normals, random_features])
def test_identical_arms_differ_in_at_most_one_of_twenty(world, arms) -> None:
    assert claims(world, arms, COMPARISONS) <= COMPARISONS // 20


@pytest.mark.parametrize(("arms", "every_pair"), [(2, False), (4, True)])
def test_arms_that_are_lucky_on_one_data_set_differ_in_at_most_one_of_twenty(arms, every_pair) -> None:
    assert claims(halves, arms, MANY, every_pair=every_pair) <= MANY // 20


def test_the_usual_t_test_would_say_so_three_times_as_often() -> None:
    # Why the correction is there.
    assert claims(halves, 2, MANY, corrected=False) > 3 * MANY // 20


@pytest.mark.parametrize(("seeds", "least"), [(5, 0.5), (10, 0.85)])
def test_a_difference_of_two_deviations_is_found(seeds, least) -> None:
    # Half of a score's variance is the split's, which both arms share.
    found = 0
    for number in range(COMPARISONS):
        draw = np.random.default_rng(number)
        shared, own = draw.normal(size=seeds), draw.normal(size=(2, seeds))
        old, new = (shared + own) / 2**0.5
        found += differences({"old": list(old), "new": list(new + 2)}, overlap=OVERLAP)[0].significant
    assert found >= least * COMPARISONS


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    found, told = 0, []
    for number in range(COMPARISONS):
        draw = np.random.default_rng(number)
        old, new = draw.normal(size=(2, 10))
        detectable = differences({"old": list(old), "new": list(new)})[0].detectable
        told.append(detectable)
    size = float(np.median(told))
    for number in range(COMPARISONS):
        old, new = np.random.default_rng(number).normal(size=(2, 10))
        found += differences({"old": list(old), "new": list(new + size)})[0].significant
    assert 0.7 * COMPARISONS < found < 0.9 * COMPARISONS


def test_against_scipy_without_overlap() -> None:
    from scipy.stats import ttest_rel

    old, new = np.random.default_rng(0).normal(size=(2, 6))
    wanted = ttest_rel(new, old)
    found = differences({"old": list(old), "new": list(new)})[0]
    interval = wanted.confidence_interval(0.95)
    np.testing.assert_allclose([found.p, found.low, found.high], [wanted.pvalue, *interval], rtol=1e-10)


def test_the_correction_widens_by_the_formula() -> None:
    old, new = np.random.default_rng(0).normal(size=(2, SEEDS))
    scores = {"old": list(old), "new": list(new)}
    usual, corrected = differences(scores)[0], differences(scores, overlap=OVERLAP)[0]
    widths = (corrected.high - corrected.low) / (usual.high - usual.low)
    np.testing.assert_allclose(widths, (1 + SEEDS * OVERLAP) ** 0.5, rtol=1e-10)
    one = estimate(list(old), overlap=OVERLAP)
    from scipy.stats import t

    half = t.ppf(0.975, FREEDOM) * old.std(ddof=1) * (1 / SEEDS + OVERLAP) ** 0.5
    np.testing.assert_allclose([one.low, one.high], [old.mean() - half, old.mean() + half], rtol=1e-10)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-12)
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_intervals_hold_together_for_all_differences() -> None:
    scores = {name: list(np.random.default_rng(k).normal(size=SEEDS)) for k, name in enumerate("abc")}
    alone = differences({"a": scores["a"], "b": scores["b"]})[0]
    beside = differences(scores)[0]
    assert beside.high - beside.low > alone.high - alone.low


def test_equal_scores_are_no_difference_and_equal_steps_no_certainty() -> None:
    same = differences({"a": [0.5, 0.6, 0.7], "b": [0.5, 0.6, 0.7]})[0]
    assert (same.mean, same.p, same.significant) == (0.0, 1.0, False)
    # One test example of 20, three times: chance does that often.
    step = differences({"a": [0.5, 0.6, 0.7], "b": [0.55, 0.65, 0.75]}, overlap=OVERLAP, resolution=0.05)[0]
    assert not step.significant


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, "two arms"),
        ({"a": [1.0, 2.0]}, "two arms"),
        ({"a": [1.0], "b": [2.0]}, "two or more"),
        ({"a": [1.0, 2.0], "b": [1.0]}, "same seeds"),
        ({"a": [1.0, float("nan")], "b": [1.0, 2.0]}, "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(scores, words) -> None:
    with pytest.raises(InputError, match=words):
        differences(scores)


def test_no_score_is_refused_and_one_has_no_interval() -> None:
    with pytest.raises(InputError, match="at least one"):
        estimate([])
    assert estimate([0.5]).high == float("inf")
