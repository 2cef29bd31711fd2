import json
import math

import pytest

from vademecum.train import EarlyStopping


def stopped_at(values, **arguments):
    stopping = EarlyStopping(**arguments)
    for step, value in enumerate(values):
        stopping.step(value)
        if stopping.stop:
            return step, stopping.best_step
    return None, stopping.best_step


@pytest.mark.parametrize(
    ("values", "arguments", "wanted"),
    [
        ([3, 2, 1, 2, 3, 4], {"patience": 3}, (5, 2)),
        ([3, 2, 1, 2, 3, 0.5], {"patience": 3}, (None, 5)),
        ([1, 1, 1], {"patience": 2}, (2, 0)),
        ([1, 0.95, 0.9, 0.85], {"patience": 2, "min_delta": 0.1}, (2, 0)),
        ([1, 0.95, 0.85, 0.8], {"patience": 2, "min_delta": 0.1}, (None, 2)),
        ([0.1, 0.5, 0.4], {"patience": 1, "mode": "max"}, (2, 1)),
        ([math.nan, math.nan, 1.0], {"patience": 2}, (1, -1)),
        ([math.inf, 1.0], {"patience": 2}, (None, 1)),
        ([1.0, math.nan, 0.5], {"patience": 2}, (None, 2)),
    ],
)
def test_stops_patience_evaluations_after_the_best(values, arguments, wanted):
    assert stopped_at(values, **arguments) == wanted


def test_step_says_what_is_best():
    stopping = EarlyStopping(2)
    assert [stopping.step(value) for value in [2.0, 3.0, 1.0, 1.0]] == [True, False, True, False]


def test_goes_on_from_a_checkpoint():
    values = [3.0, 1.0, 2.0, 2.0, 2.0]
    whole = EarlyStopping(3)
    first, second = EarlyStopping(3), EarlyStopping(3)
    for value in values:
        whole.step(value)
    for value in values[:2]:
        first.step(value)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for value in values[2:]:
        second.step(value)
    assert second.state_dict() == whole.state_dict()
    assert second.stop is whole.stop is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "patience must be at least 1: it is 0"),
        ({"patience": 1, "mode": "least"}, "mode must be"),
        ({"patience": 1, "min_delta": -1.0}, "min_delta must be at least 0: it is -1.0"),
        ({"patience": 1, "min_delta": math.nan}, "min_delta must be"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**arguments)
