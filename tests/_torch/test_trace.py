import pytest
import torch
from torch import nn

from vademecum._torch.streams import same_streams
from vademecum._torch.trace import calls, tracing


def hooks(model):
    return [len(part._forward_hooks) for part in model.modules()]


def test_parts_end_before_the_whole_and_repeated_calls_are_repeated():
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.Sequential(nn.ReLU(), shared))
    assert [call.path for call in calls(model, torch.ones(1, 2))] == ["0", "1.0", "0", "1", ""]


def test_records_hold_what_went_in_and_came_out():
    class Scaled(nn.Module):
        def forward(self, x, *, by):
            return x * by

    x = torch.ones(2)
    [call] = calls(Scaled(), x, by=3.0)
    torch.testing.assert_close(call.inputs[0], x)
    assert call.keywords == {"by": 3.0}
    torch.testing.assert_close(call.output, torch.full((2,), 3.0))


def test_hooks_are_gone_and_the_record_stays_when_a_forward_pass_fails():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))
    with pytest.raises(RuntimeError), tracing(model) as seen:
        model(torch.ones(1, 2))
    assert [call.path for call in seen] == ["0"]
    assert hooks(model) == [0, 0, 0]


def test_random_streams_are_put_back_when_a_block_fails():
    import random

    import numpy as np

    def draw():
        return torch.rand(3).tolist(), random.random(), np.random.rand()

    state = torch.get_rng_state(), random.getstate(), np.random.get_state()
    wanted = draw()
    torch.set_rng_state(state[0])
    random.setstate(state[1])
    np.random.set_state(state[2])
    with pytest.raises(ZeroDivisionError), same_streams():
        draw()[0][0] / 0
    assert draw() == wanted
