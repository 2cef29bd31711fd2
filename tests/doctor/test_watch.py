"""Watching changes nothing: not a bit of the run, whatever it is and however it ends."""

import io
import random
import re
import sys
from collections import Counter
from contextlib import ExitStack, nullcontext, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from vademecum._core.errors import InputError, UnknownNameError
from vademecum.doctor import TrainingError, checks, watch

sys.path.insert(0, str(Path(__file__).parent))
from loops import LOOPS, batch, compiled, mlp, plain


def everything(loop, watching):
    """All that a run leaves behind, as nested plain values."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    before = torch.autograd.backward
    run = loop(watching)
    assert torch.autograd.backward is before
    return {
        "losses": run.losses,
        "streams": (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
        "models": [module(part) for model in run.models for part in model.modules()],
        "optimizers": [repr(values(opt.state_dict())) for opt in run.optimizers],
        "hooks": [len(opt._optimizer_step_pre_hooks) + len(opt._optimizer_step_post_hooks) for opt in run.optimizers],
        "others": values(run.others),
    }  # fmt: skip


def module(part):
    """A module's own attributes."""
    own = {
        name: value
        for name, value in vars(part).items()
        if name not in {"_modules", "_parameters", "_buffers"}
    }
    tensors = {**part._parameters, **part._buffers}
    return {
        "attributes": {name: re.sub("0x[0-9a-f]+", "", repr(value)) for name, value in own.items()},
        "tensors": {name: values(t) for name, t in tensors.items()},
        "learns": {name: t.requires_grad for name, t in tensors.items() if t is not None},
        "gradients": {name: values(p.grad) for name, p in part._parameters.items() if p is not None},
    }


def values(thing):
    if isinstance(thing, torch.Tensor):
        return (str(thing.dtype), tuple(thing.shape), thing.detach().double().flatten().tolist())
    if isinstance(thing, dict):
        return {key: values(value) for key, value in thing.items()}
    return [values(each) for each in thing] if isinstance(thing, list | tuple) else thing


def unwatched(models, optimizers):
    return nullcontext()


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_watched_run_is_the_same_to_the_bit(loop):
    assert everything(loop, watch) == everything(loop, unwatched)


def test_the_comparison_can_fail():
    def meddling(models, optimizers):
        torch.rand(1)
        return nullcontext()

    assert everything(plain, meddling)["streams"] != everything(plain, unwatched)["streams"]


def test_a_compiled_run_is_the_same_to_the_bit():
    torch._dynamo.reset()
    alone = everything(compiled, unwatched)
    torch._dynamo.reset()
    watched = everything(compiled, watch)
    assert watched["losses"] == alone["losses"]
    assert [part["tensors"] for part in watched["models"]] == [part["tensors"] for part in alone["models"]]
    assert watched["streams"] == alone["streams"]


@pytest.mark.nightly
def test_a_run_compiled_to_machine_code_is_the_same_to_the_bit():
    def loop(watching):
        torch._dynamo.reset()
        return compiled(watching, "inductor")

    assert everything(loop, watch)["losses"] == everything(loop, unwatched)["losses"]


def test_watches_in_one_another_change_nothing_and_both_see():
    watches = []

    def twice(models, optimizers):
        stack = ExitStack()
        watches[:] = [stack.enter_context(watch(models, optimizers)) for _ in range(2)]
        return stack

    assert everything(plain, twice) == everything(plain, unwatched)
    assert [each.report().steps for each in watches] == [60, 60]
    assert all(each.report().healthy for each in watches)


def broken(*_):
    raise ZeroDivisionError("inside")


def test_a_rule_that_fails_is_a_note_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(checks, "OF_A_SCENE", (*checks.OF_A_SCENE, broken))
    monkeypatch.setattr(checks, "OF_A_RECORD", (*checks.OF_A_RECORD, broken))
    seen = []

    def watching(models, optimizers):
        seen.append(watch(models, optimizers))
        return seen[0]

    assert everything(plain, watching) == everything(plain, unwatched)
    assert "ZeroDivisionError" in seen[0].report().not_checked["broken"]
    assert seen[0].report().healthy


