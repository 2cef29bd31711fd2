"""The order of a loop's events, its modes, and what it keeps."""

import contextlib
import copy
import gc
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from under import blobs, findings, fit, loud, mlp, recording

SGD = torch.optim.SGD


def steps(body, *, make=mlp, count=20):
    """A loop whose body is the fault: ``body(model, optimizer, x, y)`` once a step."""

    def program():
        model = make()
        optimizer = SGD(model.parameters(), lr=0.05)
        x, y = blobs()
        for i in range(count):
            rows = torch.arange(i * 20, i * 20 + 20) % 200
            body(model, optimizer, x[rows], y[rows])

    return findings(program)


# ---------------------------------------------------------------- cleared, never cleared, never stepped


def test_cleared_before_the_step():
    def body(model, optimizer, x, y):
        F.cross_entropy(model(x), y).backward()
        model.zero_grad()
        optimizer.step()

    assert steps(body)["zero-grad-before-step"].severity == "error"


def test_gradients_put_back_are_healthy():
    def body(model, optimizer, x, y):
        F.cross_entropy(model(x), y).backward()
        kept = [p.grad.clone() for p in model.parameters()]
        optimizer.zero_grad()
        for p, grad in zip(model.parameters(), kept):
            p.grad = grad
        optimizer.step()
        optimizer.zero_grad()

    assert not loud(steps(body))


def test_a_mask_on_gradients_is_healthy():
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        model[0].weight.grad.zero_()
        optimizer.step()

    assert "zero-grad-before-step" not in steps(body)


def gan(clear_generator=True):
    generator, critic = mlp(inputs=4, outputs=6), mlp(outputs=1)
    g_optimizer, c_optimizer = SGD(generator.parameters(), lr=0.01), SGD(critic.parameters(), lr=0.01)
    x, _ = blobs()
    for _ in range(8):
        c_optimizer.zero_grad()
        loss = (
            F.softplus(critic(generator(torch.randn(20, 4)).detach())).mean() + F.softplus(-critic(x)).mean()
        )
        loss.backward()
        c_optimizer.step()
        if clear_generator:
            g_optimizer.zero_grad()
        F.softplus(-critic(generator(torch.randn(20, 4)))).mean().backward()
        g_optimizer.step()
        with torch.no_grad():
            generator(torch.randn(20, 4))


def test_two_optimizers_in_turn():
    assert not loud(findings(gan))
    assert "missing-zero-grad" in findings(lambda: gan(clear_generator=False))


def test_never_stepped():
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()

    assert steps(body)["missing-step"].severity == "error"


def test_no_optimizer_at_all():
    def program():
        model, (x, y) = mlp(), blobs()
        for _ in range(10):
            for rows in torch.arange(200).split(25):
                model.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()

    gc.collect()
    assert findings(program)["missing-step"].severity == "warning"


def test_stepped_once_an_epoch():
    def program():
        model, (x, y) = mlp(), blobs()
        optimizer = SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            for rows in torch.randperm(200).split(20):
                optimizer.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()

    finding = findings(program)["missing-step"]
    assert (finding.severity, finding.evidence["thrown_away"]) == ("error", 9)


def test_gradients_without_a_step_that_are_meant():
    def by_hand():
        model, (x, y) = mlp(), blobs()
        for _ in range(100):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad

    def saliency():
        model, (x, y) = mlp().eval(), blobs()
        for _ in range(3):
            for rows in torch.arange(200).split(5):
                picture = x[rows].clone().requires_grad_()
                F.cross_entropy(model(picture), y[rows]).backward()

    def accumulated():
        model, (x, y) = mlp(), blobs()
        optimizer = SGD(model.parameters(), lr=0.1)
        for i in range(64):
            (F.cross_entropy(model(x), y) / 16).backward()
            if i % 16 == 15:
                optimizer.step()
                optimizer.zero_grad()

    def one_example_at_a_time():
        model, (x, y) = mlp(), blobs(examples=12)
        optimizer = SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            total = [torch.zeros_like(p) for p in model.parameters()]
            for i in range(12):
                optimizer.zero_grad()
                F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
                for t, p in zip(total, model.parameters()):
                    t += p.grad / max(1.0, float(p.grad.norm()))
            for t, p in zip(total, model.parameters()):
                p.grad = t / 12
            optimizer.step()

    def newton():
        model, (x, y) = mlp(), blobs()
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        for _ in range(5):
            optimizer.step(closure)

    for program in (by_hand, saliency, accumulated, one_example_at_a_time, newton):
        gc.collect()
        assert not loud(findings(program)), program.__name__


