"""What every ``nn.Module`` part must survive, whatever it computes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vademecum.laws import Draw, Suite, suites
from vademecum.laws._subject import Subject, Target


def build(
    suite: Suite, case: dict[str, Any], dtype: torch.dtype = torch.float32
) -> tuple[Subject, tuple[Tensor, ...]]:
    """A part of the suite's first subject, and its inputs."""
    shape = list(suite.shapes(case))[-1]
    draw = Draw(case, tuple(shape), dtype, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        subject = Target(next(iter(suite.subjects.values())), suite.interface).build(draw)
    return subject, inputs(suite, draw)


def inputs(suite: Suite, draw: Draw) -> tuple[Tensor, ...]:
    return tuple(suite.inputs(draw)) if suite.inputs else (draw.normal(),)


def call(part: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The outputs as a flat tuple; the random parts draw the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tuple(flatten(part(*given)))


def flatten(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    else:
        for item in value:
            yield from flatten(item)


def is_part(suite: Suite) -> bool:
    subject = next(iter(suite.subjects.values()))
    return suite.interface.kind == "module" and isinstance(subject, type) and issubclass(subject, nn.Module)


PARTS = [
    pytest.param(suite, dict(case), id=f"{suite.name}-{number}")
    for suite in suites().values()
    if is_part(suite)
    for number, case in enumerate(suite.cases)
]
each_part = pytest.mark.parametrize(("suite", "case"), PARTS)


def test_there_are_parts() -> None:
    assert len(PARTS) > 10


@each_part
def test_evaluation_repeats(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    assert_close(part(*given), part(*given), rtol=0, atol=0)


@each_part
def test_state_goes_into_a_twin(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.object
    with torch.no_grad():
        for tensor in (*part.parameters(), *part.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.25)
    other = build(suite, case)[0].object
    other.load_state_dict(part.state_dict())
    assert_close(call(other.eval(), given), call(part.eval(), given), rtol=0, atol=0)


@each_part
def test_deepcopy(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    copy = deepcopy(subject.object)
    assert_close(call(copy, given), call(subject.object, given), rtol=0, atol=0)
    assert not {id(p) for p in copy.parameters()} & {id(p) for p in subject.object.parameters()}


@each_part
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.bfloat16, 0.1)], ids=["float64", "bfloat16"]
)
def test_precisions(suite: Suite, case: dict[str, Any], dtype: torch.dtype, tolerance: float) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    want = call(part, given)
    got = call(deepcopy(part).to(dtype), tuple(x.to(dtype) if x.is_floating_point() else x for x in given))
    for one, other in zip(got, want, strict=True):
        if one.is_floating_point():
            assert one.dtype == dtype
        assert_close(one.float(), other.float(), rtol=tolerance, atol=tolerance)


def has_parameters(suite: Suite, case: dict[str, Any]) -> bool:
    return any(p.requires_grad for p in build(suite, case)[0].object.parameters())


@pytest.mark.parametrize(("suite", "case"), [part for part in PARTS if has_parameters(*part.values)])
def test_gradient_reaches_every_parameter(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.train().object
    weights = torch.Generator().manual_seed(1)
    outputs = [y for y in call(part, given) if y.is_floating_point() and y.requires_grad]
    loss = sum((y * torch.randn(y.shape, generator=weights)).sum() for y in outputs)
    loss.backward()
    for name, parameter in part.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@each_part
def test_input_stays_untouched(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    versions = [x._version for x in given]
    call(subject.train().object, given)
    assert [x._version for x in given] == versions


@each_part
def test_non_contiguous_input(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    strided = tuple(torch.stack([x, x], dim=-1)[..., 0] for x in given)
    assert any(not x.is_contiguous() for x in strided)
    assert_close(call(part, strided), call(part, given))


FAILS_ON_EMPTY = {"InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"}
"""Torch's own classes that neither work nor refuse (their card says so); to be noticed when torch mends it."""


@each_part
def test_empty_batch_works_or_is_refused(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    empty = tuple(x[:0] for x in given)
    if suite.part in FAILS_ON_EMPTY:
        with pytest.raises(IndexError):
            call(part, empty)
        return
    try:
        outputs = call(part, empty)
    except (ValueError, TypeError):  # a refusal in words; anything else is a failure
        return
    assert all(len(y) == 0 for y in outputs)


@each_part
def test_functional_call(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    state = {**dict(part.named_parameters()), **dict(part.named_buffers())}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        got = tuple(flatten(torch.func.functional_call(part, state, given)))
    assert_close(got, call(part, given), rtol=0, atol=0)


@pytest.mark.nightly
@each_part
def test_compiles(suite: Suite, case: dict[str, Any]) -> None:
    subject, given = build(suite, case)
    part = subject.eval().object
    assert_close(call(torch.compile(part), given), call(part, given))
