from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from vademecum.losses import MulticlassHingeLoss, cross_entropy, multiclass_hinge

KINDS = ("weston_watkins", "crammer_singer", "one_vs_rest")


def drawn(batch=6, classes=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, classes, generator=generator, dtype=dtype)
    return x, torch.randint(classes, (batch,), generator=generator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 2])
def test_reductions_belong_together(kind, p):
    x, y = drawn()
    each = multiclass_hinge(x, y, kind=kind, p=p, reduction="none")
    assert each.shape == (6,)
    assert_close(multiclass_hinge(x, y, kind=kind, p=p), each.mean())
    assert_close(multiclass_hinge(x, y, kind=kind, p=p, reduction="sum"), each.sum())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 2])
def test_gradients_off_the_kinks(kind, p):
    x, y = drawn()
    torch.autograd.gradcheck(lambda s: multiclass_hinge(s, y, kind=kind, p=p), x.requires_grad_())


def test_a_tie_of_the_worst_shares_the_gradient():
    x = torch.tensor([[0.0, 1.0, 1.0]], requires_grad=True)
    multiclass_hinge(x, torch.tensor([0]), kind="crammer_singer").backward()
    assert_close(x.grad, torch.tensor([[-1.0, 0.5, 0.5]]))


def test_two_classes_are_the_binary_hinge():
    x, y = drawn(classes=2)
    sign = 2.0 * y - 1
    binary = (1 - sign * (x[:, 1] - x[:, 0])).relu().mean()
    assert_close(multiclass_hinge(x, y), binary)
    assert_close(multiclass_hinge(x, y, kind="crammer_singer"), binary)


def test_module_is_the_function_and_copies():
    x, y = drawn()
    loss = MulticlassHingeLoss(margin=0.3, p=2, kind="one_vs_rest", reduction="sum")
    want = multiclass_hinge(x, y, margin=0.3, p=2, kind="one_vs_rest", reduction="sum")
    assert_close(deepcopy(loss)(x, y), want)
    assert repr(loss) == "MulticlassHingeLoss(margin=0.3, p=2, kind='one_vs_rest', reduction='sum')"
    assert not loss.state_dict()


def test_inputs_are_untouched_and_may_be_strided():
    x, y = drawn()
    strided = torch.stack([x, x], -1)[..., 0]
    before = x.clone()
    assert_close(multiclass_hinge(strided, y), multiclass_hinge(x, y))
    assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    x, y = drawn(dtype=torch.float32)
    loss = multiclass_hinge(x.to(dtype), y)
    assert loss.dtype == dtype
    assert_close(loss.float(), multiclass_hinge(x, y), rtol=0.02, atol=0.02)


def test_empty_batch_costs_nothing():
    x, y = torch.zeros(0, 3), torch.zeros(0).long()
    assert_close(multiclass_hinge(x, y, reduction="sum"), torch.tensor(0.0))
    assert multiclass_hinge(x, y, reduction="none").shape == (0,)


def test_under_vmap():
    x, y = drawn()
    each = torch.func.vmap(lambda s, t: multiclass_hinge(s[None], t[None]))(x, y)
    assert_close(each, multiclass_hinge(x, y, reduction="none"))


def test_the_learning_rate_must_shrink_by_the_number_of_classes():
    y = torch.tensor([3, 1])
    zeros = torch.zeros(2, 10, requires_grad=True)
    hinge, softmax = (torch.autograd.grad(f(zeros, y), zeros)[0] for f in (multiclass_hinge, cross_entropy))
    assert_close(hinge, 10 * softmax)


def test_agrees_with_scikit_learn_on_the_digits():
    """Crammer and Singer's machine, trained by their solver and by descent on this loss: the same test errors."""
    from sklearn.svm import LinearSVC

    from vademecum.data.sources import digits

    x, y = digits().x.flatten(1) / 16, digits().y
    theirs = LinearSVC(multi_class="crammer_singer", C=0.1, random_state=0, max_iter=10_000)
    theirs.fit(x[:1297].numpy(), y[:1297].numpy())
    net = torch.nn.Linear(64, 10)
    torch.nn.init.zeros_(net.weight)
    torch.nn.init.zeros_(net.bias)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    for _ in range(600):  # the same objective: |W|^2 / 2 + C * sum of losses, per example
        optimizer.zero_grad()
        loss = multiclass_hinge(net(x[:1297]), y[:1297], kind="crammer_singer")
        penalty = 0.5 * sum(p.square().sum() for p in net.parameters()) / (0.1 * 1297)
        (loss + penalty).backward()
        optimizer.step()
    ours = net(x[1297:]).argmax(1).numpy()
    agreement = torch.tensor(float((ours == theirs.predict(x[1297:].numpy())).mean()))
    assert_close(agreement, torch.tensor(1.0), rtol=0, atol=0.03)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"margin": 0.0}, "margin must be positive: it is 0.0"),
        ({"p": 3}, "p must be 1 or 2: it is 3"),
        ({"kind": "ww"}, "kind must be one of weston_watkins, crammer_singer, one_vs_rest: it is 'ww'"),
        ({"reduction": "batch"}, "reduction must be"),
    ],
)
def test_refuses_settings(keywords, message):
    with pytest.raises(ValueError, match=message):
        multiclass_hinge(torch.zeros(1, 2), torch.tensor([0]), **keywords)
    with pytest.raises(ValueError, match=message):
        MulticlassHingeLoss(**keywords)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (torch.zeros(2, 1), torch.zeros(2).long()),
        (torch.zeros(3), torch.tensor(0)),
        (torch.zeros(2, 3), torch.zeros(3).long()),
    ],
)
def test_refuses_shapes(x, y):
    with pytest.raises(ValueError, match="two classes or more"):
        multiclass_hinge(x, y)


def test_refuses_other_targets():
    with pytest.raises(TypeError, match="target must be int64 classes"):
        multiclass_hinge(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(RuntimeError, match="out of bounds"):
        multiclass_hinge(torch.zeros(1, 3), torch.tensor([3]))
