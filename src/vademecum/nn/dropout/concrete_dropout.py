r"""Concrete dropout: learn the probability of dropping, layer by layer, with the weights.

Use it where Monte-Carlo dropout should give uncertainties that fit the data, and no validation data are to be spent
on a search over p. The mask is relaxed to numbers between 0 and 1 through which the gradient flows:

$$ \tilde z = \text{sigmoid}\left(\frac{1}{t} \left(\log \frac{p}{1 - p} + \log \frac{u}{1 - u}\right)\right),
\quad u \sim U(0, 1), \qquad y = W \left( x \odot \frac{1 - \tilde z}{1 - p} \right) + b $$

and the loss gets a penalty for each layer, with K inputs and a prior of length scale l, out of the divergence
between the dropout distribution and the prior:

$$ \frac{l^2}{2N} \frac{\|W\|^2}{1 - p} + \frac{K}{N} \left( p \log p + (1 - p) \log (1 - p) \right) $$

Its first part pulls p down, its second pulls it to 1/2. Both fade as N grows, so that much data gives a small p. The
penalty is scaled for a loss that is the mean negative log-likelihood in nats; for a mean squared error with
precision tau both factors are multiplied by 2 / tau. `concrete_regularizers` gives the factors.

Evaluation uses the mean, as dropout does; `mc_dropout` draws. p is kept as its logit, so it is never 0 or 1.

Also called: learned dropout, ConcreteDropout.
Departures: the squares of the bias are not penalized: the paper's prior is over the weight matrices, its code in
    PyTorch adds them. The first part is written for the W of inverted dropout, which is (1 - p) M for the paper's M.
    A `ConcreteDropout` that stands alone has the second part only: give the layers after it weight decay of l^2 / N
    in place of the first, which leaves out the factor 1 / (1 - p).
Pitfalls: N is the number of training examples, not of a batch, and the loss is a mean over examples, not a sum. A
    penalty that is left out lets p go to 0, a forgotten N holds it at 1/2. K counts inputs of the layer, for
    convolutions its channels. At a high temperature the mask's mean is no longer p. p learns slowly from far
    away: the logit's learning rate is that of the weights.
Claim: on y = 2x + 8 + noise the learned p of the hidden layers falls as the data grow: with 100 times as many
    examples to less than half.
Peer: yaringal/ConcreteDropout (compared by reading). It adds 1e-7 inside each logarithm; its PyTorch notebook draws one
    number for the whole batch and layer, and drops in evaluation too.

References:
    gal2017concrete: Eq. 2-5; the temperature 0.1 in its code.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from vademecum._torch.surgery import replaced

from ._checks import floating, probability
from ._flow import LINEAR

__all__ = [
    "ConcreteDropout",
    "ConcreteDropoutLayer",
    "concrete_dropout_penalty",
    "concrete_regularizers",
    "insert_concrete_dropout",
]


def concrete_regularizers(
    num_examples: int, *, length_scale: float = 1e-2, precision: float | None = None
) -> tuple[float, float]:
    """Give the two factors of the penalty.

    Args:
        num_examples: N, of the training part.
        length_scale: l of the prior of the weights; the larger, the smaller the weights.
        precision: None where the loss is the mean negative log-likelihood in nats (cross-entropy, Gaussian
            likelihood with a learned variance); tau where it is the mean squared error of a noise of variance 1 / tau.

    Returns:
        weight_regularizer and dropout_regularizer, for `ConcreteDropoutLayer`.

    Raises:
        ValueError: one of them is not positive.

    Example:
        >>> concrete_regularizers(1000, length_scale=2.0)  # l^2 / 2N and 1 / N
        (0.002, 0.001)
        >>> concrete_regularizers(1000, length_scale=2.0, precision=4.0)  # times 2 / tau
        (0.001, 0.0005)
    """
    if not (num_examples > 0 and length_scale > 0 and (precision is None or precision > 0)):
        raise ValueError(
            f"examples, length scale and precision must be positive: num_examples={num_examples}, "
            f"length_scale={length_scale}, precision={precision}; num_examples is the size of the training part."
        )
    scale = 1.0 if precision is None else 2 / precision
    return scale * length_scale**2 / (2 * num_examples), scale / num_examples


class ConcreteDropout(nn.Module):
    """Dropout with a learned probability; it stands where `torch.nn.Dropout` stands.

    Args:
        num_features: K, inputs of the layer that follows: the size of the last dimension, or of dimension 1 where
            `spatial`.
        p: probability at the start.
        temperature: of the relaxation; the mask is Bernoulli's as it goes to 0.
        spatial: whether to drop whole maps of a (B, K, ...) input.
        dropout_regularizer: factor of the entropy in the penalty; see `concrete_regularizers`.

    Attributes:
        p_logit: () the learned log(p / (1 - p)).

    Raises:
        ValueError: p is not between 0 and 1, or the temperature or num_features is not positive.

    Example:
        >>> layer = ConcreteDropout(3, p=0.5, dropout_regularizer=0.1)
        >>> layer.penalty().item()  # 0.1 * 3 * log(1/2)
        -0.2079...
        >>> y = layer(torch.ones(10_000, 3))
        >>> round(y.mean().item(), 1)
        1.0
    """

    def __init__(
        self,
        num_features: int,
        *,
        p: float = 0.1,
        temperature: float = 0.1,
        spatial: bool = False,
        dropout_regularizer: float = 0.0,
    ) -> None:
        super().__init__()
        probability(p, below_one=True, above_zero=True)
        if num_features < 1 or not temperature > 0:
            raise ValueError(
                f"features and temperature must be positive: num_features={num_features}, temperature={temperature}; "
                "the paper's temperature is 0.1."
            )
        self.num_features, self.temperature, self.spatial = num_features, temperature, spatial
        self.dropout_regularizer = dropout_regularizer
        self.p_logit = nn.Parameter(torch.logit(torch.tensor(p)))

    @property
    def p(self) -> Tensor:
        """The probability of dropping, ()."""
        return self.p_logit.sigmoid()

    def extra_repr(self) -> str:
        """Show the arguments, and p as it is."""
        return f"{self.num_features}, p={self.p.item():.3g}, temperature={self.temperature}, spatial={self.spatial}"

    def penalty(self) -> Tensor:
        """Weigh the negative entropy of the mask.

        Returns:
            () dropout_regularizer * K * (p log p + (1 - p) log(1 - p)), at most 0.
        """
        logit = self.p_logit
        negative_entropy = logit.sigmoid() * logsigmoid(logit) + (-logit).sigmoid() * logsigmoid(-logit)
        return self.dropout_regularizer * self.num_features * negative_entropy

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop softly in training.

        Args:
            input: (..., K), or (B, K, ...) where spatial.

        Returns:
            The same shape.

        Raises:
            ValueError: the size of that dimension is not K.
        """
        floating(input, "ConcreteDropout")
        dim = 1 if self.spatial else -1
        if input.dim() < 1 + self.spatial or input.shape[dim] != self.num_features:
            raise ValueError(
                f"dimension {dim} of the input must have {self.num_features} features: the input is "
                f"{tuple(input.shape)}; num_features is the number of inputs of the layer that follows."
            )
        if not self.training:
            return input
        shape = [size if d < 2 or not self.spatial else 1 for d, size in enumerate(input.shape)]
        # In half precision u would be coarse. u = 0 has the logit of minus infinity: it keeps, with no gradient.
        wide = torch.promote_types(input.dtype, torch.float32)
        noise = torch.logit(torch.rand(shape, dtype=wide, device=input.device))
        log_kept = logsigmoid(-(self.p_logit + noise) / self.temperature)  # log(1 - z)
        return input * (log_kept - logsigmoid(-self.p_logit)).exp().to(input.dtype)