@pytest.mark.parametrize("part", ["forward_begins", "_keep", "_scene", "_over", "_evaluated"])
def test_a_recorder_that_fails_changes_nothing(monkeypatch, part):
    from vademecum.doctor.recording.recorder import Recorder

    own = getattr(Recorder, part)
    if part == "forward_begins":
        monkeypatch.setattr("vademecum.doctor.recording.recorder.tensors", broken)
    else:
        monkeypatch.setattr(Recorder, part, broken)
    assert own is not broken
    assert everything(plain, watch) == everything(plain, unwatched)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["between", "in forward", "in backward", "in step"])
def test_a_run_that_is_interrupted_is_left_clean(error, where):
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            raise error

    net, (x, y) = mlp(), batch(0)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    attributes = [set(vars(part)) for part in net.modules()]
    before = torch.autograd.backward
    handle = None
    if where == "in forward":
        handle = net[1].register_forward_hook(lambda *_: (_ for _ in ()).throw(error()))
    if where == "in step":
        handle = opt.register_step_pre_hook(lambda *_: (_ for _ in ()).throw(error()))
    with pytest.raises(error), watch(net, opt) as doctor:  # noqa: PT012
        out = net(x)
        loss = F.cross_entropy(Fails.apply(out) if where == "in backward" else out, y)
        loss.backward()
        opt.step()
        raise error
    if handle is not None:
        handle.remove()
    assert torch.autograd.backward is before
    assert [set(vars(part)) for part in net.modules()] == attributes
    assert not any(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in net.modules())
    assert not len(opt._optimizer_step_pre_hooks) + len(opt._optimizer_step_post_hooks)
    assert not doctor._recorder.record.finished
    doctor.report()


def test_a_saved_or_copied_model_does_not_know_of_the_watch(tmp_path):
    net = mlp()
    with watch(net) as doctor:
        torch.save(net, tmp_path / "net.pt")
    assert b"vademecum" not in (tmp_path / "net.pt").read_bytes()
    again = torch.load(tmp_path / "net.pt", weights_only=False).eval()
    x, _ = batch(0)
    torch.testing.assert_close(again(x), net.eval()(x), rtol=0, atol=0)
    assert doctor.report().steps == 0


# ------------------------------------------------------------------ what it is given


