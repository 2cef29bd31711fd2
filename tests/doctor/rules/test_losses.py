"""Losses and what they are given: the rules that read it, on many ways to write it."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor import watch

sys.path.insert(0, str(Path(__file__).parent))
from graph_loops import alarms, report

N, K = 24, 4
X, Y = torch.randn(N, 6, generator=torch.Generator().manual_seed(0)), torch.arange(N) % K
BIT = (torch.arange(N) % 2).float()
HOT = F.one_hot(Y, K).float()
REAL = X @ torch.tensor([1.0, -2.0, 0.5, 1.0, 0.0, 0.0])
ROWS = torch.arange(N)


@pytest.fixture
def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, K))


@pytest.fixture
def one():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))


def by_hand(z):
    return z.exp() / z.exp().sum(1, keepdim=True)


FAULTY = {
    "redundant-softmax": [
        lambda z: F.cross_entropy(z.softmax(1), Y),
        lambda z: F.cross_entropy(z.softmax(-1).clamp(1e-7, 1), Y),
        lambda z: F.cross_entropy(z.softmax(1) + 1e-8, HOT),
        lambda z: F.cross_entropy(by_hand(z), Y),
        lambda z: -z.softmax(1).log_softmax(1)[ROWS, Y].mean(),
        lambda z: -(HOT * z.softmax(1).log_softmax(1)).sum(1).mean(),
        lambda z: F.kl_div(z.softmax(1).log_softmax(1), HOT, reduction="batchmean"),
        lambda z: (z.softmax(1).logsumexp(1) - z.softmax(1)[ROWS, Y]).mean(),
        lambda z: F.cross_entropy(z.softmax(1).view(N // 2, 2, K).transpose(1, 2), Y.view(N // 2, 2)),
        lambda z: F.binary_cross_entropy_with_logits(z.softmax(1), HOT),
        lambda z: F.cross_entropy(z.softmax(1), Y, label_smoothing=0.1),
    ],
    "redundant-sigmoid": [
        lambda z: F.binary_cross_entropy_with_logits(z.sigmoid(), HOT),
        lambda z: F.binary_cross_entropy_with_logits(
            z.sigmoid().clamp(1e-6, 1 - 1e-6), HOT, pos_weight=torch.ones(K)
        ),
        lambda z: F.binary_cross_entropy_with_logits(1 / (1 + torch.exp(-z)), HOT),
        lambda z: F.binary_cross_entropy(z.sigmoid().sigmoid(), HOT),
        lambda z: -(HOT * F.logsigmoid(z.sigmoid()) + (1 - HOT) * F.logsigmoid(-z)).mean(),
    ],
    "missing-log-softmax": [
        lambda z: F.nll_loss(z, Y),
        lambda z: F.nll_loss(z.softmax(1), Y),
        lambda z: F.nll_loss(z.relu(), Y),
        lambda z: nn.NLLLoss(reduction="sum")(z.view(N // 2, 2, K).transpose(1, 2), Y.view(N // 2, 2)),
        lambda z: -z[ROWS, Y].mean(),
        lambda z: -z.gather(1, Y[:, None]).squeeze(1).mean(),
    ],
    "missing-output-activation": [
        lambda z: F.binary_cross_entropy(z.clamp(0.01, 0.99), HOT),
        lambda z: -(HOT * z.clamp(1e-6, 1 - 1e-6).log()).sum(1).mean(),
        lambda z: F.nll_loss(z.clamp_min(1e-6).log(), Y),
    ],
    "wrong-softmax-dim": [
        lambda z: F.nll_loss(z.log_softmax(0), Y),
        lambda z: -(HOT * z.log_softmax(0)).sum(1).mean(),
        lambda z: -z.log_softmax(0).gather(1, Y[:, None]).mean(),
        lambda z: F.nll_loss((z.softmax(0) + 1e-9).log(), Y),
        lambda z: F.mse_loss(z.softmax(0), HOT),
        lambda z: F.binary_cross_entropy(z.softmax(0), HOT),
        lambda z: F.nll_loss(z.view(N // 2, 2, K).log_softmax(1).view(N, K), Y),
    ],
    "output-range": [
        lambda z: F.mse_loss(z.sigmoid(), X[:, :K]),
        lambda z: ((z.tanh() - 3 * X[:, :K]) ** 2).mean(),
        lambda z: F.smooth_l1_loss(z.relu(), X[:, :K]),
        lambda z: F.l1_loss(F.softplus(z), X[:, :K] - 1),
        lambda z: F.cross_entropy(z.relu(), Y),
        lambda z: F.cross_entropy(z.sigmoid(), Y),
        lambda z: F.cross_entropy(z.tanh(), Y),
        lambda z: F.binary_cross_entropy_with_logits(z.relu(), HOT),
        lambda z: F.binary_cross_entropy_with_logits(z.tanh(), HOT),
        lambda z: F.mse_loss(z.clamp(0, 1), X[:, :K]),
    ],
    "flipped-loss-sign": [
        lambda z: -F.cross_entropy(z, Y),
        lambda z: -1.0 * F.mse_loss(z, HOT),
        lambda z: z.log_softmax(1)[ROWS, Y].mean(),
        lambda z: (HOT * z.log_softmax(1)).sum(1).mean(),
        lambda z: (HOT * z.sigmoid().log() + (1 - HOT) * (1 - z.sigmoid()).log()).mean(),
        lambda z: 1 - F.cross_entropy(z, Y),
        lambda z: -(F.binary_cross_entropy_with_logits(z, HOT) / 2),
    ],
}

SOUND = [
    lambda z: F.cross_entropy(z, Y),
    lambda z: F.cross_entropy(z, Y, label_smoothing=0.1, weight=torch.ones(K)),
    lambda z: F.cross_entropy(z / 0.07, HOT),
    lambda z: F.cross_entropy(10 * z.tanh(), Y),
    lambda z: F.cross_entropy(z.log_softmax(1), Y),
    lambda z: F.nll_loss(z.softmax(1).log(), Y),
    lambda z: F.nll_loss((z.softmax(1) + 1e-8).log(), Y),
    lambda z: F.nll_loss((1 - z.softmax(1)) ** 2 * z.log_softmax(1), Y),
    lambda z: (z.logsumexp(1) - z[ROWS, Y]).mean(),
    lambda z: -z.log_softmax(1)[ROWS, Y].mean(),
    lambda z: -(z.log_softmax(1).gather(1, Y[:, None]).squeeze(1) * X[:, 0]).mean(),
    lambda z: F.cross_entropy(z, Y) + 0.01 * (z.softmax(1) * z.log_softmax(1)).sum(1).mean(),
    lambda z: F.binary_cross_entropy(z.sigmoid(), HOT),
    lambda z: F.binary_cross_entropy(z.softmax(1), HOT),
    lambda z: -(HOT * z.sigmoid().clamp(1e-7, 1).log() + (1 - HOT) * (1 - z.sigmoid()).log()).mean(),
    lambda z: F.binary_cross_entropy_with_logits(z * z.sigmoid(), HOT),
    lambda z: F.binary_cross_entropy_with_logits(F.gelu(z), HOT),
    lambda z: F.mse_loss(z.sigmoid(), HOT),
    lambda z: F.mse_loss(z.relu(), X[:, :K].abs()),
    lambda z: F.mse_loss(z.tanh(), X[:, :K].tanh()),
    lambda z: F.mse_loss(2 * z.sigmoid() - 1, X[:, :K].tanh()),
    lambda z: F.mse_loss(z.softmax(1), HOT),
    lambda z: F.poisson_nll_loss(z, HOT),
    lambda z: F.mse_loss(z.clamp_min(1e-6).log1p(), HOT.log1p()),
    lambda z: F.multi_margin_loss(z, Y),
    lambda z: F.cross_entropy(F.normalize(z, dim=1) @ F.normalize(z + 0.1, dim=1).T / 0.1, ROWS),
    lambda z: F.cross_entropy((z @ z.T).T, ROWS) + F.nll_loss((z @ z.T).log_softmax(0).T, ROWS),
    lambda z: F.kl_div(z.log_softmax(1), X[:, :K].softmax(1), reduction="batchmean"),
    lambda z: F.cross_entropy(z, Y) - 0.1 * F.cross_entropy(z.flip(1), Y),
    lambda z: -F.cosine_similarity(z, HOT).mean(),
]


@pytest.mark.parametrize(
    ("rule", "loss"),
    [(rule, loss) for rule, losses in FAULTY.items() for loss in losses],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_the_fault_is_told_first(net, rule, loss):
    findings = report(net, lambda step: loss(net(X))).findings
    assert [finding.rule for finding in findings[:1]] == [rule], findings
    assert len([f for f in findings if f.severity in {"warning", "error"}]) == 1, findings


@pytest.mark.parametrize("loss", SOUND)
def test_a_sound_loss_is_silent(net, loss):
    assert alarms(net, lambda step: loss(net(X))) == []


class Attention(nn.Module):
    def __init__(self, dim, after=lambda a: a):
        super().__init__()
        self.qkv, self.out, self.dim, self.after = nn.Linear(2, 24), nn.Linear(24, K), dim, after

    def forward(self, x):
        q, k, v = self.qkv(x.view(-1, 3, 2)).chunk(3, -1)
        return self.out((self.after((q @ k.transpose(1, 2) / 3).softmax(self.dim)) @ v).flatten(1))


@pytest.mark.parametrize(
    ("dim", "after", "level"),
    [
        (1, lambda a: a, "warning"),
        (1, lambda a: F.dropout(a, 0.5, False) * torch.ones(3), "warning"),
        (-1, lambda a: a, None),
        (1, lambda a: a / a.sum(-1, keepdim=True), None),
        (1, lambda a: a.transpose(1, 2), None),
    ],
)
def test_attention_that_normalizes_its_queries(dim, after, level):
    torch.manual_seed(0)
    model = Attention(dim, after)
    found = {f.rule: f.severity for f in report(model, lambda step: F.cross_entropy(model(X), Y)).findings}
    assert found == ({"wrong-softmax-dim": level} if level else {})


def test_what_is_turned_on_purpose_is_not_told(net):
    attacked = X.clone().requires_grad_()
    assert alarms(net, lambda step: -F.cross_entropy(net(attacked), Y)) == []
    other = nn.Linear(6, K)
    both = torch.optim.SGD([*net.parameters(), *other.parameters()], lr=0.01)
    with watch([net, other], both) as doctor:
        for _ in range(6):
            (-F.cross_entropy(net(X) + other(X), Y)).backward()
            both.step()
            both.zero_grad()
    assert [f.rule for f in doctor.report().findings] == []


def test_a_compiled_network_is_read_by_its_values(net):
    made = nn.Sequential(net, nn.Softmax(dim=1))
    compiled = torch.compile(made, backend="aot_eager")
    findings = report(compiled, lambda step: F.cross_entropy(compiled(X), Y)).findings
    assert [f.rule for f in findings][:1] == ["redundant-softmax"]
    made = nn.Sequential(net, nn.Sigmoid())
    compiled = torch.compile(made, backend="aot_eager")
    wide, hot = X.repeat(2, 1), HOT.repeat(2, 1)
    findings = report(compiled, lambda step: F.binary_cross_entropy_with_logits(compiled(wide), hot)).findings
    assert [(f.rule, f.severity) for f in findings][:1] == [("redundant-sigmoid", "warning")]
    assert (
        alarms(made, lambda step: F.binary_cross_entropy(compiled(wide), hot)) == []
    )  # hooks within: nothing breaks


def test_a_loss_inside_the_model_is_read_as_well():
    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 16), nn.Linear(16, K)

        def forward(self, x, labels):
            logits = self.head(F.gelu(self.body(x))).softmax(-1)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    model = Inside()
    [finding] = report(model, lambda step: model(x=X, labels=Y)["loss"]).findings
    assert (finding.rule, finding.where) == ("redundant-softmax", "head")


def test_the_crash_of_a_loss_is_translated(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    doctor = watch(net, optimizer)
    with pytest.raises(RuntimeError, match="between 0 and 1"), doctor:
        F.binary_cross_entropy(net(X), HOT).backward()
    [finding] = doctor.report().findings
    assert (finding.rule, finding.severity) == ("missing-output-activation", "error")
    doctor = watch(net, optimizer)
    with pytest.raises(ValueError, match="negative"), doctor:
        F.gaussian_nll_loss(X[:, :K], HOT, net(X) - 100).backward()
    assert "variance" in doctor.report().findings[0].message


def test_single_scores():
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    for loss in (
        lambda z: F.cross_entropy(z, torch.zeros(N).long()),
        lambda z: F.binary_cross_entropy(z.softmax(1), BIT[:, None]),
        lambda z: F.nll_loss(z.log_softmax(1), torch.zeros(N).long()),
    ):
        findings = report(model, lambda step, loss=loss: loss(model(X))).findings
        assert [f.rule for f in findings][:1] == ["single-logit-softmax"]
    assert alarms(model, lambda step: F.binary_cross_entropy_with_logits(model(X), BIT[:, None])) == []
