r"""Conditional batch normalization: the gain and the bias depend on a condition.

Use it to let a class, a style or a question steer a net that is otherwise shared: a class-conditional generator
looks gain and bias up by class; a frozen pre-trained net is steered by small networks that predict how far gain and
bias move.

$$ y = (\gamma + \Delta\gamma)\, \hat x + (\beta + \Delta\beta), \qquad
\Delta\gamma = \mathrm{MLP}_\gamma(e), \quad \Delta\beta = \mathrm{MLP}_\beta(e) $$

where $\hat x$ is the batch-normalized input, with statistics over all examples whatever their condition, and e the
embedding of an example's condition. By lookup, $\gamma + \Delta\gamma$ is row k of a table for class k, and so is
the bias.

Also called: CBN, conditional batchnorm, class-conditional batch normalization, MODERN.
Departures: the last layer of each MLP starts at zero, so that a converted net starts as the net it was; the paper
    wants small outputs there. The lookup is not in the paper: it comes from instance normalization in style transfer.
Pitfalls: a table of gains must start at 1, not at 0 as a table of shifts. Statistics are shared, so in training a
    rare class is normalized by the others. Freezing parameters does not freeze running statistics: keep a
    converted net in evaluation mode, or they drift. DataParallel splits what is passed to forward: pass
    the condition there, as `ConditionalNet` takes it.
Claim: a net of frozen convolutions answers four questions on the digits by gain and bias of each question,
    each better by more than 0.1 than by shared ones, which do not know the question.
Peer: the authors' TensorFlow 1 code (GuessWhatGame/neural_toolbox, cbn_pluggin.py), read and not run.

References:
    devries2017modulating: section 3, equations for the predicted changes of gain and bias.
    dumoulin2017learned: section 2.2, gain and bias by lookup.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum._torch.surgery import replaced

__all__ = [
    "ConditionalBatchNorm1d",
    "ConditionalBatchNorm2d",
    "ConditionalBatchNorm3d",
    "ConditionalNet",
    "batch_to_conditional",
    "conditioned",
]


Plain = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


class _ConditionalBatchNorm(nn.Module):
    """What the three dimensions share."""

    kind: ClassVar[type[Plain]]

    def __init__(
        self,
        num_features: int,
        *,
        num_conditions: int | None = None,
        condition_features: int | None = None,
        hidden_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        if (num_conditions is None) == (condition_features is None):
            raise ValueError(
                "a condition must be a class or an embedding: num_conditions="
                f"{num_conditions}, condition_features={condition_features}; give exactly one of the two."
            )
        if hidden_features is not None and condition_features is None:
            raise ValueError(
                f"a table has no hidden layer: num_conditions={num_conditions} came with hidden_features="
                f"{hidden_features}; leave hidden_features out."
            )
        self.num_features, self.num_conditions = num_features, num_conditions
        self.condition_features = condition_features
        self.norm = self.kind(
            num_features, eps, momentum, affine=False, track_running_stats=track_running_stats
        )
        rows = () if num_conditions is None else (num_conditions,)
        self.weight = nn.Parameter(torch.ones(*rows, num_features))
        self.bias = nn.Parameter(torch.zeros(*rows, num_features))
        self.weight_change = self.bias_change = None
        if condition_features is not None:
            hidden = condition_features if hidden_features is None else hidden_features
            self.weight_change = _perceptron(condition_features, hidden, num_features)
            self.bias_change = _perceptron(condition_features, hidden, num_features)
        self._condition: Tensor | None = None  # only inside `conditioned`

    def extra_repr(self) -> str:
        """Show the arguments when the module is printed."""
        return f"num_conditions={self.num_conditions}, condition_features={self.condition_features}"

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Normalize a batch.

        Args:
            x: (B, C, ...).
            condition: (B,) int64 classes in 0 .. K - 1, or (B, E) embeddings; by default that of `conditioned`.

        Returns:
            Like x.

        Raises:
            ValueError: there is no condition, or it has another form or batch size.
        """
        condition = self._condition if condition is None else condition
        if condition is None:
            raise ValueError(
                f"a conditional batch norm must have a condition: x came, {tuple(x.shape)}, without one; wrap the "
                "model in ConditionalNet and call it with (x, condition)."
            )
        wanted = (len(x),) if self.condition_features is None else (len(x), self.condition_features)
        if condition.shape != wanted or condition.is_floating_point() != (len(wanted) == 2):
            raise ValueError(
                f"the condition must be {'float' if len(wanted) == 2 else 'int64'} {wanted} for x "
                f"{tuple(x.shape)}: it is {condition.dtype} {tuple(condition.shape)}; give one for each example."
            )
        gain, bias = self.gain_and_bias(condition)
        space = (1,) * (x.dim() - 2)
        return self.norm(x) * gain.reshape(*gain.shape, *space) + bias.reshape(*bias.shape, *space)

    def gain_and_bias(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Look gain and bias up, or predict them.

        Args:
            condition: as in `forward`.

        Returns:
            (B, C) gains and (B, C) biases.
        """
        if self.weight_change is None or self.bias_change is None:
            return F.embedding(condition, self.weight), F.embedding(condition, self.bias)
        return self.weight + self.weight_change(condition), self.bias + self.bias_change(condition)

    def conditional_parameters(self) -> Iterator[nn.Parameter]:
        """List the parameters that make conditions differ: the tables, or the two networks."""
        if self.weight_change is None or self.bias_change is None:
            yield from (self.weight, self.bias)
        else:
            yield from self.weight_change.parameters()
            yield from self.bias_change.parameters()


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Build a network with one hidden layer that gives zero at first."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), last)


class ConditionalBatchNorm1d(_ConditionalBatchNorm):
    """Batch normalization of (B, C) or (B, C, T) with gain and bias by condition.

    Either by lookup, with a gain and a bias for each of ``num_conditions`` classes, or predicted from an
    embedding of ``condition_features`` numbers by two networks with one hidden layer, as changes to a gain and a
    bias that all conditions share. A fresh layer is plain batch normalization under every condition.

    Args:
        num_features: C.
        num_conditions: K, for conditions that are class indices.
        condition_features: E, for conditions that are embeddings.
        hidden_features: width of the hidden layers; that of the embedding where it is not given.
        eps: added to the variance.
        momentum: weight of a new batch in the running statistics.
        track_running_stats: keep running statistics for evaluation.

    Raises:
        ValueError: not exactly one of the two kinds of condition was chosen.

    Example:
        >>> norm = ConditionalBatchNorm1d(1, num_conditions=2, eps=0.0).eval()
        >>> _ = nn.init.constant_(norm.weight[1], 10.0)  # the gain of class 1
        >>> norm(torch.tensor([[2.0], [2.0]]), torch.tensor([0, 1])).tolist()
        [[2.0], [20.0]]
    """

    kind = nn.BatchNorm1d


class ConditionalBatchNorm2d(_ConditionalBatchNorm):
    """Batch normalization of (B, C, H, W) with gain and bias by condition; see `ConditionalBatchNorm1d`.

    Example:
        >>> norm = ConditionalBatchNorm2d(3, condition_features=5)
        >>> x, question = torch.randn(2, 3, 4, 4), torch.randn(2, 5)
        >>> torch.allclose(norm(x, question), nn.BatchNorm2d(3)(x))  # no change yet
        True
    """

    kind = nn.BatchNorm2d


class ConditionalBatchNorm3d(_ConditionalBatchNorm):
    """Batch normalization of (B, C, D, H, W) with gain and bias by condition; see `ConditionalBatchNorm1d`.

    Example:
        >>> norm = ConditionalBatchNorm3d(3, num_conditions=10)
        >>> norm(torch.randn(2, 3, 1, 4, 4), torch.tensor([7, 0])).shape
        torch.Size([2, 3, 1, 4, 4])
    """

    kind = nn.BatchNorm3d


@contextmanager
def conditioned(model: nn.Module, condition: Tensor) -> Iterator[nn.Module]:
    """Give a condition to every conditional batch norm of a model while the block runs.

    Args:
        model: with a conditional batch norm in it.
        condition: one for each example, as the layers take it.

    Yields:
        The model.

    Raises:
        ValueError: there is no conditional batch norm in the model.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), ConditionalBatchNorm1d(4, num_conditions=2))
        >>> with conditioned(model, torch.tensor([0, 1])):
        ...     model(torch.randn(2, 3)).shape
        torch.Size([2, 4])
    """
    layers = [part for part in model.modules() if isinstance(part, _ConditionalBatchNorm)]
    if not layers:
        raise ValueError(
            f"the model must hold a conditional batch norm: {type(model).__name__} holds none; it takes no condition."
        )
    before = [layer._condition for layer in layers]
    try:
        for layer in layers:
            layer._condition = condition
        yield model
    finally:
        for layer, old in zip(layers, before, strict=True):
            layer._condition = old


class ConditionalNet(nn.Module):
    """A model that takes (x, condition) and gives the condition to its conditional batch norms.

    Args:
        model: any net of one input, with a conditional batch norm in it.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), ConditionalBatchNorm1d(4, num_conditions=2), nn.ReLU())
        >>> ConditionalNet(model)(torch.randn(2, 3), torch.tensor([0, 1])).shape
        torch.Size([2, 4])
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Apply the model.

        Args:
            x: (B, ...) as the model takes it.
            condition: (B,) classes or (B, E) embeddings.

        Returns:
            What the model gives.
        """
        with conditioned(self.model, condition):
            return self.model(x)


_CONDITIONAL: dict[type[nn.Module], type[_ConditionalBatchNorm]] = {
    nn.BatchNorm1d: ConditionalBatchNorm1d,
    nn.BatchNorm2d: ConditionalBatchNorm2d,
    nn.BatchNorm3d: ConditionalBatchNorm3d,
}


def batch_to_conditional(
    model: nn.Module,
    *,
    num_conditions: int | None = None,
    condition_features: int | None = None,
    hidden_features: int | None = None,
    freeze: bool = True,
) -> ConditionalNet:
    """Copy a model with each batch normalization made conditional; at the start it computes what it computed.

    Args:
        model: left as it is.
        num_conditions: K, for conditions that are class indices.
        condition_features: E, for conditions that are embeddings (the paper).
        hidden_features: width of the hidden layers that predict the changes.
        freeze: train nothing but what makes conditions differ, as in the paper.

    Returns:
        The copy, to be called with (x, condition).

    Raises:
        ValueError: there is no batch normalization in the model, or a synchronized one.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
        >>> net = batch_to_conditional(model, num_conditions=10)
        >>> x = torch.randn(2, 3)
        >>> torch.allclose(net(x, torch.tensor([0, 9])), model(x))
        True
        >>> [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        ['model.1.weight', 'model.1.bias']
    """
    kinds = {type(part) for part in model.modules()}
    if nn.SyncBatchNorm in kinds or not kinds & set(_CONDITIONAL):
        raise ValueError(
            f"the model must hold plain batch normalization to convert: {type(model).__name__} holds "
            f"{'SyncBatchNorm' if nn.SyncBatchNorm in kinds else 'none'}; use BatchNorm1d, 2d or 3d in it, and "
            "synchronize the copy."
        )

    def convert(_: str, part: nn.Module) -> nn.Module | None:
        if not isinstance(part, Plain) or type(part) not in _CONDITIONAL:
            return None
        new = _CONDITIONAL[type(part)](
            part.num_features,
            num_conditions=num_conditions,
            condition_features=condition_features,
            hidden_features=hidden_features,
            eps=part.eps,
            momentum=part.momentum,
            track_running_stats=part.track_running_stats,
        )
        state = part.state_dict()
        with torch.no_grad():
            if part.affine:
                new.weight.copy_(state.pop("weight"))
                new.bias.copy_(state.pop("bias"))
        new.norm.load_state_dict(state)
        tensors = [*part.parameters(), *part.buffers()]
        return new.to(tensors[0]) if tensors else new

    copy = replaced(model, convert)
    if freeze:
        copy.requires_grad_(False)
        for part in copy.modules():
            if isinstance(part, _ConditionalBatchNorm):
                for parameter in part.conditional_parameters():
                    parameter.requires_grad_(True)
    net = ConditionalNet(copy)
    net.training = copy.training
    return net
