r"""Layer normalization: normalize each example over its own features.

Use it where batches are small or sequences vary in length: in recurrent nets and transformers. No statistic crosses
from one example, or one time step, to another, so training and evaluation compute the same thing and padding is
harmless to the rest.

$$ y = \frac{g}{\sigma} \odot (a - \mu) + b, \qquad \mu = \frac{1}{H} \sum_{i=1}^{H} a_i, \qquad
\sigma = \sqrt{\frac{1}{H} \sum_{i=1}^{H} (a_i - \mu)^2 + \epsilon} $$

The LSTM normalizes the two products and the cell state each on its own:

$$ (i, f, g, o) = \mathrm{LN}(W_h h; \alpha_1, \beta_1) + \mathrm{LN}(W_x x; \alpha_2, \beta_2) $$

$$ c' = \sigma(f) \odot c + \sigma(i) \odot \tanh g, \qquad
h' = \sigma(o) \odot \tanh(\mathrm{LN}(c'; \alpha_3, \beta_3)) $$

On images there are two readings. Over channels and space together, with one gain a channel, it is
`GroupNorm(1, C)`; at each pixel over the channels alone it is `LayerNorm2d`, the layer of ConvNeXt.

Also called: LN.
Departures: the paper has no epsilon; torch adds one under the root. The gates stand in the order of torch's cells,
    and the LSTM's third shift is left out, for it only adds to bias_hh and bias_ih.
Pitfalls: the LayerNorm of torch over (C, H, W) has a gain for each pixel of each channel, so it fits one image size
    only. In the GRU of the paper the update gate weighs the new state, in that of torch the old one. Normalizing
    over a padded time axis lets the padding in; normalize the features.
Claim: with steps of one example four layers of ReLUs learn the digits with it and not without.
Peer: torch for LayerNorm (ours is torch's class), which has no layer-normalized cells.

References:
    ba2016layer: Eq. 3 and 4; the LSTM and the GRU in the supplementary material; gain 1 and bias 0 in section 6.
    liu2022convnet: LayerNorm2d, in section 2.6.
"""

import torch
from torch import Tensor, nn
from torch.nn import LayerNorm as LayerNorm
from torch.nn import functional as F

__all__ = ["LayerNorm", "LayerNorm2d", "LayerNormGRUCell", "LayerNormLSTMCell", "LayerNormRNNCell"]


