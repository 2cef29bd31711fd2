"""Counterfactual passes: what mixes, looks ahead, ignores, drops and normalizes, and that nothing of it stays."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum._torch.copies import bare_copy
from vademecum.doctor import watch

sys.path.insert(0, str(Path(__file__).parent))
from graph_loops import alarms, report, told

N, K, T = 24, 4, 8
X, Y = torch.randn(N, 6, generator=torch.Generator().manual_seed(0)), torch.arange(N) % K
SEQUENCES = torch.randn(N, T, 6, generator=torch.Generator().manual_seed(1))
TEXT = torch.randint(0, 9, (N, T + 1), generator=torch.Generator().manual_seed(2))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


class With(nn.Module):
    """An embedding of the features, something in the middle, and a head."""

    def __init__(self, middle, width=16):
        super().__init__()
        self.first, self.head = nn.Linear(6, width), nn.Linear(width, K)
        self.middle = middle if isinstance(middle, nn.Module) else None
        self.function = None if isinstance(middle, nn.Module) else middle

    def forward(self, x):
        h = F.relu(self.first(x))
        h = self.middle(h) if self.middle is not None else self.function(h)
        h = h[0] if isinstance(h, tuple) else h
        return self.head(h[:, -1] if h.ndim == 3 else h)


def classify(model, x=X, y=Y):
    return lambda step: F.cross_entropy(model(x), y)


# ---------------------------------------------------------------- batch-mixing

MIXED = [
    (lambda: With(lambda h: h - h.mean(0)), X),
    (lambda: With(lambda h: h / h.norm()), X),
    (lambda: With(lambda h: h.softmax(0)), X),
    (lambda: With(lambda h: h.T.reshape(N, 16)), X),
    (lambda: With(nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)), SEQUENCES),
    (lambda: With(nn.LSTM(16, 16)), SEQUENCES),
    (lambda: With(lambda h: h.transpose(0, 1).reshape(N, T, 16)), SEQUENCES),
]

SEPARATE = [
    (lambda: With(nn.BatchNorm1d(16)), X),
    (lambda: With(lambda h: h - h.mean(1, keepdim=True)), X),
    (lambda: With(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)), SEQUENCES),
    (lambda: With(nn.GRU(16, 16, batch_first=True)), SEQUENCES),
    (lambda: With(nn.Dropout(0.5)), X),
    (lambda: With(lambda h: h + 0.1 * torch.randn_like(h)), X),
]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(("make", "x"), MIXED)
def test_mixed_examples_are_told(make, x):
    model = make()
    findings = report(model, classify(model, x)).findings
    assert (findings[0].rule, findings[0].severity) == ("batch-mixing", "error")


@pytest.mark.parametrize(("make", "x"), SEPARATE)
def test_examples_that_do_not_meet_are_not_told(make, x):
    model = make()
    seen = report(model, classify(model, x))
    assert "batch-mixing" in seen.checked
    assert "batch-mixing" not in [f.rule for f in seen.findings]


def test_as_many_examples_as_features_are_examples_all_the_same():
    square, goal = torch.randn(24, 24), torch.randn(24, 24)
    for middle, found in ((nn.Identity(), set()), (lambda h: h - h.mean(0), {"batch-mixing"})):
        model = With(middle)
        model.first, model.head = nn.Linear(24, 16), nn.Linear(16, 24)
        seen = report(model, lambda step, model=model: F.mse_loss(model(square), goal))
        assert "batch-mixing" in seen.checked
        assert {f.rule for f in seen.findings} == found


def test_rows_that_may_be_places_of_a_sequence_are_not_judged():
    model = nn.Sequential(
        nn.Embedding(9, 8), nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), nn.Linear(8, 9)
    )
    time_first = torch.randint(0, 9, (T, N))
    goal = torch.randint(0, 9, (T, N))
    seen = report(model, lambda step: F.cross_entropy(model(time_first).flatten(0, 1), goal.flatten()))
    assert "batch-mixing" in seen.not_checked
    one = nn.LSTM(6, K)  # the rows of a table are the steps of one sequence
    seen = report(one, lambda step: F.cross_entropy(one(X)[0], Y))
    assert "batch-mixing" in seen.not_checked


def test_a_graph_is_no_batch():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(6, 16), nn.Linear(16, K)

        def forward(self, x):
            return self.second(TABLE @ F.relu(self.first(x)))

    model = Graph()
    seen = report(model, classify(model))
    assert "nodes of a graph" in seen.not_checked["batch-mixing"]


TABLE = (torch.rand(N, N, generator=torch.Generator().manual_seed(3)) < 0.2).float() / 4


# ---------------------------------------------------------------- missing-causal-mask


class Attends(nn.Module):
    def __init__(self, *, causal, where="function"):
        super().__init__()
        self.tok, self.pos, self.qkv = nn.Embedding(9, 16), nn.Embedding(T, 16), nn.Linear(16, 48)
        self.norm, self.out, self.causal = nn.LayerNorm(16), nn.Linear(16, 9), causal

    def forward(self, ids):
        h = self.norm(self.tok(ids) + self.pos(torch.arange(ids.shape[1])))
        q, k, v = (part[:, None] for part in self.qkv(h).chunk(3, -1))
        return self.out(h + F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)[:, 0])


class Reads(nn.Module):
    def __init__(self, both, *, batch_first=True):
        super().__init__()
        self.tok, self.rnn = nn.Embedding(9, 8), nn.GRU(8, 8, batch_first=batch_first, bidirectional=both)
        self.out = nn.Linear(16 if both else 8, 9)

    def forward(self, ids):
        return self.out(self.rnn(self.tok(ids))[0])


def next_token(model, text=TEXT):
    return lambda step: F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(lambda w: Attends(causal=not w), w) for w in (True, False)] + [(Reads, w) for w in (True, False)],
)
def test_a_look_ahead_is_told(make, wrong):
    model = make(wrong)
    assert (told(model, next_token(model)).get("missing-causal-mask") == "error") is wrong
    assert set(alarms(model, next_token(model))) == ({"missing-causal-mask"} if wrong else set())


def test_other_layouts_of_next_tokens():
    model = Reads(True)
    assert "missing-causal-mask" in alarms(
        model, lambda step: F.cross_entropy(model(TEXT[:, :-1]).transpose(1, 2), TEXT[:, 1:])
    )
    inside = Reads(True)
    assert "missing-causal-mask" in alarms(
        inside, lambda step: F.cross_entropy(inside(TEXT)[:, :-1].flatten(0, 1), TEXT[:, 1:].flatten())
    )
    time_first = Reads(True, batch_first=False)
    turned = TEXT.T.contiguous()
    assert "missing-causal-mask" in alarms(
        time_first, lambda step: F.cross_entropy(time_first(turned[:-1]).flatten(0, 1), turned[1:].flatten())
    )
    waves = nn.GRU(6, 3, batch_first=True, bidirectional=True)
    assert "missing-causal-mask" in alarms(
        waves, lambda step: F.mse_loss(waves(SEQUENCES[:, :-1])[0], SEQUENCES[:, 1:])
    )


def test_both_ways_is_right_where_targets_are_not_the_next_token():
    model = Reads(True)
    tags = (TEXT[:, :-1] * 2 + 1) % 9
    assert (
        alarms(model, lambda step: F.cross_entropy(model(TEXT[:, :-1]).flatten(0, 1), tags.flatten())) == []
    )
    masked = torch.where(torch.rand(N, T) < 0.3, torch.zeros(()).long(), TEXT[:, :-1])
    assert (
        alarms(model, lambda step: F.cross_entropy(model(masked).flatten(0, 1), TEXT[:, :-1].flatten())) == []
    )


# ---------------------------------------------------------------- input-ignored


@pytest.mark.parametrize(
    ("function", "where"),
    [(lambda h: h * 0, "head"), (lambda h: torch.ones_like(h) * h.detach().mean() * 0, "head")],
)
def test_an_input_that_is_ignored_is_told(function, where):
    model = With(function)
    found = [f for f in report(model, classify(model)).findings if f.rule == "input-ignored"]
    assert [(f.severity, f.where) for f in found] == [("error", where)]


def test_one_of_two_inputs_is_a_note():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(6, K)

        def forward(self, x, context, mask=None):
            return self.out(x)

    model = Two()
    found = told(
        model,
        lambda step: F.cross_entropy(model(X, torch.arange(2.0 * N).view(N, 2), mask=torch.ones(N, 6)), Y),
    )
    assert found == {"input-ignored": "note"}


def test_a_loss_inside_the_model_and_zero_heads_are_fine():
    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(6, K)
            nn.init.zeros_(self.out.weight)

        def forward(self, x, labels=None):
            return {"loss": F.cross_entropy(self.out(x), labels)}

    model = Inside()
    assert told(model, lambda step: model(X, labels=Y)["loss"]) == {}


# ---------------------------------------------------------------- dropout-active-in-eval


class Late(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = [nn.Dropout(0.4)]

    def forward(self, h):
        return self.parts[0](h)


@pytest.mark.parametrize(
    "middle",
    [
        lambda h: F.dropout(h, 0.5),
        lambda h: F.dropout(h, p=0.5, training=True),
        lambda h: nn.Dropout(0.5)(h),
        lambda h: torch.dropout(h, 0.5, True),
        Late(),
    ],
)
def test_dropout_that_stays_on_is_told(middle):
    model = With(middle)
    findings = report(model, classify(model)).findings
    assert [(f.rule, f.severity) for f in findings] == [("dropout-active-in-eval", "warning")]
    assert findings[0].file == __file__


@pytest.mark.parametrize(
    "middle",
    [
        nn.Dropout(0.5),
        lambda h: F.dropout(h, 0.0),
        lambda h: F.dropout(h, 0.5, False),
        lambda h: h + torch.randn_like(h),
    ],
)
def test_dropout_that_sleeps_and_other_noise_are_not_told(middle):
    model = With(middle)
    assert alarms(model, classify(model)) == []


# ---------------------------------------------------------------- batchnorm-stale-statistics


@pytest.mark.parametrize(("momentum", "level"), [(0.001, "warning"), (0.1, None), (None, None)])
def test_averages_that_never_followed(momentum, level):
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16, momentum=momentum), nn.ReLU(), nn.Linear(16, K)
    )
    found = told(model, lambda step: F.cross_entropy(model(3 * X + 2), Y), steps=120)
    assert found.get("batchnorm-stale-statistics") == level


def test_too_few_updates_are_not_judged():
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16, momentum=0.001), nn.ReLU(), nn.Linear(16, K))
    assert "100 updates" in report(model, classify(model)).not_checked["batchnorm-stale-statistics"]


def test_frozen_statistics_are_meant():
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16, momentum=0.001), nn.ReLU(), nn.Linear(16, K))
    model[1].eval()
    model[1].num_batches_tracked.fill_(500)
    assert told(model, classify(model), steps=12).get("batchnorm-stale-statistics") is None


# ---------------------------------------------------------------- what a probe leaves behind


def test_probes_leave_no_trace():
    calls = []
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.utils.spectral_norm(nn.Linear(16, K))
    )
    model[0].register_forward_hook(lambda *_: calls.append(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        for _ in range(6):
            F.cross_entropy(model(X), Y).backward()
            optimizer.step()
            optimizer.zero_grad()
        state = {name: value.clone() for name, value in model.state_dict().items()}
        stream, seen, modes = torch.get_rng_state(), len(calls), [part.training for part in model.modules()]
        passes = doctor._recorder.record.backwards
        first = doctor.report()
        assert doctor.report().findings == first.findings
    assert "batch-mixing" in first.checked
    assert len(calls) == seen == 6
    assert torch.equal(stream, torch.get_rng_state())
    assert modes == [part.training for part in model.modules()]
    assert doctor._recorder.record.backwards == passes == 6
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)


def test_large_models_and_batches_are_refused_by_name():
    model = With(lambda h: h)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        doctor._recorder.record.copying = 1 << 9
        for step in range(6):
            optimizer.zero_grad()
            classify(model)(step).backward()
            optimizer.step()
    assert "copies are made of up to" in doctor.report().not_checked["batch-mixing"]
    with watch(model, optimizer) as doctor:
        doctor._recorder.memory = 64
        F.cross_entropy(model(X), Y).backward()
    assert "larger than" in doctor.report().not_checked["batch-mixing"]


def test_a_model_that_cannot_be_copied_is_not_checked():
    model = With(lambda h: h)
    model.extra = (value for value in range(3))
    assert "cannot be copied" in report(model, classify(model)).not_checked["batch-mixing"]


def test_a_bare_copy_keeps_the_hooks_of_torch():
    model = nn.utils.spectral_norm(nn.Linear(6, 6))
    model.register_forward_pre_hook(lambda *_: 1 / 0)
    assert len(bare_copy(model)._forward_pre_hooks) == 1
    torch.testing.assert_close(
        torch.linalg.matrix_norm(bare_copy(model).weight, 2), torch.tensor(1.0), rtol=0.5, atol=0
    )


def test_the_pass_is_kept_as_it_was_given():
    class InPlace(nn.Linear):
        def forward(self, x):
            return super().forward(x.mul_(0).add_(1))

    model = InPlace(6, K)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        given = X.clone()
        F.cross_entropy(model(given), Y).backward()
    torch.testing.assert_close(doctor._recorder.record.kept["model"].args[0], X)