class ConcreteDropoutLayer(nn.Module):
    """A linear layer or convolution with concrete dropout of its inputs, and the whole penalty.

    Args:
        layer: the layer; a convolution loses whole input channels.
        weight_regularizer: factor of the weights in the penalty; see `concrete_regularizers`.
        dropout_regularizer: factor of the entropy in the penalty.
        p: probability at the start.
        temperature: of the relaxation.

    Raises:
        TypeError: the layer is neither linear nor a convolution.

    Example:
        >>> layer = ConcreteDropoutLayer(nn.Linear(2, 1), weight_regularizer=1.0, p=0.5)
        >>> _ = nn.init.constant_(layer.layer.weight, 3.0)
        >>> round(layer.penalty().item(), 4)  # (9 + 9) / (1 - p)
        36.0
    """

    def __init__(
        self,
        layer: nn.Module,
        *,
        weight_regularizer: float = 0.0,
        dropout_regularizer: float = 0.0,
        p: float = 0.1,
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        if not isinstance(layer, LINEAR):
            raise TypeError(
                f"the layer must be linear or a convolution: {type(layer).__name__} came; "
                "put a ConcreteDropout before another layer."
            )
        spatial = not isinstance(layer, nn.Linear)
        width: Any = layer.in_channels if spatial else layer.in_features
        self.dropout = ConcreteDropout(
            width, p=p, temperature=temperature, spatial=spatial, dropout_regularizer=dropout_regularizer
        ).to(layer.weight.device, layer.weight.dtype)
        self.layer: Any = layer
        self.weight_regularizer = weight_regularizer

    @property
    def p(self) -> Tensor:
        """The probability of dropping, ()."""
        return self.dropout.p

    def penalty(self) -> Tensor:
        """Weigh the divergence from the prior.

        Returns:
            () weight_regularizer * |W|^2 / (1 - p), and the entropy's part.
        """
        squares = self.layer.weight.square().sum()
        return self.weight_regularizer * squares / (-self.dropout.p_logit).sigmoid() + self.dropout.penalty()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop inputs, and apply the layer.

        Args:
            input: the layer's.

        Returns:
            The layer's output.
        """
        output: Tensor = self.layer(self.dropout(input))
        return output


def concrete_dropout_penalty(model: nn.Module) -> Tensor:
    """Sum the penalties of a model's concrete dropouts, to be added to the loss of each step.

    Args:
        model: any module.

    Returns:
        () the sum; 0 where there are none.

    Example:
        >>> model = nn.Sequential(*[ConcreteDropout(1, p=0.5, dropout_regularizer=1.0) for _ in range(4)])
        >>> concrete_dropout_penalty(model).item()  # 4 log(1/2)
        -2.7725...
    """
    layers = [part for part in model.modules() if isinstance(part, ConcreteDropoutLayer)]
    inside = {layer.dropout for layer in layers}
    alone = [part for part in model.modules() if isinstance(part, ConcreteDropout) and part not in inside]
    terms = [layer.penalty() for layer in layers] + [part.penalty() for part in alone]
    return torch.stack(terms).sum() if terms else torch.zeros(())


def insert_concrete_dropout(
    model: nn.Module,
    *,
    num_examples: int,
    length_scale: float = 1e-2,
    precision: float | None = None,
    p: float = 0.1,
    temperature: float = 0.1,
) -> nn.Module:
    """Give every linear layer and convolution of a model concrete dropout of its inputs.

    Their parameters have ".layer" in their names then. The layers inside of torch's attention and transformer layers
    are left as they are: these read the weights without calling the layer.

    Args:
        model: left as it is; it should hold no other dropout.
        num_examples: N, of the training part.
        length_scale: of the prior.
        precision: None where the loss is a mean negative log-likelihood in nats; tau where it is a mean squared error.
        p: probability at the start.
        temperature: of the relaxation.

    Returns:
        The copy; add `concrete_dropout_penalty` of it to the loss.

    Raises:
        ValueError: there is no such layer outside of a `ConcreteDropoutLayer`.

    Example:
        >>> new = insert_concrete_dropout(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), num_examples=1000)
        >>> type(new[0]).__name__, new[0].dropout.num_features
        ('ConcreteDropoutLayer', 4)
    """
    weight_regularizer, dropout_regularizer = concrete_regularizers(
        num_examples, length_scale=length_scale, precision=precision
    )
    taken: set[nn.Module] = {part.layer for part in model.modules() if isinstance(part, ConcreteDropoutLayer)}
    for part in model.modules():
        if isinstance(part, nn.TransformerEncoderLayer):  # it reads its layers' weights past their calls
            taken |= set(part.modules())
    paths = {path for path, part in model.named_modules() if type(part) in LINEAR and part not in taken}
    if not paths:
        raise ValueError(
            f"the model must hold a linear layer or a convolution: {type(model).__name__} holds none that has no "
            "concrete dropout yet; put ConcreteDropout into it by hand."
        )

    def change(path: str, part: nn.Module) -> nn.Module | None:
        if path not in paths:
            return None
        return ConcreteDropoutLayer(
            part,
            weight_regularizer=weight_regularizer,
            dropout_regularizer=dropout_regularizer,
            p=p,
            temperature=temperature,
        )

    return replaced(model, change)