# ---------------------------------------------------------------- modes

DROPOUT = {"make": lambda: mlp(middle=(nn.Dropout(0.3),))}
NORM = {"make": lambda: mlp(middle=(nn.BatchNorm1d(32),))}


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 32), nn.Linear(32, 3)

    def forward(self, x):
        return self.b(F.dropout(self.a(x).relu(), 0.3, self.training))


def validated(make, evaluate, *, start=None, again=True, epochs=4):
    """A training with an evaluation after each epoch; the held-out rows are others than the trained ones."""

    def program():
        model = make()
        held_out = torch.randn(30, 6)
        if start:
            start(model)

        def each_epoch(_):
            evaluate(model, held_out)
            if again:
                model.train()

        fit(model, SGD(model.parameters(), lr=0.05), epochs=epochs, each_epoch=each_epoch)

    return findings(program)


def properly(model, x):
    model.eval()
    with torch.no_grad():
        model(x)


@pytest.mark.parametrize("make", [DROPOUT["make"], NORM["make"], Functional])
def test_training_mode_is_lost(make):
    finding = validated(make, properly, again=False)["eval-mode-in-training"]
    assert finding.severity == "error"
    assert finding.evidence["since_step"] == 10


def test_training_mode_never_was():
    assert validated(DROPOUT["make"], properly, start=nn.Module.eval, again=False)[
        "eval-mode-in-training"
    ].severity == ("warning")


def test_modes_that_are_meant():
    def frozen_norm(model):
        model[1].eval()

    def keep(model, x):
        properly(model, x)
        model.train()
        model[1].eval()

    def loaded(model):
        model[1].running_mean += 1.0
        model.eval()

    assert not loud(validated(NORM["make"], keep, start=frozen_norm, again=False))
    assert not loud(validated(NORM["make"], properly, start=loaded, again=False))
    assert not loud(validated(mlp, properly, again=False))
    assert not loud(validated(DROPOUT["make"], properly))


@pytest.mark.parametrize("make", [DROPOUT["make"], NORM["make"], Functional])
def test_validated_in_training_mode(make):
    def wrongly(model, x):
        with torch.no_grad():
            for rows in torch.randperm(30).split(10):
                model(x[rows])

    assert validated(make, wrongly)["train-mode-in-validation"].severity == "warning"


def test_tested_once_in_training_mode():
    def program():
        model = DROPOUT["make"]()
        fit(model, SGD(model.parameters(), lr=0.05))
        with torch.inference_mode():
            model(torch.randn(30, 6))

    assert "once the training is over" in findings(program)["train-mode-in-validation"].message


def test_passes_without_gradients_that_are_meant():
    x, y = blobs()

    def averaged(model, held_out):
        with torch.no_grad():
            torch.stack([model(held_out) for _ in range(20)]).mean(0)

    def dropout_only(model, held_out):
        model.eval()
        model[1].train()
        averaged(model, held_out)

    def recalibrated(model, _):
        with torch.no_grad():
            for rows in torch.randperm(200).split(50):
                model(x[rows])

    def program(make, passes):
        model = make()
        held_out = torch.randn(30, 6)

        def each_epoch(_):
            passes(model, held_out)
            model.train()

        fit(model, SGD(model.parameters(), lr=0.05), data=(x, y), each_epoch=each_epoch)

    for make, passes in ((DROPOUT["make"], averaged), (DROPOUT["make"], dropout_only), (NORM["make"], recalibrated),
                         (mlp, averaged)):  # fmt: skip
        assert not loud(findings(lambda make=make, passes=passes: program(make, passes))), passes.__name__


