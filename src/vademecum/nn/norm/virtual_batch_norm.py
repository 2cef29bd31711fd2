r"""Virtual batch normalization: normalize each example by a fixed reference batch and itself.

Use it in the generator of a GAN: as batch normalization it keeps activations in scale, but an example's
output does not depend on its batch mates. The reference is chosen once, before training, and goes through the
net in every step, so a step costs one more forward pass.

$$ y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta, \qquad
\mu = \frac{n \mu_r + \mu_x}{n + 1}, \qquad
\sigma^2 = \frac{n \sigma^2_r + \sigma^2_x}{n + 1} + \frac{n (\mu_x - \mu_r)^2}{(n + 1)^2} $$

where $\mu_r, \sigma^2_r$ are mean and biased variance of a channel over the n reference examples and over space,
and $\mu_x, \sigma^2_x$ those of the example alone, over space. These are the moments of the reference and the
example taken together. The reference itself is normalized by its own statistics.

Also called: VBN.
Departures: the variance is combined from centered parts; the authors' code subtracts squared means, which cancels
    at a large mean. An example counts for one of n + 1 also where its maps are larger than the reference's.
    ``combine="reference_only"`` leaves the example out, as the limit of a large reference does.
Pitfalls: the gradient flows through the statistics of the reference, so these hold for one setting of the weights:
    pass the reference again after each update. The reference belongs into the checkpoint; with another one the
    net is another function. Other layers with a memory, such as batch normalization, see the reference too.
Claim: an output does not vary with its batch mates, where under batch normalization it varies by two thirds of
    the spread over examples in batches of 4, and by a quarter in batches of 64.
Peer: the authors' TensorFlow 1 code (openai/improved-gan, imagenet/ops.py), read and not run.

References:
    salimans2016improved: section 3.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["VirtualBatchNet", "VirtualBatchNorm", "reference_batch"]

Moments = tuple[Tensor, Tensor, int]  # mean (C,), biased variance (C,), number of examples

COMBINE = ("include_self", "reference_only")


class VirtualBatchNorm(nn.Module):
    """Normalize each channel of (B, C, *) by the statistics of a reference batch and of the example.

    In a net, take `VirtualBatchNet` or `reference_batch`, which show every layer its own reference. The layer
    does the same in training and in evaluation and keeps no running statistics.

    Args:
        num_features: C.
        eps: added to the variance.
        affine: learn a gain and a bias for each channel.
        combine: "include_self" (the paper) or "reference_only".

    Raises:
        ValueError: `combine` is neither of the two.

    Example:
        >>> norm = VirtualBatchNorm(1, eps=0.0)
        >>> reference = torch.tensor([[-1.0], [1.0]])
        >>> y = norm(torch.tensor([[3.0]]), reference)  # of -1, 1, 3 the mean is 1 and the variance 8 / 3
        >>> round(y.item() ** 2, 4)
        1.5
    """

    def __init__(
        self, num_features: int, *, eps: float = 1e-5, affine: bool = True, combine: str = "include_self"
    ) -> None:
        super().__init__()
        if combine not in COMBINE:
            raise ValueError(f"combine must be one of {', '.join(COMBINE)}: it is {combine!r}; choose one.")
        self.num_features, self.eps, self.combine = num_features, eps, combine
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self._collects = False
        self._reference: Moments | None = None  # only inside reference_batch: it holds a graph

    def extra_repr(self) -> str:
        """Show the arguments when the module is printed."""
        return (
            f"{self.num_features}, eps={self.eps}, affine={self.weight is not None}, combine={self.combine!r}"
        )

    def forward(self, x: Tensor, reference: Tensor | None = None) -> Tensor:
        """Normalize a batch.

        Args:
            x: (B, C, *).
            reference: (N, C, *) reference batch as it arrives at this layer; by default the one that
                `reference_batch` has passed through the net.

        Returns:
            (B, C, *).

        Raises:
            ValueError: there is no reference, it is empty, it comes to this layer twice, or the channels are not C.
        """
        self._check("x", x)
        if self._collects:
            if self._reference is not None:
                raise ValueError(
                    "each virtual batch norm must stand in one place: this one came twice in the pass of the "
                    f"reference, now with {tuple(x.shape)}; give each place a layer of its own."
                )
            self._reference = self._moments("the reference", x)
            return self._normalized(x, *self._reference[:2])
        if reference is not None:
            self._check("reference", reference)
        moments = self._reference if reference is None else self._moments("reference", reference)
        if moments is None:
            raise ValueError(
                f"a virtual batch norm must have a reference: x came, {tuple(x.shape)}, without one; wrap the "
                "model in VirtualBatchNet(model, reference) or call it inside reference_batch(model, reference)."
            )
        mean, variance, n = moments
        if self.combine == "include_self":
            rows = x.flatten(2) if x.dim() > 2 else x.unsqueeze(-1)  # (B, C, S)
            own = rows.mean(-1)
            spread = (rows - own.unsqueeze(-1)).square().mean(-1)
            variance = (n * variance + spread) / (n + 1) + n * ((own - mean) / (n + 1)).square()  # (B, C)
            mean = mean + (own - mean) / (n + 1)
        return self._normalized(x, mean, variance)

    def forget(self) -> None:
        """Drop the reference that `reference_batch` has passed."""
        self._collects, self._reference = False, None

    def _normalized(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalize by statistics of shape (C,) or (B, C)."""
        space = (1,) * (x.dim() - 2)
        scale = (variance + self.eps).rsqrt()
        y = (x - mean.reshape(-1, self.num_features, *space)) * scale.reshape(-1, self.num_features, *space)
        if self.weight is None or self.bias is None:
            return y
        return y * self.weight.reshape(-1, *space) + self.bias.reshape(-1, *space)

    def _moments(self, name: str, reference: Tensor) -> Moments:
        if reference.numel() == 0:
            raise ValueError(
                f"the reference must hold an example: {name} is {tuple(reference.shape)}; give a batch of data."
            )
        values = reference.transpose(0, 1).flatten(1)  # (C, N * S)
        mean = values.mean(1)
        return mean, (values - mean.unsqueeze(1)).square().mean(1), len(reference)

    def _check(self, name: str, x: Tensor) -> None:
        if x.dim() < 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"{name} must be (batch, channels, ...) with {self.num_features} channels: it is {tuple(x.shape)}; "
                "set num_features to the channels of the layer before."
            )


