r"""Batch normalization: normalize each channel over the batch and over space.

Use it in convolutional nets that are trained with some tens of examples a step: it allows learning rates
that the plain net does not survive. Where batches are small, where examples are not independent, or where
evaluation must compute what training computed, take group or layer normalization.

$$ y = \gamma \hat x + \beta, \qquad \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} $$

In training $\mu$ and $\sigma^2$ are mean and biased variance of a channel over the m values that the batch
holds of it; in evaluation they are estimates of the population. The gradient runs through both statistics,
with $g = \gamma\, \partial L / \partial y$ and means over the same m values:

$$ \frac{\partial L}{\partial x} =
\frac{g - \overline{g} - \hat x\, \overline{g \hat x}}{\sqrt{\sigma^2 + \epsilon}} $$

Also called: BN, BatchNorm.
Departures: the paper estimates the population after training, from batches of the trained net; torch keeps a
    moving average during training, and `recalibrate` does what the paper says. Torch's moving variance starts
    at 1 and its mean at 0, not at the first batch.
Pitfalls: torch's momentum is the weight of the new value, TensorFlow's that of the old: 0.1 here is 0.9 there.
    A training step with one value a channel is refused, for its variance is 0. A forgotten `eval()` lets the
    batch mates change the answer. One layer shared by two distributions of data keeps a mixture that fits neither.
    Accumulated gradients of small batches are not the gradient of one large batch. A bias in the layer before
    it does nothing.
Claim: on the digits six layers of sigmoids learn with it and not without; and learning rates from 0.01 to 3
    work, at three of which the plain net of ReLUs does not move.
Peer: torch (ours are torch's classes); torch.optim.swa_utils.update_bn, which estimates with dropout switched on;
    torch.nn.utils.fuse_conv_bn_eval, which fails on transposed convolutions in groups.

References:
    ioffe2015batch: Algorithm 1; backward in section 3; population statistics and inference in Algorithm 2.
    wu2021rethinking: recalibrate, there called PreciseBN, in section 3.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn
from torch.nn import BatchNorm1d as BatchNorm1d
from torch.nn import BatchNorm2d as BatchNorm2d
from torch.nn import BatchNorm3d as BatchNorm3d
from torch.nn import SyncBatchNorm as SyncBatchNorm
from torch.nn.utils.parametrize import is_parametrized

from vademecum._torch.modes import evaluating
from vademecum._torch.surgery import replaced

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "SyncBatchNorm",
    "fold_batch_norm",
    "folded",
    "recalibrate",
]

BatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d | SyncBatchNorm
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | Transposed)

_NORM_OF: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: BatchNorm1d,
    nn.Conv1d: BatchNorm1d,
    nn.Conv2d: BatchNorm2d,
    nn.Conv3d: BatchNorm3d,
    nn.ConvTranspose1d: BatchNorm1d,
    nn.ConvTranspose2d: BatchNorm2d,
    nn.ConvTranspose3d: BatchNorm3d,
}


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Estimate the running statistics anew, as plain averages over batches, with the weights as they are now.

    Mean and unbiased variance of each batch are averaged with equal weights (Algorithm 2 of the paper, and
    torch's ``momentum=None``), so the batches should be of one size. All other parts are in evaluation mode
    meanwhile: the estimate is of what evaluation will see, without dropout. Nothing but running statistics
    changes, and only of norms that a batch reaches; where the pass fails, not even these.

    Args:
        model: in any mode; its parts keep their modes and momenta.
        batches: inputs of the model. A loader of pairs is given as ``(x for x, _ in loader)``.

    Raises:
        ValueError: no batch normalization keeps running statistics, or there is no batch.
        TypeError: a batch is not a tensor.

    Example:
        >>> norm = BatchNorm1d(1)
        >>> recalibrate(norm, [torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])])
        >>> norm.running_mean.item(), norm.running_var.item()
        (3.0, 2.0)
    """
    layers = [
        part for part in model.modules() if isinstance(part, BatchNorm) and part.running_mean is not None
    ]
    if not layers:
        raise ValueError(
            f"the model must hold a batch normalization with running statistics: {type(model).__name__} holds "
            "none; there is nothing to recalibrate."
        )
    count = 0
    with evaluating(model), _averaging(layers):
        for count, batch in enumerate(batches, start=1):
            if not isinstance(batch, Tensor):
                raise TypeError(
                    f"each batch must be a tensor, the model's input: batch {count} is a {type(batch).__name__}; "
                    "give (x for x, _ in loader) for a loader of pairs."
                )
            model(batch)
        if count == 0:
            raise ValueError("there must be a batch to take statistics of: none came; give at least one.")


@contextmanager
def _averaging(layers: Sequence[BatchNorm]) -> Iterator[None]:
    """Average from scratch; put the old statistics back where no batch came or the block fails."""
    before = [(layer, layer.momentum, deepcopy(dict(layer.named_buffers()))) for layer in layers]
    finished = False
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # torch: the cumulative average
            layer.train()
        yield
        finished = True
    finally:
        for layer, momentum, statistics in before:
            layer.momentum = momentum
            if not finished or layer.num_batches_tracked == 0:
                for name, buffer in layer.named_buffers():
                    buffer.copy_(statistics[name])


