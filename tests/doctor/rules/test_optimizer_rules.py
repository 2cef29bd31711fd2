"""Which parameters an optimizer holds, at which rate it steps them, and what is left frozen."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from under import blobs, findings, fit, loud, mlp

SGD = torch.optim.SGD


def run(make_optimizer, *, make=mlp, **options):
    def program():
        model = make()
        fit(model, make_optimizer(model), **options)

    return findings(program)


# ---------------------------------------------------------------- optimizer-wrong-parameters


def test_a_copy_is_stepped():
    found = run(lambda model: SGD(copy.deepcopy(model).parameters(), lr=0.1))
    assert found["optimizer-wrong-parameters"].severity == "error"
    assert "another copy" in found["optimizer-wrong-parameters"].message


def test_a_part_is_left_out():
    finding = run(lambda model: SGD(model[-1].parameters(), lr=0.1))["optimizer-wrong-parameters"]
    assert (finding.severity, finding.where) == ("error", "0.weight")


def test_the_parameters_of_a_loss_are_left_out():
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, out, y):
            return F.cross_entropy(out * self.scale.exp(), y)

    found = run(lambda model: SGD(model.parameters(), lr=0.1), loss_fn=Weighted())
    assert found["optimizer-wrong-parameters"].severity == "warning"
    assert found["optimizer-wrong-parameters"].where == "weighted.scale"


def test_other_owners_of_parameters_are_healthy():
    def several():
        model = mlp()
        optimizers = [SGD(model[0].parameters(), lr=0.1), SGD(model[-1].parameters(), lr=0.1)]
        x, y = blobs()
        for _ in range(10):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for optimizer in optimizers:
                optimizer.step()

    def by_hand():
        model = mlp()
        x, y = blobs()
        optimizer = SGD(model[0].parameters(), lr=0.1)
        for _ in range(10):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                for p in model[-1].parameters():
                    p -= 0.1 * p.grad

    def picture():
        model, x = mlp(), torch.randn(4, 6, requires_grad=True)
        optimizer = torch.optim.Adam([x], lr=0.1)
        for _ in range(10):
            optimizer.zero_grad()
            (model(x * 1.0) - 1).pow(2).mean().backward()
            optimizer.step()

    def average():
        model = mlp()
        average = copy.deepcopy(model)

        def after():
            with torch.no_grad():
                for a, p in zip(average.parameters(), model.parameters()):
                    a.lerp_(p, 0.1)
                average(torch.randn(4, 6))

        fit(model, SGD(model.parameters(), lr=0.1), after=after)

    for program in (several, by_hand, picture, average):
        assert "optimizer-wrong-parameters" not in findings(program), program.__name__


def test_a_head_on_trained_weights_is_a_note():
    def program():
        model = mlp()
        with torch.no_grad():
            model[0].weight.copy_(torch.randn(32, 6))
        x, y = blobs()
        optimizer = SGD(model[-1].parameters(), lr=0.1)
        for _ in range(10):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    assert findings(program)["optimizer-wrong-parameters"].severity == "note"


# ---------------------------------------------------------------- frozen-by-mistake


def frozen(*names, move=False, given=False):
    def make():
        model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
        for name in names:
            for p in model.get_submodule(name).parameters():
                p.requires_grad_(False)
                if move:
                    p.mul_(1.3)
        return model

    return run(
        lambda model: SGD([p for p in model.parameters() if given or p.requires_grad], lr=0.1), make=make
    ).get("frozen-by-mistake")


def test_random_layers_are_frozen():
    assert frozen("0", "2").severity == "warning"
    assert "output layer" in frozen("4").message
    assert frozen("2", given=True).severity == "warning"


def test_frozen_on_purpose():
    assert frozen("0").severity == "note"  # random features
    assert frozen("0", "2", move=True) is None  # trained elsewhere
    assert frozen() is None


def test_a_target_network_inside_a_model_is_healthy():
    class Online(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()
            self.target = copy.deepcopy(self.net).requires_grad_(False)

        def forward(self, x):
            return self.net(x) + 0 * self.target(x)

    assert "frozen-by-mistake" not in run(lambda model: SGD(model.net.parameters(), lr=0.1), make=Online)


def test_a_teacher_is_healthy():
    def program():
        teacher, model = mlp().requires_grad_(False), mlp()
        x, _ = blobs()
        optimizer = SGD(model.parameters(), lr=0.1)
        for _ in range(10):
            optimizer.zero_grad()
            F.mse_loss(model(x), teacher(x)).backward()
            optimizer.step()

    assert not loud(findings(program))


# ---------------------------------------------------------------- rates


def scheduled(make, *, per_batch=True, epochs=4, lr=0.1):
    def program():
        model = mlp()
        optimizer = SGD(model.parameters(), lr=lr)
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        step = scheduler.step
        fit(model, optimizer, epochs=epochs, after=step if per_batch else None,
            each_epoch=None if per_batch else lambda _: step())  # fmt: skip

    return findings(program)


def test_the_rate_is_zero():
    found = scheduled(lambda s, o: s.LambdaLR(o, lambda step: 0.0))
    assert found["lr-zero"].severity == "error"
    found = scheduled(lambda s, o: s.LambdaLR(o, lambda step: float(step > 25)))
    assert found["lr-zero"].severity == "warning"
    assert "first 26 of 40" in found["lr-zero"].message


def test_the_rate_of_one_group_is_zero():
    groups = lambda m: SGD([{"params": m[0].parameters(), "lr": 0.0}, {"params": m[2].parameters()}], lr=0.1)  # noqa: E731
    finding = run(groups)["lr-zero"]
    assert (finding.severity, finding.where) == ("warning", "0.weight")


@pytest.mark.parametrize(
    "make",
    [
        lambda s, o: s.ExponentialLR(o, 0.7),
        lambda s, o: s.StepLR(o, 3, gamma=0.2),
        lambda s, o: s.MultiStepLR(o, [2, 4, 6], gamma=0.1),
    ],
)
def test_the_rate_is_gone_too_early(make, monkeypatch):
    def program():
        model = mlp()
        optimizer = SGD(model.parameters(), lr=1e-3)
        fit(model, optimizer, epochs=5, after=make(torch.optim.lr_scheduler, optimizer).step)

    finding = findings(program)["lr-decays-too-fast"]
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    "make",
    [
        lambda s, o: s.CosineAnnealingLR(o, 40),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 10),
        lambda s, o: s.OneCycleLR(o, 0.1, total_steps=41),
        lambda s, o: s.LinearLR(o, 1.0, 0.0, 40),
        lambda s, o: s.PolynomialLR(o, 40),
        lambda s, o: s.LambdaLR(o, lambda step: min(1.0, step / 5)),
        lambda s, o: s.CyclicLR(o, 1e-4, 0.1, step_size_up=5),
    ],
)
def test_known_schedules_are_healthy(make):
    assert not {"lr-zero", "lr-decays-too-fast"} & set(scheduled(make))


def test_a_schedule_in_epochs_is_healthy():
    assert "lr-decays-too-fast" not in scheduled(
        lambda s, o: s.ExponentialLR(o, 0.5), per_batch=False, epochs=8
    )


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_the_scheduler_stepped_first_is_noted():
    def program():
        model = mlp()
        optimizer = SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        fit(model, optimizer, before=scheduler.step)

    assert findings(program)["scheduler-before-optimizer"].severity == "note"
    assert "scheduler-before-optimizer" not in scheduled(lambda s, o: s.StepLR(o, 30))


# ---------------------------------------------------------------- parameters-not-updated


def test_half_precision_swallows_updates():
    found = run(
        lambda model: SGD(model.parameters(), lr=1e-4), make=lambda: mlp().bfloat16(),
        loss_fn=lambda out, y: F.cross_entropy(out.float(), y),
        data=(torch.randn(200, 6).bfloat16(), torch.arange(200) % 3),
    )  # fmt: skip
    assert found["parameters-not-updated"].severity == "error"
    assert "bfloat16" in found["parameters-not-updated"].message


def test_a_step_that_applies_nothing():
    class Rebinding(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p = p - group["lr"] * p.grad

    found = run(lambda model: Rebinding(model.parameters(), lr=0.1))
    assert found["parameters-not-updated"].severity == "warning"


def test_rare_rows_and_masks_are_healthy():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(50_000, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.table(x).mean(1))

    data = torch.randint(1, 20, (200, 5)), torch.arange(200) % 3
    assert "parameters-not-updated" not in run(lambda m: SGD(m.parameters(), lr=0.1), make=Words, data=data)


# ---------------------------------------------------------------- two optimizers, decay


def test_two_optimizers_are_noted():
    def program(second):
        model = mlp()
        pair = [SGD(model.parameters(), lr=0.1), SGD(second(model).parameters(), lr=0.1)]
        x, y = blobs()
        for _ in range(6):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for optimizer in pair:
                optimizer.step()

    assert findings(lambda: program(lambda model: model[2]))["two-optimizers"].severity == "note"
    assert "two-optimizers" not in findings(lambda: program(lambda model: nn.Linear(2, 2)))


def test_decay_is_noted_and_never_an_alarm():
    make = lambda: mlp(middle=(nn.LayerNorm(32),))  # noqa: E731
    found = run(lambda model: torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=0.1), make=make)
    assert found["decay-on-norm"].severity == found["adam-coupled-decay"].severity == "note"
    found = run(lambda model: torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1), make=make)
    assert "decay-on-norm" in found
    assert "adam-coupled-decay" not in found
    assert not {"decay-on-norm", "adam-coupled-decay"} & set(
        run(lambda model: SGD(model.parameters(), lr=0.1), make=make)
    )