# ---------------------------------------------------------------- batch normalization


@pytest.mark.parametrize(("batch", "severity"), [(2, "warning"), (4, "warning"), (8, "note"), (20, None)])
def test_tiny_batches(batch, severity):
    def program():
        model = NORM["make"]()
        fit(model, SGD(model.parameters(), lr=0.01), batch=batch, epochs=1)

    finding = findings(program).get("batchnorm-tiny-batch")
    assert (finding and finding.severity) == severity


def test_pixels_count_and_instances_are_another_matter():
    def program(norm):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3))
        x, y = torch.randn(20, 1, 6, 6), torch.arange(20) % 3
        fit(model, SGD(model.parameters(), lr=0.01), batch=2, epochs=1, data=(x, y))

    for norm in (nn.BatchNorm2d(4), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.BatchNorm2d(4).eval()):
        assert "batchnorm-tiny-batch" not in findings(lambda norm=norm: program(norm))


def test_the_last_batch_may_be_small():
    def program():
        model = NORM["make"]()
        fit(model, SGD(model.parameters(), lr=0.01), batch=99)

    assert "batchnorm-tiny-batch" not in findings(program)


def test_a_bias_before_normalization_is_noted():
    found = findings(lambda: fit(model := NORM["make"](), SGD(model.parameters(), lr=0.01)))
    assert (found["bias-before-norm"].severity, found["bias-before-norm"].evidence["layers"]) == ("note", 1)
    make = lambda: nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 3))  # noqa: E731
    assert "bias-before-norm" not in findings(lambda: fit(model := make(), SGD(model.parameters(), lr=0.01)))


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize("keep", ["sum", "list"])
def test_losses_are_kept_with_their_graphs(keep):
    kept = []

    def body(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept.append(loss if keep == "list" or not kept else kept.pop() + loss)

    assert steps(body)["memory-growth"].severity == "warning"


def test_a_state_is_carried_on():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.out, self.state = nn.GRUCell(6, 8), nn.Linear(8, 3), torch.zeros(20, 8)

        def forward(self, x):
            self.state = self.cell(x, self.state)
            return self.out(self.state)

    def body(model, optimizer, x, y, detach):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward(retain_graph=True)
        if detach:
            model.state = model.state.detach()

    with contextlib.suppress(RuntimeError):
        assert "grows" in steps(lambda *a: body(*a, detach=False), make=Net)["memory-growth"].message
    assert "memory-growth" not in steps(lambda *a: body(*a, detach=True), make=Net)


def test_numbers_and_detached_losses_are_healthy():
    kept = []

    def body(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept.append(loss.detach())

    assert not loud(steps(body))


# ---------------------------------------------------------------- time


def test_waiting_is_counted_from_the_events_alone():
    from vademecum.doctor.checks import loader_bound
    from vademecum.doctor.recording.record import Record

    record = Record()
    for step in range(21):
        record.loop.pass_begins(step + 0.8, idle=False)
        record.loop.step_ends(step + 1.0)
    assert record.loop.cycles == 20
    torch.testing.assert_close(record.loop.waited / record.loop.lasted, 0.8)
    assert [finding.severity for finding in loader_bound(record)] == ["note"]


def test_an_evaluation_in_between_is_no_waiting():
    from vademecum.doctor.recording.loop import Loop

    loop = Loop()
    loop.pass_begins(0.0, idle=False)
    loop.step_ends(1.0)
    loop.pass_begins(9.0, idle=True)
    loop.step_ends(10.0)
    assert loop.cycles == 0


def test_a_copy_of_a_watched_model_carries_no_second_recorder():
    with recording() as recorder:
        model = mlp()
        fit(model, SGD(model.parameters(), lr=0.1), after=lambda: copy.deepcopy(model))
    assert recorder.record.steps == 30
    assert copy.deepcopy(recorder) is recorder