def data(seed, count=96):
    x = torch.randn(count, 12, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(x, (x[:, 0] > 0).long())


def train(doctor_of, *, steps=70, loader=None, loss_fn=None):
    torch.manual_seed(0)
    net = mlp(12, 2)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with doctor_of(net, opt) as doctor:
        done = 0
        while done < steps:
            for x, y in loader or [batch(done)]:
                loss = (loss_fn or F.cross_entropy)(net(x), y.clamp_max(1))
                opt.zero_grad()
                loss.backward()
                opt.step()
                done += 1
    return doctor, net


def test_loaders_are_read_and_no_stream_moves():
    def run(**given):
        draw = torch.Generator().manual_seed(5)
        loader = DataLoader(data(0), batch_size=8, shuffle=True, generator=draw)
        val = DataLoader(data(1), batch_size=16, shuffle=True)
        given = {key: {"train": loader, "val": val}.get(key, value) for key, value in given.items()}
        doctor, net = train(lambda *a: watch(*a, **given), loader=loader)
        after = (torch.get_rng_state(), draw.get_state(), *net.parameters())
        return doctor, [t.detach().double() for t in after]

    _, alone = run()
    doctor, given = run(train=True, val=True, loss_fn=F.cross_entropy)
    torch.testing.assert_close(given, alone, rtol=0, atol=0)
    record = doctor._recorder.record
    assert sum(len(b.x) for b in record.train.batches) == 96
    assert sum(len(b.x) for b in record.valid.batches) == 96
    assert all(b.y is not None for b in record.valid.batches)
    (step, loss), *_ = record.metrics["doctor/val_loss"][::-1]
    assert step == record.steps
    assert 0 < loss < 1


def test_a_loader_that_is_not_what_the_model_sees_is_said():
    doctor, _ = train(lambda *a: watch(*a, train=DataLoader(data(7), batch_size=8)))
    assert "not what the model was given" in doctor.report().not_checked["training loader"]


def test_a_validation_loader_that_fails_is_said():
    doctor, _ = train(lambda *a: watch(*a, val=[(torch.ones(4, 5), torch.ones(4))], loss_fn=F.cross_entropy))
    assert "RuntimeError" in doctor.report().not_checked["validation loader"]


@pytest.mark.parametrize("name", ["train", "val"])
def test_what_can_be_read_once_is_refused(name):
    with pytest.raises(
        TypeError, match=f"{name} must be batches .*: a generator came, which one pass uses up"
    ):
        watch(mlp(), **{name: (b for b in [batch(0)])})
    with pytest.raises(TypeError, match=f"{name} must be batches .*: a Tensor came"):
        watch(mlp(), **{name: torch.ones(3)})


def test_a_loss_module_tells_targets_and_evaluations():
    class Own(nn.Module):
        def forward(self, output, target):  # no loss that a graph shows
            return (output - F.one_hot(target, 2) * 2).abs().pow(1.5).mean()

    loss_fn, net = Own(), mlp(12, 2)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with watch(net, opt, loss_fn=loss_fn) as doctor:
        for _ in range(8):
            x, y = batch(0)
            loss = loss_fn(net(x), y.clamp_max(1))
            opt.zero_grad()
            loss.backward()
            opt.step()
        with torch.no_grad():
            value = float(loss_fn(net(x), y.clamp_max(1)))
    record = doctor._recorder.record
    assert record.train.batches[0].y.tolist() == batch_targets(record)
    assert record.evaluations[-1].loss == value
    assert record.valid.batches[-1].y is not None
    assert not loss_fn._forward_hooks


def batch_targets(record):
    """What the batches of this file are labelled with, from their rows."""
    x = record.train.batches[0].x
    return ((x[:, 0] > 0).long() + (x[:, 1] > 0).long() % 3).clamp_max(1).tolist()


# ------------------------------------------------------------------ what it promises


def doubled(doctor_of, steps=12):
    """A loop with a fault that is certain: softmax before cross-entropy."""
    net = nn.Sequential(mlp(), nn.Softmax(1))
    opt = torch.optim.SGD(net.parameters(), 0.1)
    done = []
    with doctor_of(net, opt) as doctor:
        for step in range(steps):
            x, y = batch(step)
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            done.append(step)
    return doctor, done


def test_strict_ends_the_run_at_the_first_certain_fault():
    done = []

    def doctor_of(net, opt):
        opt.register_step_pre_hook(lambda *_: done.append(1))
        return watch(net, opt, strict=True)

    before = torch.autograd.backward
    with pytest.raises(TrainingError, match="redundant-softmax") as caught:
        doubled(doctor_of)
    assert len(done) <= 4
    assert caught.value.finding.rule == "redundant-softmax"
    assert torch.autograd.backward is before
    train(lambda *a: watch(*a, strict=True))  # a healthy run goes through


def test_what_is_ignored_is_listed_with_its_reason():
    doctor, _ = doubled(lambda *a: watch(*a, ignore={"redundant-softmax": "an old checkpoint wants it"}))
    assert "redundant-softmax" not in {f.rule for f in doctor.findings}
    assert [(f.rule, why) for f, why in doctor.report().silenced] == [
        ("redundant-softmax", "an old checkpoint wants it")
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'redundant-softmax'"):
        watch(mlp(), ignore={"redundant-sofmax": "x"})
    with pytest.raises(InputError, match="for a reason"):
        watch(mlp(), ignore={"redundant-softmax": ""})


def test_only_some_rules_are_asked():
    doctor, _ = doubled(lambda *a: watch(*a, only=["missing-zero-grad"]))
    assert doctor.findings == ()
    assert doctor.report().checked == ("missing-zero-grad",)
    assert doctor.report().not_checked["redundant-softmax"] == "it was not asked for"
    doctor, _ = doubled(lambda *a: watch(*a, only="redundant-softmax"))
    assert [f.rule for f in doctor.findings] == ["redundant-softmax"]
    with pytest.raises(UnknownNameError):
        watch(mlp(), only=["softmax"])


def test_nothing_is_printed_unless_asked():
    for verbose in (False, True):
        out = io.StringIO()
        with redirect_stdout(out):
            doubled(lambda *a, verbose=verbose: watch(*a, verbose=verbose))
        assert out.getvalue().count("\n") == verbose
        assert ("error redundant-softmax" in out.getvalue()) == verbose


def test_a_loop_by_hand_is_seen():
    net = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    with watch(net) as doctor:
        for step in range(20):
            x, y = batch(step)
            F.cross_entropy(net(x), y).backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad  # and never cleared
            doctor.step()
    record = doctor._recorder.record
    assert doctor.report().steps == 20
    assert all(0 < look.ratio["0.weight"] < 1 for look in record.looks[1:])
    assert [f.rule for f in doctor.findings][:1] == ["missing-zero-grad"]
    doctor.metric("val_loss", 0.5)
    assert record.metrics["val_loss"] == [(20, 0.5)]
    assert doctor.scalars()["doctor/update_ratio/0.weight"] > 0


def test_a_loss_that_is_told_and_goes_backward_counts_once():
    net = mlp()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with watch(net, opt) as doctor:
        for step in range(6):
            x, y = batch(step)
            loss = doctor.loss(F.cross_entropy(net(x), y))
            opt.zero_grad()
            loss.backward()
            opt.step()
    assert doctor._recorder.record.backwards == 6
    assert doctor.report().healthy


# ------------------------------------------------------------------ what it costs, counted


class Counted(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts the operations that reach torch, by step."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls[func] += 1
        return func(*args, **(kwargs or {}))


def operations(watching, step):
    """Operations of each step from one on, of a small loop."""
    net, opt = mlp(), None
    opt = torch.optim.SGD(net.parameters(), 0.1)
    counts, (x, y) = [], batch(0)
    with watching(net, opt) as doctor:
        for _ in range(step + 20):
            with Counted() as counted:
                loss = F.cross_entropy(net(x), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
            looking = doctor is not None and doctor._recorder.schedule.looking
            counts.append((sum(counted.calls.values()), looking))
    return counts


def test_a_step_that_is_not_looked_at_costs_a_handful_of_operations(monkeypatch):
    from vademecum.doctor.recording.schedule import Schedule

    monkeypatch.setattr(Schedule, "_wanted", lambda self: self.step < 5)  # no clock in it
    monkeypatch.setattr(Schedule, "affords", lambda self, kept: kept < 32)
    alone = operations(unwatched, 40)[-1][0]
    watched = [count for count, looking in operations(watch, 40)[-15:] if not looking]
    assert watched
    # the loss is read, a gradient is asked whether it is finite, and a batch gets its figure
    assert max(watched) - alone <= 8


def test_the_looks_at_short_steps_are_capped(monkeypatch):
    from vademecum.doctor.recording import schedule

    clock = iter(range(10**9))
    monkeypatch.setattr(schedule.time, "perf_counter", lambda: next(clock) * 1e-4)
    times = schedule.Schedule()
    for _ in range(200_000):
        times.stepped()
    assert times.looks == schedule.CAP


def test_the_looks_at_long_steps_stay_within_the_budget(monkeypatch):
    from vademecum.doctor.recording import schedule

    now = [0.0]
    monkeypatch.setattr(schedule.time, "perf_counter", lambda: now[0])
    times = schedule.Schedule(0.03)
    for _ in range(5000):
        now[0] += 5e-3
        own = 4e-3 if times.looking else 2e-5
        now[0] += own
        times.spent += own
        times.stepped()
    assert times.spent <= 0.031 * 5000 * 5e-3
    assert times.looks > 100


def test_what_is_kept_of_a_long_run_is_bounded():
    from vademecum.doctor.recording.record import BLOCK, LOOKS, MANY, Look, Pass, Record

    record = Record()
    for step in range(300_000):
        record.passes.append(Pass(step, float(step), step % 2))
        record.losses.append((step, float(step)))
        if step % 50 == 0:
            record.looks.append(Look(step))
        if step % 4096 == 0:
            record.thin()
    assert len(record.passes) <= MANY + 4096
    assert len(record.looks) <= LOOKS + 4096
    assert record.passes[-1].step == 299_999
    sites = Counter(one.site for one in record.passes)
    assert abs(sites[0] - sites[1]) <= BLOCK  # what takes turns stays together