@contextmanager
def reference_batch(model: nn.Module, *reference: Tensor) -> Iterator[nn.Module]:
    """Pass a reference batch through a model; inside the block, examples are normalized by it.

    The statistics hold gradients and belong to the weights as they are now: enter the block anew in each step.

    Args:
        model: with a `VirtualBatchNorm` in it, each used once in a forward pass.
        *reference: the model's inputs for the reference.

    Yields:
        The model.

    Raises:
        ValueError: there is no `VirtualBatchNorm` in the model, or one is used twice.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), VirtualBatchNorm(1))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     with reference_batch(model, torch.tensor([[-1.0], [1.0]])):
        ...         model(torch.tensor([[0.5]])).sum().backward()
        ...     optimizer.step()  # only now, outside the block
    """
    layers = [part for part in model.modules() if isinstance(part, VirtualBatchNorm)]
    if not layers:
        raise ValueError(
            f"the model must hold a VirtualBatchNorm: {type(model).__name__} holds none; it needs no reference."
        )
    try:
        for layer in layers:
            layer.forget()
            layer._collects = True
        model(*reference)
        for layer in layers:
            layer._collects = False
        yield model
    finally:
        for layer in layers:
            layer.forget()


class VirtualBatchNet(nn.Module):
    """A model with its reference batch: passes the reference, then the examples, in every call.

    The reference is a buffer: it is saved in the state dict, copied and moved with the model.

    Args:
        model: with a `VirtualBatchNorm` in it; taking one tensor. For several inputs use `reference_batch`.
        reference: (N, ...) batch of the model's inputs, chosen once and kept through training.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), VirtualBatchNorm(3), nn.ReLU())
        >>> net = VirtualBatchNet(model, torch.randn(8, 2, generator=torch.Generator().manual_seed(0)))
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> torch.allclose(net(x)[:1], net(x[:1]))  # batch mates do not matter
        True
        >>> "reference" in net.state_dict()
        True
    """

    reference: Tensor

    def __init__(self, model: nn.Module, reference: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("reference", reference.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Apply the model.

        Args:
            x: (B, ...) as the model takes it.

        Returns:
            What the model gives.
        """
        with reference_batch(self.model, self.reference):
            return self.model(x)
