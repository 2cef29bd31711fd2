"""The gate opens for runs that went badly, and for no others."""

import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor.evidence.gate import guess, outcome
from vademecum.doctor.recording.record import Evaluation, Pass, Record

sys.path.insert(0, str(Path(__file__).parent))
from recorded import fit, recorded


def record(values, *, finished=True, **kwargs):
    losses = list(enumerate(float(value) for value in values))
    return Record(losses=losses, steps=len(losses), finished=finished, **kwargs)


def noisy(level, count, *, noise=0.02, seed=0):
    return (level + noise * torch.randn(count, generator=torch.Generator().manual_seed(seed))).tolist()


def ramp(begin, end, count):
    return torch.linspace(begin, end, count).tolist()


def net(inputs, outputs, width=32):
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def adam(model, lr=3e-3):
    return torch.optim.Adam(model.parameters(), lr=lr)


def blobs(size=32, *, classes=4, clean=1.0):
    """Batches of points around class centers, of whose labels a share is right."""
    centers = 2 * torch.randn(classes, 6)

    def batch():
        y = torch.randint(classes, (size,))
        x = centers[y] + 0.5 * torch.randn(size, 6)
        return x, torch.where(torch.rand(size) < clean, y, torch.randint(classes, (size,)))

    return batch


# ------------------------------------------------------------------ by losses alone


def test_a_loss_that_stays_opens_and_one_that_falls_does_not():
    assert outcome(record(noisy(1, 200))).kind == "not-learning"
    assert outcome(record(ramp(2, 0.2, 200))).kind == ""


def test_a_short_run_is_not_judged():
    gate = outcome(record(noisy(1, 50)))
    assert gate.early
    assert not gate.open


def test_a_run_under_way_needs_more_steps_than_one_that_has_ended():
    assert outcome(record(noisy(1, 150), finished=False)).early
    assert outcome(record(noisy(1, 150))).open
    assert outcome(record(noisy(1, 250), finished=False)).open


def test_a_slow_start_under_way_is_left_alone():
    values = noisy(1, 150) + [v + n for v, n in zip(ramp(1, 0.93, 100), noisy(0, 100, noise=0.005))]
    assert not outcome(record(values, finished=False)).open


def test_a_plateau_that_ends_is_healthy():
    assert not outcome(record(noisy(1, 200) + ramp(1, 0.1, 60))).open
    assert outcome(record(noisy(1, 200), finished=False)).open  # so far nobody can tell


def test_a_small_but_sure_fall_is_learning():
    values = [v + n for v, n in zip(ramp(0.70, 0.67, 300), noisy(0, 300, noise=0.01))]
    assert not outcome(record(values)).open


def test_exactly_one_loss_is_constant():
    assert outcome(record([0.4] * 30)).kind == "constant"
    assert not outcome(record([0.4] * 10)).open


def test_a_loss_that_is_not_finite_opens_unless_it_passes():
    assert outcome(record([*ramp(1, 0.5, 100), math.nan])).kind == "not-finite"
    assert outcome(record(ramp(1, 0.5, 50) + [math.inf] * 3 + ramp(0.5, 0.1, 50))).kind == "not-finite"
    assert not outcome(record([*ramp(1, 0.5, 50), math.inf, *ramp(0.5, 0.1, 50)])).open


def test_losses_below_zero_may_stay_or_fall():
    assert not outcome(record(ramp(1, -2, 200))).open
    assert not outcome(record(noisy(-3, 200))).open
    assert not outcome(record(noisy(0, 200, noise=1))).open  # as of a policy gradient


def test_a_loss_that_rises_for_good_is_diverging():
    assert outcome(record(ramp(1, 0.5, 100) + ramp(0.5, 8, 100))).kind == "diverging"
    assert not outcome(
        record(ramp(1, 0.2, 100) + ramp(0.2, 0.6, 20) + ramp(0.6, 0.1, 100))
    ).open  # a warm restart
    assert not outcome(record(ramp(1, 0.2, 100) + ramp(0.2, 0.9, 40))).open  # a restart at its peak


def test_several_losses_with_optimizers_of_their_own_need_not_fall():
    passes = [Pass(i, v, i % 2, i % 2) for i, v in enumerate(noisy(0.7, 400))]
    gate = outcome(Record(passes=passes, steps=400, finished=True))
    assert gate.several
    assert not gate.open
    passes[-1] = passes[-1]._replace(value=math.nan)
    assert outcome(Record(passes=passes, steps=400, finished=True)).kind == "not-finite"


