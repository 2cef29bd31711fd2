"""The schedules in torch's own LambdaLR, against torch's own schedulers, and what they refuse."""

import math

import pytest
import torch
from torch.optim import lr_scheduler
from torch.testing import assert_close

from vademecum.optim import (
    MomentumSchedule,
    constant_momentum,
    cosine_annealing,
    cosine_restarts,
    demon,
    exponential_decay,
    inverse_square_root,
    inverse_time_decay,
    linear_momentum,
    linear_warmup,
    one_cycle,
    one_cycle_momentum,
    rescaling,
    scale_lr,
    slanted_triangular,
    step_decay,
    sutskever_momentum,
    transformer_rate,
)

ALL = {
    "step_decay": step_decay(7),
    "exponential_decay": exponential_decay(0.05),
    "inverse_time_decay": inverse_time_decay(0.1),
    "cosine_annealing": cosine_annealing(40, final=0.1),
    "cosine_restarts": cosine_restarts(5, multiplier=2),
    "one_cycle": one_cycle(40),
    "one_cycle, three phases": one_cycle(40, three_phase=True, anneal="linear"),
    "slanted_triangular": slanted_triangular(40),
    "inverse_square_root": inverse_square_root(10),
    "transformer_rate": transformer_rate(64, 10),
    "linear_warmup": linear_warmup(10, start=0.1, then=cosine_annealing(40)),
}


