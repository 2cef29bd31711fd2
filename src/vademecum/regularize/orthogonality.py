r"""Orthogonality: prefer weights whose rows, or columns, are orthonormal.

Use it in deep nets, where it keeps lengths of signals and gradients, and beside weight decay, which works against it.
Each weight is taken as the matrix of its filters, $W$ of (F, G) with one filter a row.

$$ \Omega_{\text{soft}} = \sum_W \|W W^\top - I\|_F^2, \qquad
\Omega_{\text{double}} = \sum_W \|W W^\top - I\|_F^2 + \|W^\top W - I\|_F^2, \qquad
\Omega_{\text{spectral}} = \sum_W \sigma(W W^\top - I) $$

where $\sigma$ is the largest absolute eigenvalue. A wide matrix can have orthonormal rows, a tall one orthonormal
columns; the product on the shorter side is taken, so that 0 can be reached by both.

Also called: soft orthogonality (SO), double soft orthogonality (DSO), spectral restricted isometry (SRIP),
    orthonormality regularization.
Departures: the paper takes the filters' product also where there are more filters than inputs. For "soft" the two
    sides differ by the constant |F - G| alone, and so "double" is twice "soft" plus that constant: it has no other
    gradient, as the laws show. For "spectral" the longer side has the eigenvalue -1 besides, and can never reach 0.
    The paper stops power iteration after two steps; here the number is an argument and the start follows `generator`.
Pitfalls: a convolution with orthonormal filters is no orthogonal map of images where windows overlap. The gates of a
    recurrent layer, which are stacked, count as one matrix; each group of a convolution counts as its own. The paper's
    strengths belong to a sum over layers: from 1e-1 down to 1e-6 as training goes on.
Claim: none, because the gains are a point of accuracy in wide residual nets; the laws hold what is claimed of matrices.
Peer: none run. In the paper's code (VITA-Group/Orthogonality-in-CNNs), which was read, the spectral penalty is the
    square of the eigenvalue, and of the product over inputs, which in a wide layer has the eigenvalue -1 in any case.

References:
    bansal2018can: sections 3.1, 3.2 and 3.4.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from ._sums import total, wide
from .decay_groups import decay_roles, decayed_parameters

__all__ = ["orthogonality_penalty", "spectral_isometry_penalty"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def orthogonality_penalty(model: nn.Module, *, double: bool = False, skip: Iterable[str] = ()) -> Tensor:
    """Add up how far each weight is from orthonormal filters, in squared Frobenius norm.

    Args:
        model: its weights of two and more dimensions count, embeddings not.
        double: take both sides, as the paper's double soft orthogonality does.
        skip: as in `decay_groups`.

    Returns:
        () the sum over weights, to be multiplied by a strength.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
        >>> orthogonality_penalty(layer).item()  # (4 - 1) squared
        9.0
    """
    parts = []
    for matrix in _matrices(model, skip):
        parts.append(_departure(matrix).square().sum())
        if double:
            parts.append(_departure(matrix, longer=True).square().sum())
    return total(parts)


def spectral_isometry_penalty(
    model: nn.Module,
    *,
    num_iterations: int = 2,
    skip: Iterable[str] = (),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Add up how far each weight is from keeping lengths, at its worst: the paper's SRIP.

    Args:
        model: as in `orthogonality_penalty`.
        num_iterations: steps of power iteration, 2 in the paper; what is found is at most the largest eigenvalue.
        skip: as in `decay_groups`.
        generator: of the start.

    Returns:
        () the sum over weights of the largest absolute eigenvalue, to be multiplied by a strength.

    Raises:
        ValueError: there is no step of iteration.

    Example:
        >>> layer = nn.Linear(3, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[2.0, 0.0, 0.0]]))
        >>> spectral_isometry_penalty(layer).item()  # 4 - 1
        3.0
    """
    if num_iterations < 1:
        raise ValueError(f"num_iterations must be at least 1: it is {num_iterations}; the paper takes 2.")
    return total(
        _spectral(_departure(matrix), num_iterations, generator) for matrix in _matrices(model, skip)
    )


def _departure(matrix: Tensor, *, longer: bool = False) -> Tensor:
    """The Gram matrix of the shorter side, or of the longer one, less the identity; (G, side, side)."""
    rows = (matrix.shape[-2] <= matrix.shape[-1]) is not longer
    gram = matrix @ matrix.mT if rows else matrix.mT @ matrix
    return gram - torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)


def _spectral(departure: Tensor, num_iterations: int, generator: torch.Generator | None) -> Tensor:
    """Power iteration on symmetric matrices (G, side, side): the length that the last step gives to a unit vector."""
    where = departure.device if generator is None else generator.device
    start = torch.randn(*departure.shape[:-1], 1, generator=generator, device=where, dtype=departure.dtype)
    vector = start.to(departure.device)
    for _ in range(num_iterations):
        vector = departure @ nn.functional.normalize(vector, dim=-2)
    return vector.norm(dim=-2).sum()


def _matrices(model: nn.Module, skip: Iterable[str]) -> list[Tensor]:
    """Each weight as matrices (G, F, inputs), one for each group of a convolution: groups share no input."""
    seen: dict[tuple[nn.Module, str], Tensor] = {}
    roles = decay_roles(model, skip=skip)
    for name in decayed_parameters(model, skip=skip):
        path, _, local = name.rpartition(".")
        if "parametrizations" in path.split("."):  # the weight that the layer uses, not what stands behind it
            path, _, local = path.rpartition(".")
            path = path.removesuffix("parametrizations").removesuffix(".")
        elif roles[name] == "length of a weight":
            raise ValueError(
                f"a weight must be a parameter or parametrized: {name} is of torch's older weight_norm; use "
                "torch.nn.utils.parametrizations.weight_norm."
            )
        layer = model.get_submodule(path)
        weight = wide(cast(Tensor, getattr(layer, local)))
        groups = cast(int, getattr(layer, "groups", 1))
        if isinstance(layer, _TRANSPOSED):
            weight = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(2)
        else:
            weight = weight.unflatten(0, (groups, -1)).flatten(2)
        seen[layer, local] = weight
    return list(seen.values())
