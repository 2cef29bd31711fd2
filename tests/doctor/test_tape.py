"""A step of any script is recorded once and replayed: on other data, on other weights, with the same loss."""

import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.doctor.recording.record import NotCheckedError
from vademecum.doctor.replaying.replay import Pending, Several
from vademecum.doctor.replaying.tape import Tape

X = torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
X2 = torch.randn(16, 6, generator=torch.Generator().manual_seed(1))
Y = torch.arange(16) % 3
Y2 = (torch.arange(16) + 1) % 3


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def mlp(out=3, *, dropout=0.0):
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, out))


def recorded(model, step, *, optimizer=None, steps=1, **options):
    """The case of a run whose step gives its loss, and the losses of the run."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    with Tape() as tape:
        for _ in range(steps):
            loss = step()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return tape.case(**options), losses


def replays(case, direct):
    """That the case's loss is what the script's own code gives, on the step's data, on other data and on a part."""
    for x, y in [(case.x, case.y), (X2, Y2.to(case.y.dtype) if case.y.shape == Y.shape else case.y.flip(0))]:
        torch.testing.assert_close(case.loss(case.model(x), y), direct(case.model.parts[0], x, y))
    if not case.origin.rows:
        torch.testing.assert_close(
            case.loss(case.model(X2[:6]), case.y[:6]), direct(case.model.parts[0], X2[:6], case.y[:6])
        )


def smoothed(model, x, y):
    return nn.CrossEntropyLoss(label_smoothing=0.1)(model(x), y)


def penalized(model, x, y):
    loss = F.cross_entropy(model(x), y)
    loss += 1e-2 * sum(p.pow(2).sum() for p in model.parameters())
    return loss


def by_hand(model, x, y):
    scores = model(x)
    chosen = scores.log_softmax(1).gather(1, y.unsqueeze(1)).squeeze(1)
    return -(chosen.sum() / len(x))


def one_hot(model, x, y):
    return ((model(x).softmax(1) - F.one_hot(y, 3).float()) ** 2).mean()


def picked(model, x, y):
    return -model(x).log_softmax(-1)[torch.arange(len(x)), y].mean()


def in_place(model, x, y):
    out = model(x)
    out /= 2.0
    out[:, 0] += 1.0
    return F.cross_entropy(out, y)


def changed_whole(model, x, y):
    out = model(x)
    out /= 2.0
    return F.cross_entropy(out, y)


def reshaped(model, x, y):
    rows, columns = model(x).shape
    return F.cross_entropy(model(x).view(rows, columns, 1).expand(rows, columns, 2), y[:, None].expand(-1, 2))


@pytest.mark.parametrize(
    "direct", [smoothed, penalized, by_hand, one_hot, picked, in_place, changed_whole, reshaped]
)
def test_the_loss_is_that_of_the_script(direct):
    model = mlp()
    case, losses = recorded(model, lambda: direct(model, X, Y))
    torch.testing.assert_close(case.x, X)
    torch.testing.assert_close(case.y, Y)
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])
    replays(case, direct)


def test_what_replays_do_reaches_nothing_of_the_run():
    def run(tape):
        torch.manual_seed(1)
        model = nn.Sequential(mlp(4, dropout=0.5), nn.BatchNorm1d(4), nn.Linear(4, 3))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        with tape or torch.enable_grad():
            for _ in range(4):
                loss = F.cross_entropy(model(X), Y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        return losses, model.state_dict()

    tape = Tape()
    assert str(run(tape)) == str(run(None))
    case = tape.case(num_classes=3)
    assert case.model.parts[0][1].num_batches_tracked.item() == 0  # as it was before its first step


def test_it_is_the_first_step_and_its_weights():
    model = mlp()
    before = [p.detach().clone() for p in model.parameters()]
    case, losses = recorded(model, lambda: smoothed(model, X, Y), steps=3)
    for p, q in zip(before, case.model.parameters()):
        torch.testing.assert_close(p, q.detach())
    torch.testing.assert_close(case.loss(case.model(case.x), case.y).item(), losses[0])


def test_a_forward_pass_that_only_looks_and_new_weights_after_it():
    model = mlp()

    def step():
        model(X2)  # somebody prints the shape
        nn.init.constant_(model[3].bias, 2.0)
        return F.cross_entropy(model(X), Y)

    case, losses = recorded(model, step)
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])