def rates(make, steps, **arguments):
    """The rate of each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0, **arguments)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def by_lambda(schedule):
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, schedule)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (step_decay(7, gamma=0.5), lambda o: lr_scheduler.StepLR(o, 7, gamma=0.5)),
        (exponential_decay(0.05), lambda o: lr_scheduler.ExponentialLR(o, gamma=math.exp(-0.05))),
        (cosine_annealing(40, final=0.05), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.1)),
        (
            cosine_restarts(5, multiplier=2, final=0.05),
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5, T_mult=2, eta_min=0.1),
        ),
        (cosine_restarts(5), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5)),
        (linear_warmup(10, start=0.25), lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=10)),
    ],
)
def test_torchs_schedulers_agree(ours, theirs):
    assert_close(rates(by_lambda(ours), 41), rates(theirs, 41), rtol=1e-12, atol=1e-12)


def test_torchs_cosine_climbs_again_after_its_end():
    assert_close(rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 21)[10::10], [0.0, 2.0])
    assert_close(rates(by_lambda(cosine_annealing(10)), 21)[10::10], [0.0, 0.0])


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_torchs_one_cycle_agrees_at_its_own_places(anneal, three_phase):
    """Torch peaks at pct_start * total - 1 and ends at total - 1."""
    T, peak = 40, 10

    def theirs(optimizer):
        return lr_scheduler.OneCycleLR(
            optimizer, max_lr=2.0, total_steps=T + 1, pct_start=(peak + 1) / (T + 1), div_factor=10,
            final_div_factor=100, anneal_strategy={"cosine": "cos", "linear": "linear"}[anneal],
            three_phase=three_phase, cycle_momentum=False,
        )  # fmt: skip

    ours = one_cycle(T, pct_start=peak / T, initial=0.1, final=0.001, anneal=anneal, three_phase=three_phase)
    assert_close(rates(by_lambda(ours), T + 1)[:-1], rates(theirs, T), rtol=1e-12, atol=1e-12)


def test_torchs_cycled_momentum_agrees():
    T, peak = 40, 10
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(
        optimizer, max_lr=2.0, total_steps=T + 1, pct_start=(peak + 1) / (T + 1), anneal_strategy="linear"
    )
    ours = one_cycle_momentum(T, pct_start=peak / T)
    for step in range(T):
        assert_close(ours(step), optimizer.param_groups[0]["momentum"], rtol=1e-12, atol=0)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("total", [1, 7, 410, 12_345])
def test_the_schedules_of_fit_are_among_them(total):
    """Bit for bit, so that the one may stand for the other."""
    cycle, cosine = one_cycle(total, pct_start=0.25, initial=0.04, final=0.0), cosine_annealing(total)

    def fall(done):
        return 0.5 * (1 + math.cos(math.pi * done))

    for step in range(total):
        done = step / total
        rise = 0.04 + (1 - 0.04) * (1 - fall(done / 0.25))
        assert cycle(step) == (rise if done < 0.25 else fall((done - 0.25) / (1 - 0.25)))
        assert cosine(step) == fall(done)


@pytest.mark.parametrize("schedule", ALL.values(), ids=list(ALL))
def test_a_resumed_run_has_the_same_rates(schedule):
    whole = rates(by_lambda(schedule), 60)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedule)
    for _ in range(23):
        optimizer.step()
        scheduler.step()
    state = scheduler.state_dict(), optimizer.state_dict()
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedule)
    scheduler.load_state_dict(state[0])
    optimizer.load_state_dict(state[1])
    rest = []
    for _ in range(60 - 23):
        rest.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rest == whole[23:]


@pytest.mark.parametrize("schedule", ALL.values(), ids=list(ALL))
def test_factors_are_shares_and_depend_on_the_step_alone(schedule):
    factors = [schedule(t) for t in range(100)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert [schedule(t) for t in reversed(range(100))] == factors[::-1]


def test_peaks_of_the_two_transformers():
    assert_close(transformer_rate(512)(3999), 6.9877e-4, rtol=1e-4, atol=0)
    assert_close(transformer_rate(1024)(3999), 4.9411e-4, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_decay(0), "step_size must be at least 1: it is 0"),
        (lambda: step_decay(5, gamma=1.5), "gamma must be from 0 to 1: it is 1.5"),
        (lambda: exponential_decay(-1), "k must be at least 0: it is -1"),
        (lambda: inverse_time_decay(float("nan")), "k must be at least 0: it is nan"),
        (lambda: cosine_annealing(0), "total_steps must be at least 1"),
        (lambda: cosine_annealing(10, final=-0.1), "final must be from 0 to 1"),
        (lambda: cosine_restarts(0), "first_cycle must be at least 1"),
        (lambda: cosine_restarts(5, multiplier=0), "multiplier must be at least 1"),
        (lambda: one_cycle(10, pct_start=1.0), "pct_start must lie between 0 and 1"),
        (lambda: one_cycle(10, pct_start=0.5, three_phase=True), "pct_start must lie between 0 and 0.5"),
        (lambda: one_cycle(10, anneal="cos"), 'anneal must be "cosine" or "linear": it is \'cos\''),
        (lambda: slanted_triangular(10, ratio=0.5), "ratio must be at least 1: it is 0.5"),
        (lambda: slanted_triangular(10, cut_frac=2), "cut_frac must be from 0 to 1"),
        (lambda: inverse_square_root(0), "warmup_steps must be at least 1"),
        (lambda: transformer_rate(0), "d_model must be at least 1"),
        (lambda: linear_warmup(0), "warmup_steps must be at least 1"),
        (lambda: linear_warmup(10, start=4.0), "start must be from 0 to 1: it is 4.0"),
        (lambda: constant_momentum(1.0), "momentum must be below 1: it is 1.0; 1 never forgets"),
        (lambda: demon(10, momentum=-0.1), "momentum must be from 0 to 1"),
        (lambda: linear_momentum(0), "total_steps must be at least 1"),
        (lambda: one_cycle_momentum(10, pct_start=0), "pct_start must lie between 0 and 1"),
        (lambda: sutskever_momentum(500), "last must be from 0 to total_steps=500: it is 1000"),
        (lambda: scale_lr(0.1, 0, 32), "both batches must be at least 1: base_batch=0, batch=32"),
        (lambda: scale_lr(-0.1, 32, 32), "lr must be at least 0"),
        (lambda: scale_lr(0.1, 32, 64, rule="cubic"), "rule must be"),
        (
            lambda: MomentumSchedule(torch.optim.Adagrad([torch.zeros(1)]), demon(10)),
            "every group must have momentum or betas: one of this Adagrad has",
        ),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rescaled_rates_go_beside_another_schedule():
    momentum, cosine = linear_momentum(10, start=0.9, end=0.5), cosine_annealing(10)
    both = rates(by_lambda(lambda t: cosine(t) * rescaling(momentum)(t)), 10)
    assert_close(both, [2.0 * cosine(t) * (1 - momentum(t)) / 0.1 for t in range(10)], rtol=1e-12, atol=1e-12)
