"""Whatever the recipe names: a run that is stopped between two steps and taken up again ends in the same bits."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from vademecum.lab import Recipe
from vademecum.lab.checkpoint import Checkpoint
from vademecum.lab.loop import Loop
from vademecum.lab.prepare import prepare

PARTS = [
    "augment=noise:0.2",
    "order=stratified",
    "dropout=concrete",
    "dropout=gaussian:0.2",
    "dropout=targeted",
    "dropout=weight:0.3",
    "loss=hinge",
    "loss=large_margin norm=layer",
    "regularize=l1,max_norm:1,orthogonality",
    "regularize=activation,jacobian",
    "regularize=soft_weight_sharing:0.001",
    "optimizer=adagrad",
    "optimizer=averaged_sgd:n=1 patience=0",
    "optimizer=nesterov momentum_schedule=sutskever",
    "optimizer=rmsprop",
    "optimizer=uncorrected_adam",
    "momentum_schedule=demon",
    "clip=adaptive",
    "clip=norm:0.1",
    "accumulate=3",
    "average=ema:0.9",
    "average=swa:0.3",
    "ensemble=snapshots:2 schedule=cosine",
]


def loop_of(recipe: Recipe) -> Loop:
    prepared = prepare(recipe)
    return Loop(
        prepared.model, prepared.objective, prepared.part("train"), prepared.part("val"), recipe=recipe, rate=0.02,
        accelerator=Accelerator(),
    )  # fmt: skip


def run(loop: Loop, steps: int | None = None) -> Loop:
    """Take some steps, or all that are left."""
    while not loop.done:
        for _ in loop.steps():
            if steps is not None and (steps := steps - 1) == 0:
                return loop
        loop.end_epoch()
    return loop


@pytest.mark.parametrize("parts", PARTS)
def test_the_same_bits_after_an_interruption(blobs, tmp_path: Path, parts: str) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=4, batch_size=32).with_settings(parts.split())
    whole = run(loop_of(recipe))
    broken = loop_of(recipe)
    steps = 2 * broken.steps_per_epoch + 2  # in the midst of the third epoch
    path = tmp_path / "last.safetensors"
    path.write_bytes(run(broken, steps).checkpoint().to_bytes())
    again = loop_of(recipe)
    again.resume(Checkpoint.read(path))
    run(again)
    exactly = {"rtol": 0, "atol": 0}
    torch.testing.assert_close(again.model.state_dict(), whole.model.state_dict(), **exactly)
    torch.testing.assert_close(dict(again.best), dict(whole.best), **exactly)
    one, other = again.checkpoint(), whole.checkpoint()
    for name in ("optimizer", "average", "learned", "snapshots"):
        torch.testing.assert_close(dict(getattr(one, name)), dict(getattr(other, name)), **exactly)
    assert [row.val_loss for row in again.history] == [row.val_loss for row in whole.history]


def test_the_averages_are_what_is_kept(blobs) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=4, average="swa:0.4", patience=0, norm="none")
    loop = loop_of(recipe)
    ends = []
    while not loop.done:
        for _ in loop.steps():
            pass
        ends.append({name: t.clone() for name, t in loop.model.state_dict().items()})
        loop.end_epoch()
    mean = {name: (ends[1][name] + ends[2][name] + ends[3][name]) / 3 for name in ends[0] if "net" in name}
    kept = {n.removeprefix("module."): t for n, t in loop.checkpoint().average.items()}
    torch.testing.assert_close({name: kept[name] for name in mean}, mean, rtol=1e-5, atol=1e-7)


def test_accumulation_gives_the_gradient_of_the_whole_batch(blobs) -> None:
    gradients = []
    for parts in (1, 3):
        recipe = Recipe(data=str(blobs), target="kind", norm="layer", dropout=0, accumulate=parts)
        loop = loop_of(recipe)
        loop._take(torch.arange(31))
        gradients.append({n: p.grad.clone() for n, p in loop.model.named_parameters()})
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_max_norm_holds_after_every_step(blobs) -> None:
    loop = loop_of(Recipe(data=str(blobs), target="kind", regularize="max_norm:0.5"))
    for _ in islice(loop.steps(), 3):
        for name, p in loop.model.named_parameters():
            if p.ndim == 2:
                assert float(p.detach().norm(dim=1).max()) <= 0.5 * (1 + 1e-6), name


def test_concrete_dropout_learns_its_probability(blobs) -> None:
    loop = loop_of(Recipe(data=str(blobs), target="kind", dropout="concrete"))
    logits = {n: p for n, p in loop.model.named_parameters() if n.endswith("p_logit")}
    before = {name: p.detach().clone() for name, p in logits.items()}
    run(loop, 20)
    assert logits
    for name, p in logits.items():
        assert float(p.detach()) != float(before[name])


def test_a_closed_loop_leaves_no_hook(blobs) -> None:
    loop = loop_of(Recipe(data=str(blobs), target="kind", augment="noise:0.1", regularize="activation"))
    assert any(part._forward_pre_hooks for part in loop.model.modules())
    loop.close()
    assert not any(part._forward_pre_hooks for part in loop.model.modules())