def test_the_optimizer_is_the_runs_own_for_any_copy():
    model = mlp()
    groups = [{"params": model[0].parameters(), "lr": 0.01}, {"params": model[3].parameters()}]
    optimizer = torch.optim.AdamW(groups, lr=0.1, weight_decay=0.2)
    case, _ = recorded(model, lambda: smoothed(model, X, Y), optimizer=optimizer, steps=2, rate=0.5)
    made = case.origin.optimizer(case.model)
    assert type(made) is torch.optim.AdamW
    assert not made.state
    assert [(round(g["lr"], 6), g["weight_decay"]) for g in made.param_groups] == [(0.05, 0.2), (0.5, 0.2)]
    assert {id(p) for g in made.param_groups for p in g["params"]} == {id(p) for p in case.model.parameters()}


class WithLoss(nn.Module):
    """The loss is made inside, as in many libraries."""

    def __init__(self, form):
        super().__init__()
        self.net, self.form = mlp(), form

    def forward(self, inputs, mask=None, labels=None):
        scores = self.net(inputs)
        loss = F.cross_entropy(scores, labels)
        if self.form == "dict":
            return {"loss": loss, "logits": scores}
        return Said(loss, scores) if self.form == "dataclass" else (loss, scores)


@dataclass
class Said:
    loss: Tensor
    logits: Tensor


@pytest.mark.parametrize("form", ["dict", "dataclass", "tuple"])
def test_a_loss_made_inside_the_model(form):
    model = WithLoss(form)

    def step():
        said = model(inputs=X, labels=Y, mask=torch.ones(16, 2))
        return (said["loss"] if form == "dict" else said.loss if form == "dataclass" else said[0]) / 2

    case, losses = recorded(model, step)
    output = case.model(X2[:5])
    assert isinstance(output, Pending)
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])
    net = case.model.parts[0].net
    torch.testing.assert_close(case.loss(output, Y2[:5]), F.cross_entropy(net(X2[:5]), Y2[:5]) / 2)


def test_several_outputs_and_an_auxiliary_loss():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = mlp(), mlp(6)

        def forward(self, x):
            return {"class": self.a(x), "again": self.b(x)}

    model = Two()

    def direct(net, x, y):
        said = net(x)
        return F.cross_entropy(said["class"], y) + 0.3 * F.mse_loss(said["again"], said["class"].repeat(1, 2))

    case, _ = recorded(model, lambda: direct(model, X, Y))
    assert isinstance(case.model(X), Several)
    replays(case, direct)


def test_two_parts_are_trained_as_one():
    body, head = nn.Linear(6, 4), nn.Linear(4, 3)
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
    case, losses = recorded(body, lambda: F.cross_entropy(head(body(X).relu()), Y), optimizer=optimizer)
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])
    case.loss(case.model(X2), Y).backward()
    assert all(p.grad is not None for p in case.model.parameters())
    assert len(list(case.model.parameters())) == 4


def test_tied_parts_stay_tied():
    model = nn.ModuleDict({"a": nn.Linear(6, 6, bias=False), "b": nn.Linear(6, 6, bias=False)})
    model["b"].weight = model["a"].weight
    case, _ = recorded(model, lambda: F.mse_loss(model["b"](model["a"](X)), X))
    assert len(list(case.model.parameters())) == 1
    torch.testing.assert_close(case.y, X)


def test_a_parameter_of_no_model_is_trained_too():
    model, scale = mlp(), nn.Parameter(torch.tensor(2.0))
    optimizer = torch.optim.SGD([*model.parameters(), scale], lr=0.1)
    case, losses = recorded(model, lambda: F.cross_entropy(model(X) * scale.exp(), Y), optimizer=optimizer)
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])
    assert len(list(case.model.parameters())) == 5


