"""Theoretical receptive fields, carried along every operation that a network performs on its input."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..._torch.trace import tensors


@dataclass(frozen=True)
class Field:
    """What one position of a map sees of the input, along each dimension of space.

    Attributes:
        size: pixels of the input, those in the padding included.
        jump: pixels of the input between two neighbouring positions.
        dims: where the dimensions of space stand in the tensor; empty once they are gone.
    """

    size: tuple[int, ...]
    jump: tuple[float, ...]
    dims: tuple[int, ...]

    def window(self, extent: Sequence[int], stride: Sequence[float]) -> "Field":
        """See `extent` neighbouring positions at a time, `stride` positions apart."""
        size = tuple(round(r + (n - 1) * j) for r, n, j in zip(self.size, extent, self.jump))
        return Field(size, tuple(j * s for j, s in zip(self.jump, stride)), self.dims)

    def everything(self, shape: Sequence[int]) -> "Field":
        """See all positions of a map of this shape, which has no dimensions of space any more."""
        seen = (
            self.window([shape[d] for d in self.dims], [shape[d] for d in self.dims]) if self.dims else self
        )
        return Field(seen.size, seen.jump, ())


class Fields(TorchFunctionMode):
    """While active, follow the receptive field from one input through every torch function.

    A window (convolution, pooling) widens the field. An operation that keeps the sizes of the space dimensions is
    taken to act on each position alone; one that does not (flatten, a mean, a matrix product) sees the whole map.
    Where several maps meet, the field is the largest. The statistics of normalization layers are not counted.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        space = tuple(range(2, x.ndim))
        # The tensor is kept beside its field so that its id is not given to another one.
        self._known: dict[int, tuple[Tensor, Field]] = {}
        if space:
            self._known[id(x)] = (x, Field((1,) * len(space), (1.0,) * len(space), space))

    def of(self, value: Any) -> Field | None:
        """The field of a tensor, None where it does not come from the input or the input has no space."""
        return self._known[id(value)][1] if id(value) in self._known else None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function and note the fields of what it returns."""
        kwargs = kwargs or {}
        # In-place functions change what they are given: the shapes are needed as they were.
        inputs = [(tuple(t.shape), self.of(t)) for t in tensors([args, kwargs])]
        output = func(*args, **kwargs)
        fields = [(shape, field) for shape, field in inputs if field is not None]
        if fields:
            for result in tensors(output):
                after = [_after(func, args, kwargs, shape, field, result) for shape, field in fields]
                self._known[id(result)] = (result, _meet(after))
        return output


def _meet(fields: Sequence[Field]) -> Field:
    """The largest field, on the grid of those that still have one."""
    widest = max(fields, key=lambda field: len(field.dims))
    size = tuple(max(sizes) for sizes in zip(*(field.size for field in fields)))
    # A broadcast scale has one huge jump; the map that it scales has the jump of the grid.
    grid = [field.jump for field in fields if field.dims == widest.dims]
    return Field(size, tuple(min(jumps) for jumps in zip(*grid)), widest.dims)


_ORDER = {
    "conv": ("input", "weight", "bias", "stride", "padding", "dilation"),
    "conv_transpose": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "max_pool": ("input", "kernel_size", "stride", "padding", "dilation"),
    "avg_pool": ("input", "kernel_size", "stride", "padding"),
}  # fmt: skip


def _after(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    shape: tuple[int, ...],
    field: Field,
    result: Tensor,
) -> Field:
    """The field after one function, for one of the tensors that went in."""
    if not field.dims:
        return field
    name = getattr(func, "__name__", "")
    family, digit = name[:-2], name[-2:]
    if digit in {"1d", "2d", "3d"} and family in _ORDER:
        given = {**dict(zip(_ORDER[family], args)), **kwargs}
        return _windowed(family, given, field)
    if name in {"permute", "transpose", "movedim", "swapaxes"}:
        return _moved(name, args, kwargs, field, len(shape))
    if result.ndim == len(shape):
        steps = [s.step for s in _flat(args[1:]) if isinstance(s, slice) and s.step]
        return _kept(name, shape, field, tuple(result.shape), step=max(steps, default=1))
    offset = result.ndim - len(shape)
    trailing = all(d + offset > 0 and result.shape[d + offset] == shape[d] for d in field.dims)
    if name in {"view", "reshape", "unflatten", "flatten"} and trailing and field.dims[-1] == len(shape) - 1:
        return Field(field.size, field.jump, tuple(d + offset for d in field.dims))
    return field.everything(shape)


def _windowed(family: str, given: Mapping[str, Any], field: Field) -> Field:
    count = len(field.dims)
    kernel = given["weight"].shape[2:] if family.startswith("conv") else given["kernel_size"]
    extent = [(k - 1) * d + 1 for k, d in zip(_each(kernel, count), _each(given.get("dilation", 1), count))]
    stride = given.get("stride")
    steps = _each(kernel if stride is None or stride == [] else stride, count)
    if family != "conv_transpose":
        return field.window(extent, [float(s) for s in steps])
    # One output position gets at most ceil(extent / stride) neighbouring input positions.
    return field.window([-(-n // s) for n, s in zip(extent, steps)], [1 / s for s in steps])


def _kept(name: str, shape: tuple[int, ...], field: Field, after: tuple[int, ...], *, step: int) -> Field:
    """Follow each dimension of space through a function that keeps their number."""
    mixing = {"matmul", "__matmul__", "__rmatmul__", "bmm", "scaled_dot_product_attention", "fft2"}
    extent, stride = [], []
    for d in field.dims:
        n, m = shape[d], after[d]
        if name in mixing or (name == "linear" and d == len(shape) - 1):
            extent.append(n)
            stride.append(1.0)
        elif n in {m, 1}:
            extent.append(1)
            stride.append(1.0)
        elif name == "interpolate" or name.startswith("upsample"):
            extent.append(2)
            stride.append(n / m)
        elif name in {"__getitem__", "narrow", "pad", "_pad", "constant_pad_nd", "crop"}:
            extent.append(1)
            stride.append(float(step))
        elif name.startswith("adaptive") and n % m == 0:
            extent.append(n // m)
            stride.append(n / m)
        elif name.startswith("pixel_") and (n % m == 0 or m % n == 0):
            extent.append(max(1, n // m))
            stride.append(n / m)
        elif name in {"cat", "concat", "concatenate"}:
            extent.append(1)
            stride.append(1.0)
        else:
            extent.append(n)
            stride.append(n / m if m else 1.0)
    return field.window(extent, stride)


def _moved(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], field: Field, ndim: int) -> Field:
    """Find the dimensions of space again after they changed places, by moving the numbers of the dimensions."""
    order = list(range(ndim))
    rest = [*args[1:], *(value for key, value in kwargs.items() if key != "input")]
    if name == "permute":
        dims = rest[0] if isinstance(rest[0], (list, tuple)) else rest
        order = [d % ndim for d in dims]
    elif name == "movedim":
        source, target = ([d % ndim for d in _flat(value)] for value in rest[:2])
        order = [d for d in order if d not in source]
        for place, d in sorted(zip(target, source)):
            order.insert(place, d)
    else:
        a, b = (d % ndim for d in rest[:2])
        order[a], order[b] = order[b], order[a]
    return Field(field.size, field.jump, tuple(order.index(d) for d in field.dims))


def _flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, (list, tuple)) else [value]


def _each(value: Any, count: int) -> list[int]:
    values = [int(v) for v in value] if isinstance(value, Sequence) else [int(value)]
    return values * count if len(values) == 1 else values