@torch.no_grad()
def fold_batch_norm(layer: Layer, norm: BatchNorm) -> Layer:
    """Make one layer that computes what a layer and the batch normalization after it compute in evaluation.

    Args:
        layer: Linear on (B, F) input, Conv1d to Conv3d, ConvTranspose1d to ConvTranspose3d; left as it is.
        norm: with running statistics; left as it is.

    Returns:
        A layer of the same class, always with a bias. It is for evaluation: the statistics are constants in it.

    Raises:
        ValueError: the two are no such pair, the norm keeps no running statistics, the channels differ, or the
            layer computes its weight by a parametrization.

    Example:
        >>> layer, norm = nn.Linear(1, 1), BatchNorm1d(1, eps=0.0)
        >>> for tensor, value in [(layer.weight, 2), (layer.bias, 1), (norm.running_mean, 3), (norm.running_var, 4)]:
        ...     _ = nn.init.constant_(tensor, value)
        >>> one = fold_batch_norm(layer, norm)  # (2x + 1 - 3) / 2 = x - 1
        >>> one.weight.item(), one.bias.item()
        (1.0, -1.0)
    """
    if obstacle := _obstacle(layer, norm):
        raise ValueError(obstacle)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        gain = gain * norm.weight
    shift = -gain * norm.running_mean
    if norm.affine:
        shift = shift + norm.bias
    if layer.bias is not None:
        shift = shift + gain * layer.bias
    new = deepcopy(layer)
    trained, dtype = layer.weight.requires_grad, layer.weight.dtype
    new.weight = nn.Parameter(_scaled(layer, gain).to(dtype), trained)
    new.bias = nn.Parameter(shift.to(dtype), trained)
    return new


def _scaled(layer: Layer, gain: Tensor) -> Tensor:
    """Multiply the weights that lead to output channel o by gain[o]."""
    space = [1] * (layer.weight.dim() - 2)
    if not isinstance(layer, Transposed):
        return layer.weight * gain.reshape(-1, 1, *space)  # (C_out, C_in/G, ...)
    grouped = layer.weight.unflatten(
        0, (layer.groups, -1)
    )  # (C_in, C_out/G, ...) -> (G, C_in/G, C_out/G, ...)
    return (grouped * gain.reshape(layer.groups, 1, -1, *space)).flatten(0, 1)


def _obstacle(layer: nn.Module, norm: nn.Module) -> str:
    """Say why the two cannot be folded; "" where they can."""
    names = f"{type(layer).__name__} and {type(norm).__name__}"
    if is_parametrized(layer):
        return (
            f"the layer must hold its weight itself: this {type(layer).__name__} computes it by a parametrization; "
            "call torch.nn.utils.parametrize.remove_parametrizations first."
        )
    if type(layer) not in _NORM_OF or type(norm) not in {_NORM_OF[type(layer)], SyncBatchNorm}:
        return (
            f"a linear or convolutional layer must come with the batch normalization of its dimension: {names} "
            "came; give such a pair in this order, as Conv2d and BatchNorm2d."
        )
    if norm.running_mean is None:
        return (
            f"the norm must keep running statistics: this {type(norm).__name__} was built with "
            "track_running_stats=False and so depends on each batch; leave it unfolded."
        )
    channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    if channels != norm.num_features:
        return (
            f"the layer must give the channels that the norm takes: {names} have {channels} and "
            f"{norm.num_features}; give the norm that follows this layer."
        )
    return ""


def folded(model: nn.Module) -> nn.Module:
    """Copy a model for evaluation, each batch normalization folded into the layer before it where that is exact.

    Which layer feeds which is read from the data flow (torch.fx), not from the order of definition. A pair is
    folded where both are used once and nobody else reads what passes between them; its norm becomes an
    Identity. Every other norm stays, so that the copy always computes what the model computes in evaluation.

    Args:
        model: left as it is. No branch of its forward pass may depend on the data's values or shape.

    Returns:
        The copy, of the same class, in evaluation mode.

    Raises:
        ValueError: the model cannot be traced, or there is nothing to fold.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), BatchNorm2d(8), nn.ReLU(), BatchNorm2d(8))
        >>> [type(part).__name__ for part in folded(model)]
        ['Conv2d', 'Identity', 'ReLU', 'BatchNorm2d']
    """
    model = deepcopy(model).eval()
    try:
        graph = fx.Tracer().trace(model)
    except Exception as error:
        raise ValueError(
            f"the model must be traceable by torch.fx, to see which layer feeds which: {type(model).__name__} is "
            f"not ({type(error).__name__}: {error}); fold its pairs one by one with fold_batch_norm."
        ) from error
    new: dict[str, nn.Module] = {}
    for before, after in _pairs(graph):
        layer: Any = model.get_submodule(before)
        norm: Any = model.get_submodule(after)
        if not _obstacle(layer, norm):
            new[before], new[after] = fold_batch_norm(layer, norm), nn.Identity()
    if not new:
        raise ValueError(
            "the model must hold a linear or convolutional layer whose output goes to a batch normalization "
            f"alone: {type(model).__name__} holds none; use it as it is."
        )
    return replaced(model, lambda path, _: new.get(path))


def _pairs(graph: fx.Graph) -> Iterator[tuple[str, str]]:
    """List the paths of parts that are used once each, the second alone on the output of the first."""
    uses: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "call_module":
            uses[node.target] += 1
        elif node.op == "get_attr":  # the forward pass reads a parameter of the part past its call
            uses[node.target.rpartition(".")[0]] += 1
    for node in graph.nodes:
        source = node.args[0] if len(node.args) == 1 else None
        if node.op == "call_module" and isinstance(source, fx.Node) and source.op == "call_module":
            before, after = str(source.target), str(node.target)
            if len(source.users) == uses[before] == uses[after] == 1:
                yield before, after