def test_one_loss_for_two_optimizers_is_one_loss():
    passes = [Pass(2 * i, v, 0, 0) for i, v in enumerate(noisy(0.7, 200))]
    assert outcome(Record(passes=passes, steps=400, finished=True)).kind == "not-learning"


def test_the_last_of_two_stages_is_judged():
    first = [Pass(i, v, 0, 0) for i, v in enumerate(ramp(2, 0.1, 200))]
    bad = [Pass(200 + i, v, 0, 1) for i, v in enumerate(noisy(2, 200))]
    good = [Pass(200 + i, v, 0, 1) for i, v in enumerate(ramp(2, 0.1, 200))]
    assert outcome(Record(passes=first + bad, steps=400, finished=True)).kind == "not-learning"
    assert not outcome(Record(passes=first + good, steps=400, finished=True)).open


def test_backward_passes_of_one_step_are_one_loss():
    passes = [Pass(i // 4, v, 0, 0) for i, v in enumerate(noisy(1, 200))]
    assert outcome(Record(passes=passes, steps=50, finished=True)).early
    assert len(outcome(Record(passes=passes, steps=50, finished=True)).strand.values) == 50


def test_without_an_optimizer_each_pass_is_a_step():
    passes = [Pass(0, v) for v in noisy(1, 200)]
    assert outcome(Record(passes=passes, steps=0, finished=True)).kind == "not-learning"


@pytest.mark.parametrize(("end", "kind"), [(1.2, "overfitting"), (0.5, "")])
def test_a_validation_loss_that_rises_is_overfitting_and_opens_nothing(end, kind):
    evaluations = [
        Evaluation(10 * (i + 1), 1, False, {}, loss, math.nan, False)
        for i, loss in enumerate(ramp(1, 0.5, 10) + ramp(0.5, end, 10))
    ]
    gate = outcome(record(ramp(2, 0.01, 200), evaluations=evaluations))
    assert gate.kind == kind
    assert not gate.open


def test_validation_losses_may_be_told():
    metrics = {"val_loss": list(enumerate(ramp(1, 0.5, 10) + ramp(0.5, 1.2, 10), start=1))}
    assert outcome(record(ramp(2, 0.01, 200), metrics=metrics)).kind == "overfitting"


def test_validation_of_an_earlier_stage_does_not_count():
    passes = [Pass(i, v, 0, 0) for i, v in enumerate(ramp(2, 0.01, 200))]
    passes += [Pass(200 + i, v, 0, 1) for i, v in enumerate(ramp(2, 0.1, 200))]
    evaluations = [Evaluation(s, 1, False, {}, 0.1, math.nan, False) for s in (50, 100, 150)]
    evaluations += [Evaluation(s, 1, False, {}, 0.9, math.nan, False) for s in (250, 300, 350, 400)]
    assert outcome(Record(passes=passes, evaluations=evaluations, steps=400, finished=True)).kind == ""


# ------------------------------------------------------------------ by loops


def loop_of(name):
    """Healthy loops that tempt a gate, and beside each the same with nothing to learn."""
    batch = blobs()
    if name == "classes":
        model = net(6, 4)
        return fit(model, adam(model), batch, F.cross_entropy), fit(
            net(6, 4), adam(net(6, 4)), batch, F.cross_entropy
        )
    if name == "sum":
        model, still = net(6, 4), net(6, 4)
        loss = nn.CrossEntropyLoss(reduction="sum")
        return fit(model, adam(model), batch, loss), fit(still, adam(net(6, 4)), batch, loss)
    if name == "smoothed and weighted":
        model, still = net(6, 4), net(6, 4)
        loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 1.0, 20.0]), label_smoothing=0.2)
        return fit(model, adam(model), batch, loss), fit(still, adam(net(6, 4)), batch, loss)
    if name == "with a penalty":
        model, still = net(6, 4), net(6, 4)

        def loss(out, y):
            return F.cross_entropy(out, y) + 3 + 0.01 * out.square().mean()

        return fit(model, adam(model), batch, loss), fit(still, adam(net(6, 4)), batch, loss)
    if name == "focal":
        model, still = net(6, 4), net(6, 4)

        def loss(out, y):
            ce = F.cross_entropy(out, y, reduction="none")
            return ((1 - torch.exp(-ce)) ** 2 * ce).mean()

        return fit(model, adam(model), batch, loss), fit(still, adam(net(6, 4)), batch, loss)
    if name == "ceiling of 60 %":
        hard = blobs(size=64, classes=2, clean=0.2)
        model, still = net(6, 2), net(6, 2)
        return fit(model, adam(model), hard, F.cross_entropy), fit(
            still, adam(net(6, 2)), hard, F.cross_entropy
        )
    if name == "one example a step":
        single = blobs(size=1)
        model, still = net(6, 4), net(6, 4)
        return fit(model, adam(model), single, F.cross_entropy), fit(
            still, adam(net(6, 4)), single, F.cross_entropy
        )
    if name == "rare class":

        def rare():
            y = (torch.rand(64) < 0.05).float()
            return torch.randn(64, 6) + 2 * y[:, None], y[:, None]

        model, still = net(6, 1), net(6, 1)
        nn.init.zeros_(still[2].weight)  # what was never trained may be right by chance
        loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([19.0]))
        return fit(model, adam(model), rare, loss), fit(still, adam(net(6, 1)), rare, loss)
    if name == "noisy numbers":

        def numbers():
            x = torch.randn(64, 6)
            return x, x[:, :1] + 3 * torch.randn(64, 1)  # a tenth of the variance can be explained

        model, still = net(6, 1), net(6, 1)
        return fit(model, adam(model), numbers, F.mse_loss), fit(still, adam(net(6, 1)), numbers, F.mse_loss)
    if name == "huber by the sum":

        def numbers():
            x = torch.randn(32, 6)
            return x, 5 * x[:, :1]

        model, still = net(6, 1), net(6, 1)
        loss = nn.HuberLoss(reduction="sum")
        return fit(model, adam(model, 1e-2), numbers, loss), fit(still, adam(net(6, 1)), numbers, loss)
    if name == "language":
        text = torch.tensor([ord(c) % 32 for c in "the quick brown fox jumps over the lazy dog " * 20])

        def words():
            at = torch.randint(len(text) - 9, (16,))
            rows = torch.stack([text[i : i + 9] for i in at])
            return rows[:, :-1], rows[:, 1:].reshape(-1)

        def model_of():
            return nn.Sequential(nn.Embedding(32, 16), nn.Linear(16, 32), nn.Flatten(0, 1))

        model, still = model_of(), model_of()
        return fit(model, adam(model, 1e-2), words, F.cross_entropy), fit(
            still, adam(model_of()), words, F.cross_entropy
        )
    if name == "contrast":

        def views():
            x = torch.randn(16, 6)
            return torch.cat([x, x + 0.05 * torch.randn(16, 6)]), torch.arange(16)

        def loss(out, y):
            a, b = F.normalize(out, dim=1).chunk(2)
            return F.cross_entropy(a @ b.T / 0.2, y)

        model, still = net(6, 8), nn.Sequential(nn.Linear(6, 8))
        with torch.no_grad():
            still[0].weight.zero_()
        return fit(model, adam(model), views, loss), fit(still, adam(net(6, 8)), views, loss)
    if name == "triplets":

        def three():
            a, b = torch.randn(32, 6), torch.randn(32, 6)
            return torch.cat([a, a + 0.5 * torch.randn(32, 6), b]), None

        def loss(out, _):
            anchor, same, other = F.normalize(out, dim=1).chunk(3)
            return F.relu((anchor - same).pow(2).sum(1) - (anchor - other).pow(2).sum(1) + 0.4).mean()

        model, still = net(6, 8), nn.Sequential(nn.Linear(6, 8))
        with torch.no_grad():
            still[0].weight.zero_()
        return fit(model, adam(model), three, loss), fit(still, adam(net(6, 8)), three, loss)
    raise ValueError(name)


