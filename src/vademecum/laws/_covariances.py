"""What the laws of PCA and whitening share: covariance and eigenvectors in loops, and data that have distinct ones."""

from collections.abc import Callable
from math import hypot

import torch
from torch import Tensor

from ._suite import Draw


def correlated(draw: Draw, *, mean: float = 0.5) -> Tensor:
    """Correlated training data, with variances far enough apart for their directions to be determined."""
    N, *rest = draw.shape
    F = torch.Size(rest).numel()
    mix = torch.eye(F, dtype=draw.dtype) + 0.5 * torch.ones(F, F, dtype=draw.dtype).triu(1)
    scale = 0.5 ** torch.arange(F, dtype=draw.dtype)
    rows = draw.normal(N, F, name="train") * scale @ mix
    return (rows + mean).view(draw.shape)


def statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance, divided by N, in loops."""
    N, F = rows.shape
    x = rows.double().tolist()
    mean = [sum(row[i] for row in x) / N for i in range(F)]
    C = [[sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in x) / N for j in range(F)] for i in range(F)]
    return torch.tensor(mean, dtype=torch.float64), torch.tensor(C, dtype=torch.float64)


def eigen(C: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, the largest first, and eigenvectors in columns, by Jacobi's rotations."""
    A = [[float(v) for v in row] for row in C]
    F = len(A)
    U = [[float(i == j) for j in range(F)] for i in range(F)]
    for _ in range(50):  # sweeps; they converge quadratically
        for p in range(F):
            for q in range(p + 1, F):
                if A[p][q] == 0:
                    continue
                theta = (A[q][q] - A[p][p]) / (2 * A[p][q])
                t = (1 if theta >= 0 else -1) / (abs(theta) + hypot(theta, 1))
                c = 1 / hypot(t, 1)
                s = t * c
                for row in (*A, *U):  # columns p and q
                    row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
                A[p], A[q] = (
                    [c * a - s * b for a, b in zip(A[p], A[q], strict=True)],
                    [s * a + c * b for a, b in zip(A[p], A[q], strict=True)],
                )
    order = sorted(range(F), key=lambda i: -A[i][i])
    values = torch.tensor([A[i][i] for i in order], dtype=torch.float64)
    return values, torch.tensor([[row[i] for i in order] for row in U], dtype=torch.float64)


def upright(vectors: Tensor) -> Tensor:
    """The columns, each with the sign that makes its largest entry by magnitude positive."""
    out = vectors.clone()
    for j in range(out.shape[1]):
        column = out[:, j].tolist()
        if max(column, key=abs) < 0:
            out[:, j] = -out[:, j]
    return out


def same_signs(got: Tensor, want: Tensor) -> Tensor:
    """What was got, each feature with the sign that brings it nearer to what is wanted: a sign is a convention."""
    if got.shape != want.shape:
        return got
    along = (got.flatten(1) * want.flatten(1)).sum(0)
    return (got.flatten(1) * along.where(along != 0, 1.0).sign()).view(got.shape)


def matrix_of(scale: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """The matrix of an affine map, a row for each output, read off where the unit vectors go."""
    F = like[0].numel()
    unit = torch.eye(F, dtype=like.dtype).view(F, *like.shape[1:])
    return (scale(unit) - scale(torch.zeros_like(unit))).flatten(1).T
