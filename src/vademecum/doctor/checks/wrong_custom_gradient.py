r"""Wrong custom gradient: the backward of an own ``autograd.Function`` is not the derivative of its forward.

It is computed again in double precision and compared with differences of the forward along one direction.

$$ \frac{\langle v, f(x + h u) - f(x - h u) \rangle}{2 h} = \langle J^T v, u \rangle + O(h^2) $$

Wrong:
    return grad * s * (1 + s)  # of s = sigmoid(x)

Right:
    return grad * s * (1 - s)

Fails where: the gradient is made up on purpose. Functions that pass their input on (gradient reversal or scaling) and
those that are flat or jump (straight-through estimators) are left alone.

References:
    rumelhart1986learning: the gradient is that of the function that was computed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vademecum._torch.streams import same_streams

from .._finding import Finding
from ..recording.record import NotCheckedError, Scene

LOOKS = 3
"""Scenes at which it is looked, after a first that only notes what to listen to."""

H = 1e-5
"""Step of the differences, in double precision, of numbers of size 1."""

AGREE = 1e-3
"""Relative difference of two steps' results within which the function is smooth along the direction."""

WRONG = 1e-2
"""Relative difference from the derivative that rounding does not make."""

LEAST = 1e-8
"""Derivatives below it are taken for flat."""


def wrong_custom_gradient(scene: Scene) -> Iterator[Finding]:
    """Hold the backward of the user's own functions against differences of their forward.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where they differ though the forward is smooth.

    Raises:
        NotCheckedError: a function does not work in double precision.
    """
    loop, looked = scene.record.loop, scene.record.looked
    loop.listening.close()
    if looked > 1 + LOOKS:
        return
    names = {op.kind: op for op in scene.graph if op.custom}
    functions = [kind for kind in _functions() if kind.__name__ in names]
    if looked == 1:
        for kind in functions:
            loop.listening.enter_context(_listening(kind, partial(loop.heard.setdefault, kind)))
        return
    for kind in functions:
        if kind not in loop.heard:
            continue
        name = kind.__name__
        try:
            off, right, got = _compare(kind, loop.heard[kind])
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise NotCheckedError(f"{name} does not run again in double precision ({error})") from None
        if off > WRONG:
            file, line = names[name].site
            yield Finding(
                "wrong-custom-gradient", "error",
                f"The backward of {name} is not the derivative of its forward: along a direction the slope is "
                f"{right:.4g} by differences and {got:.4g} by backward, a relative difference of {off:.2g}.",
                cure=f"Derive the backward of {name} again; torch.autograd.gradcheck({name}.apply, x) tests it in "
                "double precision. If another gradient is meant, silence this rule.",
                where=name, evidence={"difference": off, "slope": right, "backward": got},
                reference="rumelhart1986learning", file=file, line=line, step=scene.record.steps,
                disproof="The function jumps, or its gradient is another on purpose.",
            )  # fmt: skip


def _functions() -> list[Any]:
    """All classes of functions that there are."""
    found, waiting = [], [torch.autograd.Function]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


@contextmanager
def _listening(kind: Any, tell: Callable[[tuple[Any, ...]], Any]) -> Iterator[None]:
    """Note the arguments of a function's forward while the block runs."""
    own, new_style = (
        kind.__dict__.get("forward"),
        kind.setup_context is not torch.autograd.Function.setup_context,
    )

    def forward(*args: Any) -> Any:
        given = args if new_style else args[1:]
        tell(tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in given))
        return (own.__func__ if isinstance(own, staticmethod) else own)(*args)

    if own is None:
        yield
        return
    kind.forward = staticmethod(forward)
    try:
        yield
    finally:
        kind.forward = own


def _compare(kind: Any, given: tuple[Any, ...]) -> tuple[float, float, float]:
    """Relative difference of the slope along a direction, by differences and by backward; 0 where none is due."""
    generator = torch.Generator().manual_seed(0)
    args = [a.double() if isinstance(a, Tensor) and a.is_floating_point() else a for a in given]
    moved = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]

    def outputs(values: list[Any]) -> list[Tensor]:
        with same_streams():
            out = kind.apply(*values)
        return [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, Tensor)]

    with torch.enable_grad():
        leaves = [a.clone().requires_grad_() if i in moved else a for i, a in enumerate(args)]
        made = [o for o in outputs(leaves) if o.requires_grad and o.dtype == torch.float64]
        same = any(o.shape == args[i].shape and torch.equal(o, args[i]) for o in made for i in moved)
        if not made or same:
            return 0.0, 0.0, 0.0
        probes = [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.device) for o in made]
        total = torch.stack([(p * o).sum() for p, o in zip(probes, made)]).sum()
        grads = torch.autograd.grad(total, [leaves[i] for i in moved], allow_unused=True)
    worst = (0.0, 0.0, 0.0)
    for i, grad in zip(moved, grads):
        if grad is None:
            continue  # the function says that it does not differentiate by this argument
        along = torch.randn(args[i].shape, generator=generator, dtype=torch.float64).to(grad.device)
        got = float((grad * along).sum())
        slopes = []
        for h in (H, H / 4):
            sides = []
            for sign in (1, -1):
                with torch.no_grad():
                    now = outputs([a + sign * h * along if j == i else a for j, a in enumerate(args)])
                now = [o for o in now if o.dtype == torch.float64][: len(probes)]
                sides.append(float(sum((p * o).sum() for p, o in zip(probes, now))))
            slopes.append((sides[0] - sides[1]) / (2 * h))
        size = max(abs(slopes[1]), abs(got), LEAST)
        if abs(slopes[0] - slopes[1]) > AGREE * size or abs(slopes[1]) <= max(LEAST, 1e-6 * abs(got)):
            return 0.0, 0.0, 0.0  # it jumps, or is flat: its gradient is made up on purpose
        off = abs(slopes[1] - got) / size
        worst = max(worst, (off, slopes[1], got))
    return worst