def test_a_gradient_scaler_is_no_part_of_the_loss():
    model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=1024.0)
    case, _ = recorded(model, lambda: scaler.scale(F.cross_entropy(model(X), Y)))
    torch.testing.assert_close(case.loss(case.model(X), Y), F.cross_entropy(case.model.parts[0](X), Y))


def test_mixed_precision_is_on_again():
    model = mlp()

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.cross_entropy(model(X), Y)

    case, losses = recorded(model, step)
    assert case.model(X).dtype == torch.bfloat16
    torch.testing.assert_close(case.loss(case.model(X), Y).item(), losses[0])


def test_a_sum_and_a_loss_of_pairs_are_known():
    model = mlp()
    case, _ = recorded(model, lambda: F.cross_entropy(model(X), Y, reduction="sum"))
    assert (case.origin.summed, case.origin.rows) == (True, 0)

    def pairs():
        out = F.normalize(model(X))
        same = (Y[:, None] == Y[None]).float()
        return F.binary_cross_entropy_with_logits(out @ out.T, same)

    case, _ = recorded(model, pairs)
    torch.testing.assert_close(case.y, Y)
    assert not case.origin.summed


def test_a_further_input_is_cut_alike():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 3), nn.Linear(2, 3)

        def forward(self, x, side):
            return self.a(x) + self.b(side)

    model, side = Two(), torch.randn(16, 2)
    case, _ = recorded(model, lambda: F.cross_entropy(model(X, side), Y))
    assert case.origin.others
    torch.testing.assert_close(case.model(X2[:4]), case.model.parts[0](X2[:4], side[:4]))


def test_targets_in_a_table_of_all():
    model, all_targets, rows = mlp(1), torch.randn(100), torch.arange(16) + 3
    case, _ = recorded(model, lambda: F.mse_loss(model(X).squeeze(1), all_targets[rows]))
    torch.testing.assert_close(case.y, all_targets[rows])


def test_a_buffer_that_is_filled_again_for_each_batch():
    model, x = mlp(), X.clone()

    def step():
        loss = F.cross_entropy(model(x), Y)
        x.mul_(2)
        return loss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tape = Tape()
        with tape:
            loss = F.cross_entropy(model(x.mul(1)), Y)
            loss.backward()
        step()
    torch.testing.assert_close(tape.case().x, X)


class Hidden(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_what_cannot_be_replayed_says_why():
    model, kept = mlp(), []
    model[0].register_forward_hook(lambda module, args, output: kept.append(output))
    free = nn.Parameter(torch.ones(6))

    def read_off():
        out = model(X)
        return F.cross_entropy(out, Y) * (0.123456789 * out.abs().max().item())

    refused = {
        "no backward pass was seen": None,
        "without a call of a whole model": lambda: (free * X).sum(),
        "out of sight": lambda: F.cross_entropy(model(X), Y) + kept[-1].pow(2).mean(),
        "by an autograd.Function": lambda: Hidden.apply(F.cross_entropy(model(X), Y)),
        "read off the output": read_off,
        "nothing that has a row": lambda: model(X).pow(2).mean(),
        "row for each example": lambda: F.cross_entropy(model(X[:1]), Y[:1]),
        "not finite": lambda: F.cross_entropy(model(X / 0), Y),
    }
    for why, step in refused.items():
        tape = Tape()
        with tape:
            if step is not None:
                step().backward()
        with pytest.raises(NotCheckedError, match=why):
            tape.case()


def test_a_replay_with_the_weights_of_the_run_is_refused():
    model = mlp()
    model.forward = lambda x, own=model: nn.Sequential.forward(
        own, x
    )  # a wrapper that holds the model itself
    tape = Tape()
    with tape:
        F.cross_entropy(model(X), Y).backward()
    with pytest.raises(NotCheckedError, match="weights of the run itself"):
        tape.case()


def test_nothing_is_left_behind():
    own = (nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks)
    before = [len(hooks) for hooks in own]
    model = mlp()
    recorded(model, lambda: smoothed(model, X, Y))
    assert [len(hooks) for hooks in own] == before
