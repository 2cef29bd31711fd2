r"""Max-norm: hold each unit's incoming weights to a ball, by a projection after the step.

Use it with dropout and large learning rates: weights cannot run away, whatever the step, and those inside the ball are
left alone, which a penalty would shrink.

$$ w_i \leftarrow w_i \min\left(1, \frac{c}{\|w_i\|_2}\right) \quad \text{for each output unit } i $$

Also called: max-norm constraint, norm clipping of weights.
Departures: none. The papers give c from 3 to 4.
Pitfalls: a unit's weights lie along another dimension in a transposed convolution; for a model the right one is taken.
    Rows of an embedding are units. In a recurrent layer each gate's row is projected by itself, for the input and for
    the state. Adam and momentum do not know of the projection and push against it.
Claim: at a learning rate of 0.5 with momentum 0.9 the longest weight vector of a net on the digits grows to more than
    three times c; with the projection none is longer than c after any step.
Peer: torch.renorm, which comes to the same within rounding (a law); Keras's MaxNorm, whose axis counts inputs, not run.

References:
    srebro2005rank: the max-norm of a matrix.
    srivastava2014dropout: section 5.1, the projection, with c.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from .decay_groups import decay_roles

__all__ = ["project_max_norm_"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@torch.no_grad()
def project_max_norm_(target: nn.Module | Tensor, c: float = 3.0, *, dim: int = 0) -> None:
    """Shorten what is longer than c, and leave the rest as it is, to the bit.

    Args:
        target: a model, all of whose weights are projected, embeddings included, biases and normalizations not; or
            one weight. Changed in place, after the optimizer's step.
        c: the largest Euclidean length, in units of the weight.
        dim: of a single weight, the dimension that runs over units; 1 for a transposed convolution without groups. A
            model's layers know it.

    Raises:
        ValueError: c is not positive, a weight has fewer than two dimensions, or a model's weight is parametrized.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> project_max_norm_(weight, 1.0)
        >>> weight
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    if not c > 0:
        raise ValueError(f"c must be positive: it is {c}; give the largest length of a unit's weights.")
    if isinstance(target, Tensor):
        if target.dim() < 2:
            raise ValueError(
                f"a weight must have a dimension of units and one of inputs: it is {tuple(target.shape)}; "
                "leave vectors as they are."
            )
        _project_(target.movedim(dim, 0), c, leading=1)
        return
    roles = decay_roles(target, skip_embeddings=False)
    for path, layer in target.named_modules():
        own = {
            f"{path}.{name}" if path else name: weight
            for name, weight in layer.named_parameters(recurse=False)
        }
        if is_parametrized(layer) or any(roles[name].endswith("of a weight") for name in own):
            raise ValueError(
                f"a weight must stand by itself to be projected: {path or 'the model'} ({type(layer).__name__}) is "
                "parametrized; project the tensor behind it, or remove the parametrization."
            )
        for name, weight in own.items():
            # A frozen tensor has another role and is left alone; a tied one is met under its first name.
            if roles[name] == "weight":
                if isinstance(layer, _TRANSPOSED):
                    by_group = weight.unflatten(0, (layer.groups, -1))
                    _project_(by_group.transpose(1, 2), c, leading=2)  # (G, C_out / G, C_in / G, ...)
                else:
                    _project_(weight, c, leading=1)


def _project_(weight: Tensor, c: float, *, leading: int) -> None:
    """Project a view whose leading dimensions count units."""
    inside = tuple(range(leading, weight.dim()))
    wide = torch.promote_types(weight.dtype, torch.float32)
    length = torch.linalg.vector_norm(weight, dim=inside, keepdim=True, dtype=wide)
    # What has just been projected may lie above c by rounding; a second projection must not touch it.
    over = length > c * (1 + 4 * torch.finfo(weight.dtype).eps)
    weight.copy_(torch.where(over, (weight * (c / length)).to(weight.dtype), weight))
