"""How a network is wired: cuts, steps, layers in lists, shapes that broadcast, layers in a row, equal units."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor import watch

sys.path.insert(0, str(Path(__file__).parent))
from graph_loops import alarms, flat, report, told

N, K = 24, 4
X, Y = torch.randn(N, 6, generator=torch.Generator().manual_seed(0)), torch.arange(N) % K
REAL = X @ torch.tensor([1.0, -2.0, 0.5, 1.0, 0.0, 0.0])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def mlp(out=K):
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, out))


class Net(nn.Module):
    """A body and a head, and what is done between them."""

    def __init__(self, between=lambda h: h, *, frozen=False):
        super().__init__()
        self.body, self.head, self.between = (
            nn.Sequential(nn.Linear(6, 16), nn.ReLU()),
            nn.Linear(16, K),
            between,
        )
        self.no_grad = frozen

    def forward(self, x):
        with torch.set_grad_enabled(not self.no_grad):
            h = self.body(x)
        return self.head(self.between(h))


# ---------------------------------------------------------------- broadcast-mismatch

BROADCAST = [
    lambda out: F.mse_loss(out, REAL),
    lambda out: ((out - REAL) ** 2).mean(),
    lambda out: (out.squeeze(1) - REAL[:, None]).pow(2).sum(),
    lambda out: (REAL - out).abs().mean(),
    lambda out: F.l1_loss(out, REAL),
    lambda out: F.huber_loss(out, REAL),
    lambda out: -((REAL > 0) * F.logsigmoid(out) + (REAL <= 0) * F.logsigmoid(-out)).mean(),
    lambda out: F.relu(1 - REAL.sign() * out).mean(),
]

NO_BROADCAST = [
    lambda out: F.mse_loss(out.squeeze(1), REAL),
    lambda out: F.mse_loss(out, REAL[:, None]),
    lambda out: torch.exp(-((out - REAL) ** 2)).mean(),
    lambda out: (out - out.T).abs().mean() + ((out[:, 0] - REAL) ** 2).mean(),
    lambda out: F.relu(1 - (out - out.T) * (REAL[:, None] - REAL[None]).sign()).mean(),
    lambda out: (out.squeeze(1).unsqueeze(1) - REAL).abs().mean(),
    lambda out: (torch.rand(N, N) * out).mean(),
    lambda out: ((out.expand(N, 7) - torch.ones(7)) ** 2).mean(),
    lambda out: ((out - REAL) ** 2).min(1).values.mean(),
]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("loss", BROADCAST)
def test_n_by_n_is_told(loss):
    model = mlp(1)
    findings = report(model, lambda step: loss(model(X))).findings
    assert (findings[0].rule, findings[0].severity) == ("broadcast-mismatch", "error")
    assert findings[0].evidence == {"predictions": N, "compared": N * N}


@pytest.mark.parametrize("loss", NO_BROADCAST)
def test_shapes_that_fit_or_are_meant_are_not_told(loss):
    model = mlp(1)
    assert alarms(model, lambda step: loss(model(X))) == []


# ---------------------------------------------------------------- detached, unused, without a graph

CUTS = {
    "detach": lambda h: h.detach(),
    "data": lambda h: h.data * 1,
    "numpy": lambda h: torch.tensor(h.detach().numpy()),
    "no_grad": torch.no_grad()(lambda h: h + 0),
}


@pytest.mark.parametrize("how", CUTS)
def test_a_cut_off_body_is_told_with_its_place(how):
    model = Net(CUTS[how])
    [finding] = report(model, lambda step: F.cross_entropy(model(X), Y)).findings
    assert (finding.rule, finding.severity, finding.where) == ("detached-part", "error", "body")
    assert "body" in finding.message
    if how in {"detach", "numpy"}:
        assert "head" in finding.message


def test_a_body_without_gradients_is_a_warning():
    model = Net(frozen=True)
    [finding] = report(model, lambda step: F.cross_entropy(model(X), Y)).findings
    assert (finding.rule, finding.severity, finding.where) == ("detached-part", "warning", "body")
    assert "no_grad" in finding.message


def test_what_is_meant_is_no_alarm():
    frozen = Net(frozen=True)
    frozen.body.requires_grad_(False)
    nn.init.normal_(frozen.body[0].weight)  # it comes trained: no weight of it lies as torch draws them
    assert alarms(frozen, lambda step: F.cross_entropy(frozen(X), Y)) == []
    own = Net(frozen=True)
    head = torch.optim.SGD(own.head.parameters(), lr=0.1)
    assert alarms(own, lambda step: F.cross_entropy(own(X), Y), optimizer=head) == []
    unused = Net()
    unused.spare = nn.Linear(16, 64)
    assert told(unused, lambda step: F.cross_entropy(unused(X), Y))["detached-part"] == "note"

    class Aux(Net):
        def __init__(self):
            super().__init__()
            self.aux = nn.Linear(16, 64)

        def forward(self, x):
            h = self.body(x)
            return self.head(h), self.aux(h)

    aux = Aux()
    assert told(aux, lambda step: F.cross_entropy(aux(X)[0], Y))["detached-part"] == "note"

    class Student(Net):
        def __init__(self):
            super().__init__()
            self.target = nn.Sequential(nn.Linear(6, 16), nn.ReLU())

        def forward(self, x):
            with torch.no_grad():
                goal = self.target(x)
            return F.mse_loss(self.body(x), goal) + self.head(self.body(x)).square().mean()

    student = Student()
    assert told(student, lambda step: student(X)).get("detached-part") == "note"


def test_a_generator_whose_output_is_cut_off_is_told():
    made, judge = nn.Linear(6, 6), nn.Linear(6, 1)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (made, judge)]
    for cut, level in ((True, {"detached-part"}), (False, set())):
        with watch([made, judge], optimizers) as doctor:
            for _ in range(6):
                for fake in (made(X).detach(), made(X).detach() if cut else made(X)):
                    loss = F.softplus(judge(fake)).mean() + F.softplus(-judge(X)).mean()
                    for optimizer in optimizers:
                        optimizer.zero_grad()
                    loss.backward()
                    for optimizer in optimizers:
                        optimizer.step()
        assert {f.rule for f in doctor.report().findings if f.severity == "error"} == level


def test_losses_of_two_phases_reach_both_parts():
    model = Net()
    target = torch.randn(N, 16)

    def loss(step):
        return F.mse_loss(model.body(X), target) if step % 2 else F.cross_entropy(model(X.clone()), Y)

    assert alarms(model, loss) == []


def crash(model, loss_of):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    doctor = watch(model, optimizer)

    def loop():
        with doctor:
            loss = loss_of(model(X))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    with pytest.raises(RuntimeError, match="does not require grad"):
        loop()
    return doctor.report().findings


@pytest.mark.parametrize(
    ("loss", "word"),
    [
        (lambda out: torch.tensor(F.cross_entropy(out, Y).item()), "between it and the loss"),
        (lambda out: (out.argmax(1) != Y).float().mean(), "between it and the loss"),
    ],
)
def test_a_loss_without_a_graph_is_told_after_the_crash(loss, word):
    findings = crash(mlp(), loss)
    assert findings[0].rule == "loss-detached"
    assert word in findings[0].message


def test_the_reason_of_a_loss_without_a_graph():
    model = mlp().requires_grad_(False)
    doctor = watch(model)
    with pytest.raises(RuntimeError, match="does not require grad"), doctor:
        F.cross_entropy(model(X), Y).backward()
    assert "frozen" in doctor.report().findings[0].message
    model = mlp()
    doctor, silent = watch(model), torch.no_grad()(model.__call__)
    with pytest.raises(RuntimeError, match="does not require grad"), doctor:
        F.cross_entropy(silent(X), Y).backward()
    assert "no_grad" in doctor.report().findings[0].message
    model = Net(lambda h: h)
    model.head.register_forward_hook(lambda module, args, out: out.detach())
    assert "inside forward" in crash(model, lambda out: F.cross_entropy(out, Y))[0].message


def test_a_loss_that_only_claims_a_gradient_is_told():
    model = mlp()
    found = told(model, lambda step: torch.tensor(F.cross_entropy(model(X), Y).item(), requires_grad=True))
    assert found["loss-detached"] == "error"
    found = told(model, lambda step: 2 * F.cross_entropy(model(X), Y).detach().requires_grad_())
    assert found["loss-detached"] == "error"


def test_other_things_may_learn():
    model = mlp().requires_grad_(False)
    image = X.clone().requires_grad_()
    optimizer = torch.optim.SGD([image], lr=0.1)
    assert alarms(model, lambda step: F.cross_entropy(model(image), Y), optimizer=optimizer) == []
    trained, latent = mlp(), torch.randn(N, K, requires_grad=True)
    optimizer = torch.optim.SGD([latent], lr=0.1)
    assert (
        alarms(trained, lambda step: (latent - trained(X).detach()).square().mean(), optimizer=optimizer)
        == []
    )


# ---------------------------------------------------------------- steps without a gradient


@pytest.mark.parametrize(
    "loss",
    [
        lambda out: F.mse_loss(out.round(), REAL[:, None]),
        lambda out: (out.sign() - REAL[:, None].sign()).abs().mean(),
        lambda out: F.l1_loss(out.floor() + 1, REAL[:, None]),
    ],
)
def test_a_step_before_the_loss_is_told(loss):
    model = mlp(1)
    findings = report(model, lambda step: loss(model(X))).findings
    assert (findings[0].rule, findings[0].severity) == ("nondifferentiable-output", "error")


def test_straight_through_and_remainders_are_not_told():
    model = mlp(1)
    assert (
        alarms(model, lambda s: F.mse_loss((z := model(X)) + (z.round() - z).detach(), REAL[:, None])) == []
    )
    assert alarms(model, lambda s: F.mse_loss((z := model(X)) - z.floor(), REAL[:, None].sigmoid())) == []


def test_a_step_in_the_middle_is_a_warning():
    model = Net(torch.round)
    assert told(model, lambda step: F.cross_entropy(model(X), Y))["nondifferentiable-output"] == "warning"


def test_a_loss_of_the_argmax_is_told_as_such():
    model = mlp()
    loss = nn.MSELoss()
    [finding, *_] = report(
        model, lambda s: loss(model(X).argmax(1).float().requires_grad_(), Y.float())
    ).findings
    assert (finding.rule, finding.severity) == ("nondifferentiable-output", "error")
    assert [f.rule for f in finding.folded] == ["loss-detached"]


# ---------------------------------------------------------------- layers that the module does not know


def hidden(make):
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.held, self.head = nn.Linear(6, 8), make(), nn.Linear(8, K)

        def forward(self, x):
            h = F.relu(self.first(x))
            for layer in self.held.values() if isinstance(self.held, dict) else self.held:
                h = F.relu(layer(h) if isinstance(layer, nn.Module) else h * layer)
            return self.head(h)

    return Hidden()


@pytest.mark.parametrize(
    ("make", "cure"),
    [
        (lambda: [nn.Linear(8, 8)], "nn.ModuleList"),
        (lambda: {"a": nn.Linear(8, 8)}, "nn.ModuleDict"),
        (lambda: torch.ones(2, 8, requires_grad=True), "nn.Parameter"),
    ],
)
def test_layers_in_a_container_are_told(make, cure):
    model = hidden(make)
    findings = report(model, lambda step: F.cross_entropy(model(X), Y)).findings
    assert (findings[0].rule, findings[0].where) == ("unregistered-layers", "held")
    assert cure in findings[0].cure


def test_layers_that_an_optimizer_has_are_not_told():
    model = hidden(lambda: [nn.Linear(8, 8)])
    optimizer = torch.optim.SGD([*model.parameters(), *model.held[0].parameters()], lr=0.1)
    assert alarms(model, lambda step: F.cross_entropy(model(X), Y), optimizer=optimizer) == []
    model = hidden(lambda: nn.ModuleList([nn.Linear(8, 8)]))
    assert alarms(model, lambda step: F.cross_entropy(model(X), Y)) == []


# ---------------------------------------------------------------- layers in a row


@pytest.mark.parametrize(
    ("make", "level"),
    [
        (lambda: nn.Sequential(nn.Linear(6, 16), nn.Linear(16, K)), "warning"),
        (lambda: nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, K)), "warning"),
        (lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, K)), "note"),
        (
            lambda: nn.Sequential(
                nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 8, 3), nn.Conv1d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, K)
            ),
            "warning",
        ),
        (lambda: nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, K)), None),
        (lambda: nn.Sequential(nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, K)), None),
        (lambda: nn.Linear(6, K), None),
        (
            lambda: nn.Sequential(
                nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 2, 2, groups=2), nn.Conv1d(2, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, K)
            ),
            None,
        ),
        (lambda: nn.Sequential(nn.Unflatten(1, (3, 2)), nn.Linear(2, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Flatten(), nn.Linear(24, K)), None),
        (lambda: Recurrent(), None),
    ],
)  # fmt: skip
def test_layers_in_a_row(make, level):
    model = make()
    found = told(model, lambda step: F.cross_entropy(model(X), Y))
    assert found.get("missing-nonlinearity") == level, found
    assert set(found) <= {"missing-nonlinearity"}


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.into, self.gru, self.lstm, self.head = (
            nn.Linear(2, 8),
            nn.GRU(8, 8, batch_first=True),
            nn.LSTM(8, 8, batch_first=True),
            nn.Linear(8, K),
        )

    def forward(self, x):
        return self.head(self.lstm(self.gru(self.into(x.view(-1, 3, 2)).relu())[0])[0][:, -1])


# ---------------------------------------------------------------- units that are alike


def constant(value, *layers, bias=True):
    model = mlp()
    with torch.no_grad():
        for layer in layers:
            model[layer].weight.fill_(value)
            model[layer].bias.mul_(bias)
    return model


@pytest.mark.parametrize("value", [0.1, 0.0])
@pytest.mark.parametrize(("bias", "level"), [(False, "error"), (True, "warning")])
def test_units_that_began_alike_are_told(value, bias, level):
    model = constant(value, 0, 2, bias=bias)
    [finding, *_] = report(model, lambda step: F.cross_entropy(model(X), Y)).findings
    assert (finding.rule, finding.severity, finding.where) == ("symmetric-init", level, "0.weight")


def test_one_layer_of_zeros_is_fine():
    for model in (constant(0.0, 2), constant(0.0, 0)):
        assert alarms(model, lambda step, model=model: F.cross_entropy(model(X), Y), steps=12) == []


def test_matrices_of_no_module_are_seen():
    first, second = torch.zeros(6, 16, requires_grad=True), torch.zeros(16, K, requires_grad=True)
    optimizer = torch.optim.SGD([first, second], lr=0.1)
    found = told(mlp(), lambda s: F.cross_entropy((X @ first).relu() @ second, Y), optimizer=optimizer)
    assert found["symmetric-init"] == "error"


# ---------------------------------------------------------------- class numbers


def test_class_numbers_are_a_question():
    model = mlp(1)
    assert told(model, lambda s: F.mse_loss(model(X).squeeze(1), Y.float()), steps=12) == {
        "mse-on-classes": "note"
    }
    assert told(model, lambda s: F.mse_loss(model(X).squeeze(1), REAL), steps=12) == {}
    model = mlp()
    assert told(model, lambda s: F.mse_loss(model(X), F.one_hot(Y, K).float()), steps=12) == {}


def test_folded_findings_are_told_too():
    assert list(flat(())) == []
