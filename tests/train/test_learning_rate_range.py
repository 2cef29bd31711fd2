import math
from itertools import islice

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from vademecum.train import learning_rate_range


def adamw(model, lr=1e-3):
    return torch.optim.AdamW(model.parameters(), lr=lr)


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order].float() / 16, y[order]


def mlp():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def epoch(x, y, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return [(x[rows], y[rows]) for rows in order.split(64)]


def test_leaves_model_modes_gradients_and_random_streams(digits):
    x, y = digits
    model = nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 10))
    model[1].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before, stream = state_of(model), torch.get_rng_state()
    learning_rate_range(model, cross_entropy, epoch(x[:256], y[:256], 0), adamw, steps=20)
    torch.testing.assert_close(state_of(model), before, rtol=0, atol=0)
    torch.testing.assert_close(torch.get_rng_state(), stream, rtol=0, atol=0)
    torch.testing.assert_close(model[0].weight.grad, torch.ones_like(model[0].weight), rtol=0, atol=0)
    assert [part.training for part in model] == [True, False, True, True]
    assert model[3].weight.grad is None


def test_rates_ascend_geometrically_and_losses_are_those_before_the_step():
    x = torch.linspace(-1, 1, 16).unsqueeze(1)
    model = nn.Linear(1, 1)
    test = learning_rate_range(
        model,
        mse_loss,
        [(x, 2 * x)],
        lambda m: torch.optim.SGD(m.parameters()),
        low=1e-3,
        high=1e-1,
        steps=11,
    )
    torch.testing.assert_close(test.rates, tuple(1e-3 * 10 ** (i / 5) for i in range(11)))
    twin = nn.Linear(1, 1)
    twin.load_state_dict(model.state_dict())
    for rate, loss in zip(test.rates, test.losses, strict=True):
        value = mse_loss(twin(x), 2 * x)
        torch.testing.assert_close(value.item(), loss)
        value.backward()
        with torch.no_grad():
            for p in twin.parameters():
                p -= rate * p.grad
                p.grad = None


def test_stops_where_the_loss_explodes():
    x = torch.linspace(-1, 1, 16).unsqueeze(1)
    test = learning_rate_range(
        nn.Linear(1, 1), mse_loss, [(x, 3 * x)], lambda m: torch.optim.SGD(m.parameters()), low=1e-3, high=1e3
    )
    assert len(test.rates) < 80
    assert max(test.losses) < 1e4
    # Gradient descent on a parabola of curvature 2 diverges at rates above 1.
    assert test.chosen < 1 < test.rates[-1] < 100


def test_a_loss_that_is_not_finite_at_once_keeps_the_own_rate():
    test = learning_rate_range(
        nn.Linear(1, 1),
        lambda output, y: (output - y).mean() / 0,
        [(torch.ones(4, 1), torch.ones(4, 1))],
        adamw,
    )
    assert test.chosen == 1e-3
    assert test.rates == ()
    assert "exploded after 0 steps" in test.reason


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_flat_curve_keeps_the_own_rate_and_says_so(noise):
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.ones(4, 1), torch.randn((), generator=generator) * noise) for _ in range(80)]
    test = learning_rate_range(
        nn.Linear(1, 1), lambda output, y: 5 + y + 0 * output.sum(), batches, lambda m: adamw(m, lr=0.02)
    )
    assert test.chosen == 0.02
    assert "never clearly fell" in test.reason


def test_ratios_of_the_groups_are_kept():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    rates = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            rates.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    def make(copy):
        return Spy(
            [{"params": copy[0].parameters(), "lr": 0.01}, {"params": copy[1].parameters(), "lr": 0.1}]
        )

    learning_rate_range(
        model, mse_loss, [(torch.ones(4, 2), torch.ones(4, 2))], make, low=1e-5, high=1e-3, steps=10
    )
    torch.testing.assert_close([a / b for a, b in rates], [0.1] * len(rates))
    torch.testing.assert_close(rates[0][1], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_chosen_rate_is_nearly_as_good_as_the_best_of_a_sweep(digits, seed):
    x, y = digits

    def accuracy(rate):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = mlp()
        optimizer = adamw(model, lr=rate)
        for number in range(25):
            for batch, target in epoch(x[:1297], y[:1297], 100 * seed + number):
                optimizer.zero_grad()
                cross_entropy(model(batch), target).backward()
                optimizer.step()
        return float((model(x[1297:]).argmax(1) == y[1297:]).double().mean())

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        test = learning_rate_range(mlp(), cross_entropy, epoch(x[:1297], y[:1297], seed), adamw)
    sweep = {rate: accuracy(rate) for rate in (1e-4, 1e-3, 1e-2, 1e-1)}
    assert accuracy(test.chosen) >= max(sweep.values()) - 0.02, (test.chosen, sweep)
    assert "a tenth of its fall" in test.reason
    assert max(sweep.values()) - min(sweep.values()) > 0.05  # the sweep must be able to tell


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 0.0}, "the rates must ascend from above 0: low=0.0"),
        ({"low": 1.0, "high": 0.1}, "the rates must ascend"),
        ({"high": math.nan}, "the rates must ascend"),
        ({"steps": 3}, "steps must be at least 10 for a curve: it is 3"),
    ],
)
def test_refuses_wrong_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        learning_rate_range(nn.Linear(1, 1), mse_loss, [(torch.ones(1, 1),) * 2], adamw, **arguments)


def test_refuses_batches_that_are_used_up():
    batches = islice([(torch.ones(2, 1), torch.ones(2, 1))] * 5, 5)
    with pytest.raises(ValueError, match="batches must give pairs"):
        learning_rate_range(nn.Linear(1, 1), mse_loss, batches, adamw)
