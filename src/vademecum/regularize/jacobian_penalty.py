r"""Jacobian penalty: hold the slopes of a net's outputs down; what small noise on the inputs does in the mean.

Use it to make outputs answer less to any small change of the input, where tangents of particular changes are not known.

$$ \Omega = \frac{1}{2B} \sum_{n=1}^{B} \|J(x_n)\|_F^2
= \frac{1}{2B} \sum_{n=1}^{B} \mathbb{E}_v \|J(x_n)^\top v\|^2, \qquad \mathbb{E}[v v^\top] = I $$

Training on half the squared error with noise of variance $\sigma^2$ on the inputs adds, in expectation,
$\sigma^2 \Omega$: exactly for a linear model, and to leading order where the net fits the mean of its targets, since
the other term of that order, with second derivatives, vanishes there. Add `strength * jacobian_penalty(model, x)` to a
loss that is a mean over the examples; the strength is $\sigma^2$.

Also called: Tikhonov regularization of the function, double backpropagation, contractive penalty (of an encoder).
Departures: v has signs for coordinates, which has the least variance among independent ones of mean 0; Hoffman et al.
    draw from the sphere.
Pitfalls: cross-entropy has other curvature than the squared error: noise there is a penalty on J weighted by the
    softmax. Layers that mix examples, such as batch norm in training, add the slopes across the batch.
Claim: noise on the inputs of a fitted net raises half its squared error by noise variance times this penalty, within a
    tenth for deviations of the noise up to 0.05; at a deviation of 2 it does not.
Peer: none run; facebookresearch/jacobian_regularizer, which was read, estimates the same number with vectors from the
    sphere.

References:
    bishop1995training: sections 2 and 3, noise as a penalty, and when the second derivatives vanish.
    hoffman2019robust: Algorithm 1, random projections.
    drucker1992improving: the gradient of a gradient, as double backpropagation.
"""

import torch
from torch import Tensor, nn

__all__ = ["jacobian_penalty"]


def jacobian_penalty(
    model: nn.Module,
    x: Tensor,
    *,
    num_projections: int | None = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Estimate half the squared Frobenius norm of the Jacobian, mean over a batch.

    Args:
        model: runs once, in the mode that it is in.
        x: (B, ...) inputs.
        num_projections: random vectors, each one pass backward; None takes every output in turn, which is exact.
        generator: of the signs.

    Returns:
        () squared units of the output over those of the input; its gradient reaches the parameters.

    Raises:
        ValueError: there is no example, no projection, or the outputs are not one row for each input.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> _ = model.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> jacobian_penalty(model, torch.zeros(5, 2)).item()  # with one output, exact: 25 / 2
        12.5
    """
    if num_projections is not None and num_projections < 1:
        raise ValueError(
            f"num_projections must be at least 1: it is {num_projections}; None takes every output in turn."
        )
    inputs = x.detach().requires_grad_()
    outputs = model(inputs)
    if len(x) == 0 or outputs.dim() == 0 or len(outputs) != len(x):
        raise ValueError(
            f"the model must give one row for each of at least one input: {tuple(x.shape)} became "
            f"{tuple(outputs.shape)}; keep the batch in front."
        )
    rows = outputs.flatten(1) if outputs.dim() > 1 else outputs[:, None]
    if num_projections is None:
        vectors = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)[:, None].expand(
            -1, len(x), -1
        )
    else:
        shape = (num_projections, *rows.shape)
        where = x.device if generator is None else generator.device
        coins = torch.randint(2, shape, generator=generator, device=where).to(rows)
        vectors = 2 * coins - 1
    squares = [
        torch.autograd.grad(rows, inputs, vector, create_graph=True)[0].square().sum() for vector in vectors
    ]
    mean_over = 1 if num_projections is None else num_projections
    return torch.stack(squares).sum() / (2 * mean_over * len(x))
