"""Where torch departs from the papers, measured."""

import inspect

import pytest
import torch
from torch.optim import ASGD, SGD, Adagrad, Adam, AdamW, RMSprop
from torch.testing import assert_close

from vademecum.optim import UncorrectedAdam, VelocitySGD, without_lookahead


def places(make, gradients, *, rates=None, start=0.0):
    """Where one coordinate is after each step."""
    x = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    optimizer = make([x])
    found = []
    for t, gradient in enumerate(gradients):
        if rates is not None:
            optimizer.param_groups[0]["lr"] = rates[t]
        x.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        found.append(x.item())
    return found


@pytest.mark.parametrize(
    ("kind", "name", "default"),
    [
        (Adagrad, "eps", 1e-10),
        (Adagrad, "initial_accumulator_value", 0),
        (RMSprop, "alpha", 0.99),
        (RMSprop, "eps", 1e-8),
        (Adam, "eps", 1e-8),
        (Adam, "betas", (0.9, 0.999)),
        (AdamW, "weight_decay", 1e-2),
        (SGD, "dampening", 0),
    ],
)
def test_defaults(kind, name, default):
    assert inspect.signature(kind).parameters[name].default == default


def test_the_rate_is_outside_the_velocity():
    """After a tenfold drop the classical velocity is still 0.9 of itself; torch's is 0.09."""
    gradients, rates = [1.0, 0.0, 0.0], [1.0, 0.1, 0.1]
    torchs = places(lambda p: SGD(p, 1.0, momentum=0.9), gradients, rates=rates)
    classical = places(lambda p: VelocitySGD(p, 1.0, momentum=0.9), gradients, rates=rates)
    assert_close(torchs, [-1.0, -1.09, -1.171])
    assert_close(classical, [-1.0, -1.9, -2.71])


def test_the_first_velocity_is_not_damped():
    damped = places(lambda p: SGD(p, 1.0, momentum=0.5, dampening=0.5), [1.0, 0.0])
    assert_close(damped, [-1.0, -1.5])


def test_weight_decay_goes_into_the_velocity():
    """With no gradient but the decay, the second step still carries the decay of the first weight."""
    got = places(lambda p: SGD(p, 0.1, momentum=0.5, weight_decay=1.0), [0.0, 0.0], start=1.0)
    assert_close(got, [0.9, 0.9 - 0.1 * (0.5 + 0.9)])


@pytest.mark.parametrize(
    ("make", "outside", "inside"),
    [
        (lambda p: Adagrad(p, 1.0, eps=0.01), 0.5, 0.0995037),
        (lambda p: RMSprop(p, 1.0, alpha=0.0, eps=0.01), 0.5, 0.0995037),
        (lambda p: Adam(p, 1.0, eps=0.01), 0.5, 0.0995037),
    ],
    ids=["Adagrad", "RMSprop", "Adam"],
)
def test_eps_is_outside_the_root(make, outside, inside):
    """At a gradient as small as eps: half the rate with eps outside, a tenth with it under the root."""
    (got,) = places(make, [0.01])
    assert_close(-got, outside)
    assert_close(0.01 / (0.01**2 + 0.01) ** 0.5, inside, rtol=1e-6, atol=0)


def test_the_first_step_of_rmsprop_is_ten_times_the_rate():
    assert_close(places(lambda p: RMSprop(p, 1.0, eps=0.0), [1.0]), [-10.0])
    assert_close(places(lambda p: RMSprop(p, 1.0, alpha=0.9, eps=0.0), [1.0]), [-(10**0.5)])


def test_an_initial_accumulator_shortens_the_first_steps():
    got = places(lambda p: Adagrad(p, 1.0, initial_accumulator_value=3.0, eps=0.0), [1.0])
    assert_close(got, [-0.5])


def test_the_first_step_without_correction():
    assert_close(places(lambda p: UncorrectedAdam(p, 1.0, eps=0.0), [2.0]), [-(0.1 / 0.001**0.5)])
    assert_close(places(lambda p: Adam(p, 1.0, eps=0.0), [2.0]), [-1.0])


def test_the_corrections_fade():
    """After 20000 steps both forms take the same step."""
    gradients = torch.sin(torch.arange(20_000.0)).tolist()
    both = [places(lambda p, k=kind: k(p, 1e-3), gradients)[-2:] for kind in (Adam, UncorrectedAdam)]
    steps = [b - a for a, b in both]
    assert_close(steps[0], steps[1], rtol=1e-8, atol=0)


def test_adam_divides_the_decay_by_the_root_and_adamw_does_not():
    kwargs = {"lr": 0.1, "weight_decay": 0.5, "eps": 0.0}
    assert_close(places(lambda p: Adam(p, **kwargs), [0.0], start=1.0), [0.9])
    assert_close(places(lambda p: AdamW(p, **{**kwargs, "eps": 1e-8}), [0.0], start=1.0), [0.95])


def test_torchs_asgd_leaves_the_first_iterate_out():
    x = torch.tensor([0.0], requires_grad=True)
    optimizer = ASGD([x], lr=1.0, lambd=0.0, alpha=0.0, t0=0.0)
    for gradient in (-1.0, -1.0, -1.0):
        x.grad = torch.tensor([gradient])
        optimizer.step()
    assert_close(optimizer.state[x]["ax"], torch.tensor([2.5]))  # of 2 and 3; the mean of 1, 2 and 3 is 2


def test_without_lookahead_wants_a_look_ahead():
    with (
        pytest.raises(ValueError, match="no group of this SGD has nesterov=True"),
        without_lookahead(SGD([torch.zeros(1)], momentum=0.9)),
    ):
        pass


def test_the_parameters_look_ahead_again_after_an_error():
    x = torch.zeros(1, requires_grad=True)
    optimizer = SGD([x], lr=1.0, momentum=0.5, nesterov=True)
    x.grad = torch.ones(1)
    optimizer.step()
    with pytest.raises(RuntimeError, match="inside"), without_lookahead(optimizer):
        raise RuntimeError("inside")
    assert_close(x.item(), -1.5)