class LayerNorm2d(LayerNorm):
    """Layer normalization of images: at each pixel over the channels.

    Args:
        num_channels: C, at least 2.
        eps: added to the variance.
        elementwise_affine: whether each channel has a gain and a bias.
        bias: False leaves the bias out.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ValueError: there are fewer than two channels.

    Example:
        >>> x = torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1) * torch.tensor([1.0, 10.0])
        >>> x[0, :, 0], LayerNorm2d(2)(x)[0, :, 0].detach().round()
        (tensor([[ 1., 10.],
                [ 3., 30.]]), tensor([[-1., -1.],
                [ 1.,  1.]]))
    """

    def __init__(
        self,
        num_channels: int,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        _refuse_one_unit("num_channels", num_channels)
        super().__init__(num_channels, eps, elementwise_affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalize.

        Args:
            input: (B, C, H, W) or (C, H, W).

        Returns:
            The same shape.

        Raises:
            ValueError: the input is no image, or has another number of channels.
        """
        channels = self.normalized_shape[0]
        if input.dim() not in {3, 4} or input.shape[-3] != channels:
            raise ValueError(
                f"input must be (B, {channels}, H, W) or ({channels}, H, W): it is {tuple(input.shape)}; "
                "build the layer with the number of channels of its input."
            )
        return super().forward(input.movedim(-3, -1)).movedim(-1, -3)


class _Cell(nn.Module):
    """What the cells share: the weights and shifts of torch's cells, and a gain beside each shift."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, eps: float, gates: int, norms: dict[str, int]
    ) -> None:
        super().__init__()
        _refuse_one_unit("hidden_size", hidden_size)
        self.input_size, self.hidden_size, self.bias, self.eps = input_size, hidden_size, bias, eps
        self.weight_ih = nn.Parameter(torch.empty(gates * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(gates * hidden_size, hidden_size))
        self._norms = norms
        for name, parts in norms.items():
            self.register_parameter(f"gain_{name}", nn.Parameter(torch.empty(parts * hidden_size)))
            shift = nn.Parameter(torch.empty(parts * hidden_size)) if bias else None
            self.register_parameter(f"bias_{name}", shift)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights as torch's cells do; set gains to 1 and biases to 0."""
        bound = self.hidden_size**-0.5
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        for name in self._norms:
            nn.init.ones_(self.get_parameter(f"gain_{name}"))
            if self.bias:
                nn.init.zeros_(self.get_parameter(f"bias_{name}"))

    def _normalize(self, summed: Tensor, name: str, rows: slice = slice(None)) -> Tensor:
        gain, shift = getattr(self, f"gain_{name}"), getattr(self, f"bias_{name}")
        return F.layer_norm(
            summed, summed.shape[-1:], gain[rows], None if shift is None else shift[rows], self.eps
        )

    def _state(self, input: Tensor, **states: Tensor | None) -> list[Tensor]:  # noqa: A002 - torch's name
        """Check the shapes; a state that is not given is 0."""
        if input.dim() not in {1, 2} or input.shape[-1] != self.input_size:
            raise ValueError(
                f"input must be (B, {self.input_size}) or ({self.input_size},): it is {tuple(input.shape)}; "
                "pass one time step of a sequence at a time."
            )
        want = (*input.shape[:-1], self.hidden_size)
        for name, state in states.items():
            if state is not None and state.shape != want:
                raise ValueError(
                    f"{name} must be {want} for an input of {tuple(input.shape)}: it is {tuple(state.shape)}; "
                    "leave the state out to start from 0."
                )
        return [input.new_zeros(want) if state is None else state for state in states.values()]

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"{self.input_size}, {self.hidden_size}, bias={self.bias}, eps={self.eps}"


class LayerNormRNNCell(_Cell):
    """A recurrent cell that normalizes the sum of its two products before the tanh.

    Args:
        input_size: F.
        hidden_size: H, at least 2: a lone unit is normalized to 0.
        bias: False leaves the shift out.
        eps: added to the variance.

    Raises:
        ValueError: there are fewer than two hidden units.

    Example:
        Two units are normalized to 1 and -1, whatever comes; tanh 1 is 0.7616.

        >>> LayerNormRNNCell(3, 2)(torch.tensor([[100.0, -300.0, 50.0]])).abs().detach()
        tensor([[0.7616, 0.7616]])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, eps: float = 1e-5) -> None:
        super().__init__(input_size, hidden_size, bias, eps, gates=1, norms={"hh": 1})

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002 - torch's name
        """Take one time step.

        Args:
            input: (B, F) or (F,).
            hx: (B, H) or (H,), the state; 0 where it is not given.

        Returns:
            (B, H) or (H,), the next state.
        """
        (h,) = self._state(input, hx=hx)
        return self._normalize(F.linear(h, self.weight_hh) + F.linear(input, self.weight_ih), "hh").tanh()


class LayerNormLSTMCell(_Cell):
    """An LSTM cell with layer normalization of both products and of the cell state.

    Weights and biases have the names, shapes and gate order (i, f, g, o) of torch's cell; beside each
    bias stands a gain, and the cell state has a pair of its own.

    Args:
        input_size: F.
        hidden_size: H, at least 2: a lone unit is normalized to 0.
        bias: False leaves the shifts out.
        eps: added to the variance.

    Raises:
        ValueError: there are fewer than two hidden units.

    Example:
        With nothing coming in, every gate is half open and the cell state halves, from (2, 4) to (1, 2);
        normalized it is (-1, 1), so the output is half of tanh(-1) and tanh(1).

        >>> h, c = LayerNormLSTMCell(3, 2)(torch.zeros(1, 3), (torch.zeros(1, 2), torch.tensor([[2.0, 4.0]])))
        >>> c.detach(), h.detach()
        (tensor([[1., 2.]]), tensor([[-0.3808,  0.3808]]))
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, eps: float = 1e-5) -> None:
        super().__init__(input_size, hidden_size, bias, eps, gates=4, norms={"ih": 4, "hh": 4, "cell": 1})

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002 - torch's name
        """Take one time step.

        Args:
            input: (B, F) or (F,).
            hx: output and cell state, (B, H) or (H,) each; 0 where they are not given.

        Returns:
            The next output and cell state.
        """
        h, c = hx if hx is not None else (None, None)
        h, c = self._state(input, h=h, c=c)
        gates = self._normalize(F.linear(h, self.weight_hh), "hh") + self._normalize(
            F.linear(input, self.weight_ih), "ih"
        )
        i, f, g, o = gates.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * self._normalize(c, "cell").tanh()
        return h, c


class LayerNormGRUCell(_Cell):
    """A GRU cell with layer normalization: over both gates together, and over the candidate.

    Weights have the names, shapes and order (r, z, n) of torch's cell. The update gate z is the paper's: it weighs
    the candidate n, where torch's weighs the old state.

    Args:
        input_size: F.
        hidden_size: H, at least 2: a lone unit is normalized to 0.
        bias: False leaves the shifts out.
        eps: added to the variance.

    Raises:
        ValueError: there are fewer than two hidden units.

    Example:
        With nothing coming in and no recurrent weight, the candidate is 0 and half of the state is kept.

        >>> cell = LayerNormGRUCell(3, 2)
        >>> _ = nn.init.zeros_(cell.weight_hh)
        >>> cell(torch.zeros(1, 3), torch.tensor([[2.0, 4.0]])).detach()
        tensor([[1., 2.]])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, eps: float = 1e-5) -> None:
        super().__init__(input_size, hidden_size, bias, eps, gates=3, norms={"ih": 3, "hh": 3})

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002 - torch's name
        """Take one time step.

        Args:
            input: (B, F) or (F,).
            hx: (B, H) or (H,), the state; 0 where it is not given.

        Returns:
            (B, H) or (H,), the next state.
        """
        (h,) = self._state(input, hx=hx)
        gates, new = slice(2 * self.hidden_size), slice(2 * self.hidden_size, None)
        from_h, from_x = F.linear(h, self.weight_hh), F.linear(input, self.weight_ih)
        r, z = (
            self._normalize(from_h[..., gates], "hh", gates)
            + self._normalize(from_x[..., gates], "ih", gates)
        ).chunk(2, dim=-1)
        n = self._normalize(from_x[..., new], "ih", new) + r.sigmoid() * self._normalize(
            from_h[..., new], "hh", new
        )
        return (1 - z.sigmoid()) * h + z.sigmoid() * n.tanh()


def _refuse_one_unit(name: str, size: int) -> None:
    if size < 2:
        raise ValueError(
            f"{name} must be at least 2: it is {size}; a lone unit minus its own mean is always 0."
        )
