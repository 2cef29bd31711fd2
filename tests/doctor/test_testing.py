"""Each assertion passes on healthy networks, fails on the fault it is for, and leaves the model as it was."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum.doctor.testing import (
    assert_causal,
    assert_deterministic_eval,
    assert_gradients_reach,
    assert_no_batch_mixing,
    assert_overfits_one_batch,
    assert_trainable,
)

DRAW = torch.Generator().manual_seed(0)
X, Y = torch.randn(32, 6, generator=DRAW), torch.arange(32) % 3
TOKENS = torch.randint(7, (4, 9), generator=DRAW)


def net(*more):
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3), *more)


class Language(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 16), nn.Linear(16, 7)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.causal = causal

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        return self.out(self.block(self.embed(x), src_mask=mask))


class Always(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


class Mixes(nn.Linear):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(x).detach().relu())


def state(model):
    return (
        {name: (t.clone(), t.requires_grad, t.grad) for name, t in model.named_parameters()},
        [part.training for part in model.modules()],
        torch.get_rng_state(),
    )


def unchanged(model, act):
    before = state(model)
    try:
        act(model)
    finally:
        after = state(model)
        torch.testing.assert_close(
            {k: v[0] for k, v in after[0].items()}, {k: v[0] for k, v in before[0].items()}, rtol=0, atol=0
        )
        assert [v[1:] for v in after[0].values()] == [v[1:] for v in before[0].values()]
        assert after[1] == before[1]
        assert torch.equal(after[2], before[2])


def build(*more, loss_fn=None):
    model = net(*more)
    return model, torch.optim.Adam(model.parameters(), 1e-2), loss_fn or nn.CrossEntropyLoss(), [(X, Y)]


def test_trainable():
    assert_trainable(build())
    assert_trainable(build)
    built = build(nn.Softmax(1))
    with pytest.raises(AssertionError, match=r"redundant-softmax.*raw scores"):
        unchanged(built[0], lambda _: assert_trainable(built))
    assert not built[1].state
    with pytest.raises(TypeError, match="batches must be"):
        assert_trainable((*build()[:3], iter([(X, Y)])))


def test_trainable_with_a_loss_inside_the_model():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x, labels):
            return {"loss": F.cross_entropy(self.net(x), labels)}

    model = Own()
    assert_trainable((model, torch.optim.SGD(model.parameters(), 0.1), None, [{"x": X, "labels": Y}]))


def test_overfits_one_batch():
    unchanged(net(), lambda m: assert_overfits_one_batch(m, nn.CrossEntropyLoss(), X, Y, num_classes=3))
    with pytest.raises(AssertionError, match="overfit-small"):
        assert_overfits_one_batch(Cut().body, lambda out, y: (out * 0).sum() + 1, X, Y, num_classes=8)


def test_no_batch_mixing():
    unchanged(net(nn.BatchNorm1d(3)), lambda m: assert_no_batch_mixing(m, X))
    with pytest.raises(AssertionError, match="batch"):
        assert_no_batch_mixing(Mixes(6, 3), X)
    with pytest.raises(ValueError, match="takes two examples"):
        assert_no_batch_mixing(net(), X[:1])


def test_deterministic_eval():
    unchanged(net(), lambda m: assert_deterministic_eval(m, X))
    with pytest.raises(AssertionError, match=r"dropout-active-in-eval.*training=self\.training"):
        unchanged(net(Always()), lambda m: assert_deterministic_eval(m, X))


def test_gradients_reach():
    unchanged(net(), lambda m: assert_gradients_reach(m, nn.CrossEntropyLoss(), (X, Y)))
    with pytest.raises(AssertionError, match=r"detached-part.* 2 of 4 .*body\.weight, body\.bias"):
        unchanged(Cut(), lambda m: assert_gradients_reach(m, nn.CrossEntropyLoss(), (X, Y)))
    cut = Cut()
    assert_gradients_reach(cut, nn.CrossEntropyLoss(), (X, Y), except_for={"body.weight", "body.bias"})
    with pytest.raises(AssertionError, match="No parameter is trainable"):
        assert_gradients_reach(cut.requires_grad_(False), nn.CrossEntropyLoss(), (X, Y))
    with pytest.raises(AssertionError, match="exactly zero"):
        assert_gradients_reach(net(), lambda out, y: out.round().sum(), (X, Y))
    with pytest.raises(AssertionError, match="not finite"):
        assert_gradients_reach(net(), lambda out, y: (out * 0).sqrt().sum(), (X, Y))


def test_causal():
    unchanged(Language(causal=True), lambda m: assert_causal(m, TOKENS))
    with pytest.raises(AssertionError, match=r"missing-causal-mask: The output at position 0 changes"):
        unchanged(Language(causal=False), lambda m: assert_causal(m, TOKENS))
    assert_causal(nn.GRU(6, 4, batch_first=True), torch.randn(3, 5, 6, generator=DRAW))
    with pytest.raises(AssertionError, match="missing-causal-mask"):
        assert_causal(
            nn.GRU(6, 4, batch_first=True, bidirectional=True), torch.randn(3, 5, 6, generator=DRAW)
        )
    with pytest.raises(ValueError, match="takes two positions"):
        assert_causal(Language(causal=True), TOKENS[:, :1])
    with pytest.raises(ValueError, match="must have 9 positions"):
        assert_causal(nn.Sequential(nn.Embedding(7, 4), nn.Flatten()), TOKENS)