LOOPS = [
    "classes", "sum", "smoothed and weighted", "with a penalty", "focal", "ceiling of 60 %", "one example a step",
    "rare class", "noisy numbers", "huber by the sum", "language", "contrast", "triplets",
]  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_learns_is_left_alone_and_its_twin_that_does_not_is_not(name):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        learns, stays = loop_of(name)
    gate = outcome(recorded(learns))
    assert not gate.open, gate.why
    assert not gate.early
    gate = outcome(recorded(stays))
    assert gate.open
    assert gate.kind in {"not-learning", "constant"}


def test_fine_tuning_that_begins_well_is_left_alone():
    batch = blobs(size=64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = net(6, 4)
        fit(model, adam(model, 1e-2), batch, F.cross_entropy)()
    gate = outcome(recorded(fit(model, torch.optim.SGD(model.parameters(), lr=1e-4), batch, F.cross_entropy)))
    assert not gate.open
    assert gate.left < 0.2


def test_an_accumulated_loss_is_judged_by_its_sum():
    def loop():
        batch, model = blobs(size=8), net(6, 4)
        optimizer = adam(model)
        for i in range(400):
            x, y = batch()
            (F.cross_entropy(model(x), y) / 4 if learns else F.cross_entropy(model(0 * x), y) / 4).backward()
            if i % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()

    learns = True
    assert not outcome(recorded(loop)).open
    learns = False
    assert outcome(recorded(loop)).kind == "not-learning"


def test_a_gradient_scaler_changes_nothing():
    def loop():
        batch, model = blobs(), net(6, 4)
        optimizer, scaler = adam(model), torch.amp.GradScaler("cpu", growth_interval=20)
        for _ in range(200):
            x, y = batch()
            optimizer.zero_grad()
            scaler.scale(F.cross_entropy(model(x), y)).backward()
            scaler.step(optimizer)
            scaler.update()

    gate = outcome(recorded(loop))
    assert not gate.open, gate.why
    assert max(gate.strand.values) < 10


def test_a_gan_is_left_alone():
    def loop():
        make, judge = net(4, 2), net(2, 1)
        of_make, of_judge = adam(make), adam(judge)
        ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
        loss = F.binary_cross_entropy_with_logits
        for _ in range(150):
            real, fake = torch.randn(32, 2) + 2, make(torch.randn(32, 4)).detach()
            of_judge.zero_grad()
            loss(judge(torch.cat([real, fake])), torch.cat([ones, zeros])).backward()
            of_judge.step()
            of_make.zero_grad()
            loss(judge(make(torch.randn(32, 4))), ones).backward()
            of_make.step()

    gate = outcome(recorded(loop))
    assert gate.several
    assert not gate.open


def test_a_variational_autoencoder_is_left_alone():
    data = (torch.rand(256, 12, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    data[:, 6:] = data[:, :6]

    def loop():
        code, decode = nn.Linear(12, 8), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 12))
        model = nn.ModuleList([code, decode])
        optimizer = adam(model, 1e-2)
        for _ in range(300):
            x = data[torch.randint(256, (32,))]
            mean, log_var = code(x).chunk(2, dim=1)
            out = torch.sigmoid(decode(mean + torch.randn_like(mean) * (log_var / 2).exp()))
            kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum()
            loss = (F.binary_cross_entropy(out, x, reduction="sum") + kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    gate = outcome(recorded(loop))
    assert not gate.open, gate.why


def test_a_policy_gradient_is_left_alone():
    def loop():
        policy = net(4, 3)
        optimizer = adam(policy)
        for _ in range(200):
            state = torch.randn(32, 4)
            play = torch.distributions.Categorical(logits=policy(state))
            action = play.sample()
            gain = (action == state[:, :3].argmax(1)).float()
            optimizer.zero_grad()
            (-play.log_prob(action) * (gain - gain.mean())).mean().backward()
            optimizer.step()

    assert not outcome(recorded(loop)).open


def test_targets_that_grow_with_the_learner_are_no_divergence():
    def loop():
        model = net(4, 1)
        optimizer = adam(model, 1e-2)
        for i in range(300):
            x = torch.randn(32, 4)
            y = (1 + i / 10) * x[:, :1] + 0.3 * (1 + i / 10) * torch.randn(
                32, 1
            )  # as returns of a better policy
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()

    assert outcome(recorded(loop)).kind == ""


def test_the_guess_of_classes_is_their_entropy():
    batch = blobs(classes=4)
    model = net(6, 4)
    own = guess(recorded(fit(model, adam(model), batch, F.cross_entropy, steps=100)))
    torch.testing.assert_close(own, math.log(4), atol=0.01, rtol=0)


def test_a_loss_far_above_a_guess_is_bad_while_it_falls():
    def loop():
        batch, model = blobs(), net(6, 4)
        with torch.no_grad():
            model[2].weight *= 100
        fit(model, torch.optim.SGD(model.parameters(), lr=1e-7), batch, F.cross_entropy)()

    gate = outcome(recorded(loop, finished=False))
    assert gate.kind == "not-learning"
    assert gate.left > 1.5
