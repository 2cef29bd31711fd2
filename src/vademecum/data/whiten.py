r"""Whitening: rotate and stretch the data until all features have variance 1 and none tells of another.

Use it before what assumes features of one scale without correlation: distances, clustering, Gaussian models, ICA,
or a linear model by plain descent, which is slowed by the ratio of the largest variance to the smallest.
Whatever W fulfills the middle equation whitens. ZCA stays closest to the data, so that a whitened image still
looks like one; PCA orders the features by the variance they had; Cholesky is triangular, so that feature i is made
of the features from i on.

$$ z = W (x - \mu), \qquad W^T W = (C + \epsilon)^{-1}, \qquad C = U S U^T, \qquad
W = \begin{cases} U (S + \epsilon)^{-1/2} U^T & \text{ZCA} \\ (S + \epsilon)^{-1/2} U^T & \text{PCA} \\
L^T, \; L L^T = (C + \epsilon)^{-1} & \text{Cholesky} \end{cases} $$

so that the variance along an eigenvector becomes S / (S + epsilon).

Also called: sphering, decorrelation, ZCA whitening, PCA whitening, Mahalanobis whitening.
Departures: epsilon is added to the variances, as in common course notes; the papers' equations have none. The
    covariance divides by N; correction=1 divides by N - 1 as scikit-learn does. ``shrinkage="ledoit_wolf"`` moves
    the covariance towards a multiple of the identity, which few examples of many features need.
Pitfalls: the divisor is the root of the eigenvalue, not the eigenvalue. Directions without variance in the
    training part are multiplied by `largest_gain`, so that noise in new data is blown up there. Epsilon has the
    unit of the data squared: for pixels up to 255 the default is next to nothing. Whiten after the split, with
    the training mean. F features take F x F matrices, two of them in the saved model. Equal eigenvalues leave
    PCA's directions open; ZCA does not depend on them.
Claim: on diabetes plain descent on a linear model ends ten times nearer to the least-squares solution than on
    standardized features, which does not show in the error on new examples. On the digits, each input at its best
    rate, a linear classifier trains no faster at the default epsilon (log of 2026-11-24).
Peer: scikit-learn's PCA(whiten=True) and ledoit_wolf; for ZCA and Cholesky none.

References:
    bell1997independent: the symmetric decorrelating filters, zero-phase, beside those of PCA.
    krizhevsky2009learning: appendix A, the ZCA whitening transformation.
    kessy2018optimal: Table 1, the natural whitening procedures and what each is best for.
    ledoit2004well: the shrinkage intensity.
"""

import torch
from torch import Tensor, nn

from . import _statistics as shared
from ._covariance import MAX_BYTES, covariance, flat, product, require_memory, upright
from ._statistics import floating, refuse_second_fit, require_fitted, require_shape, resume, training_part
from .split import View

__all__ = ["Whiten"]


class Whiten(nn.Module):
    """Whiten examples, or the channels of images, with a covariance that was fitted.

    Args:
        num_features: F, the numbers in an example, or C for channels.
        kind: "zca", "pca" or "cholesky".
        dim: None: an example is one vector, whatever its shape, and comes out in this shape; a dimension: only
            the features along it are whitened, and all other places count as examples (1 for channels).
        eps: added to the variances, in units of the input squared.
        shrinkage: None, or "ledoit_wolf".
        correction: subtracted from the number of examples in the covariance.
        max_bytes: what the covariance and its eigenvectors may take; work space of about the same size comes on
            top.
        device: of the buffers.
        dtype: of the buffers; a fit computes in float64 whatever it is.

    Attributes:
        mean: (F,) in units of the input.
        variance: (F,) eigenvalues of the covariance after shrinkage, the largest first.
        whitening: (F, F) W.
        dewhitening: (F, F) its inverse.
        shrunk: () how far the covariance was moved towards the identity, from 0 to 1.
        count: () examples seen.
        fitted: whether there are statistics.

    Raises:
        ValueError: the kind or the shrinkage is none of those above, epsilon is negative, or F features take
            more than max_bytes.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [2.0, -2.0], [-2.0, 2.0]])  # variances 1 and 4
        >>> whiten = Whiten(2, eps=0.0).fit(x)
        >>> whiten(x)  # both directions have variance 1 now, and no point has turned
        tensor([[ 1.,  1.],
                [-1., -1.],
                [ 1., -1.],
                [-1.,  1.]])
    """

    mean: Tensor
    variance: Tensor
    whitening: Tensor
    dewhitening: Tensor
    shrunk: Tensor
    count: Tensor

    def __init__(
        self,
        num_features: int,
        kind: str = "zca",
        *,
        dim: int | None = None,
        eps: float = 1e-5,
        shrinkage: str | None = None,
        correction: int = 0,
        max_bytes: int = MAX_BYTES,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if kind not in ("zca", "pca", "cholesky"):
            raise ValueError(f'kind must be "zca", "pca" or "cholesky": it is {kind!r}.')
        if shrinkage not in (None, "ledoit_wolf"):
            raise ValueError(f'shrinkage must be None or "ledoit_wolf": it is {shrinkage!r}.')
        if not eps >= 0:
            raise ValueError(f"eps must not be negative: it is {eps}.")
        require_memory(
            2 * 8 * num_features**2,
            max_bytes,
            what=f"the covariance and its eigenvectors, {num_features} x {num_features} each,",
            remedy='take fewer features first (PCA with solver="randomized"), whiten channels (dim=1), or make '
            "the images smaller",
        )
        self.num_features = num_features
        self.kind = kind
        self.dim = dim
        self.eps = eps
        self.shrinkage = shrinkage
        self.correction = correction
        self.fitted = False
        one = torch.eye(num_features, device=device, dtype=dtype)
        self.register_buffer("mean", torch.zeros(num_features, device=device, dtype=dtype))
        self.register_buffer("variance", torch.ones(num_features, device=device, dtype=dtype))
        self.register_buffer("whitening", one)
        self.register_buffer("dewhitening", one.clone())
        self.register_buffer("shrunk", torch.zeros((), device=device, dtype=dtype))
        self.register_buffer("count", torch.zeros((), device=device, dtype=torch.int64))
        self.register_load_state_dict_post_hook(resume)

    def resume(self) -> None:
        """Take note, after the buffers were loaded, whether they hold statistics."""
        self.fitted = int(self.count) > 0

    def fit(self, x: Tensor | View) -> "Whiten":
        """Compute the whitening matrix of the training part.

        Args:
            x: (N, ...) with F numbers in each example, or with F at `dim`; of any type; or a view of the
                training part.

        Returns:
            The module itself.

        Raises:
            ValueError: x has another shape, is empty, is not finite, or is a view of another part; or the
                covariance has no inverse in double precision.
        """
        refuse_second_fit(self)
        x = self._laid_out(training_part(x))
        F = self.num_features
        n, mean, C = covariance(x, dim=-1, num_features=F, correction=self.correction)
        shrunk = 0.0
        if self.shrinkage is not None:
            from sklearn.covariance import ledoit_wolf_shrinkage

            rows = x.detach().cpu().double().reshape(-1, F) - mean
            shrunk = float(ledoit_wolf_shrinkage(rows.numpy(), assume_centered=True))
            C = (1 - shrunk) * C + shrunk * C.trace() / F * torch.eye(F, dtype=C.dtype)
        variance, U = torch.linalg.eigh(C)  # ascending
        variance = variance.clamp_min(0)
        least, most = float(variance[0]) + self.eps, float(variance[-1]) + self.eps
        if not least > F * torch.finfo(C.dtype).eps * most:
            raise ValueError(
                f"every direction must vary, or eps be large enough: the variances lie in {variance[0]:g} .. "
                f"{variance[-1]:g} and eps is {self.eps:g}; raise eps, take PCA first, or shrinkage."
            )
        W, inverse = self._matrices(C, variance, U)
        self.mean.copy_(mean)
        self.variance.copy_(variance.flip(0))
        self.whitening.copy_(W)
        self.dewhitening.copy_(inverse)
        self.shrunk.fill_(shrunk)
        self.count.fill_(n)
        self.fitted = True
        return self

    def _matrices(self, C: Tensor, variance: Tensor, U: Tensor) -> tuple[Tensor, Tensor]:
        """W and its inverse, from the covariance or its eigenvectors in ascending order."""
        root = (variance + self.eps).sqrt()
        if self.kind == "zca":
            return (U / root) @ U.T, (U * root) @ U.T
        if self.kind == "pca":
            V = upright(U.flip(1).T)  # (F, F), one a row
            root = root.flip(0)
            return V / root[:, None], V.T * root
        # C + eps = R R^T with R upper triangular: Cholesky of the matrix turned around in both dimensions.
        one = torch.eye(self.num_features, dtype=C.dtype)
        R = torch.linalg.cholesky((C + self.eps * one).flip(0, 1)).flip(0, 1)
        return torch.linalg.solve_triangular(R, one, upper=True), R

    def _laid_out(self, x: Tensor) -> Tensor:
        """The features in the last dimension."""
        if self.dim is None:
            return flat(x, self.num_features)
        require_shape(x, dim=self.dim, num_features=self.num_features)
        return x.movedim(self.dim, -1)

    def _back(self, rows: Tensor, like: Tensor) -> Tensor:
        """The features where the input had them."""
        return rows.reshape(like.shape) if self.dim is None else rows.movedim(-1, self.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Whiten.

        Args:
            x: (B, ...) with F numbers in each example, or with F at `dim`; of any type.

        Returns:
            The same shape, without unit; in the type of x where that is floating.

        """
        require_fitted(self)
        rows = floating(self._laid_out(x), self.mean)
        return self._back(product(rows - self.mean, self.whitening.T).to(rows.dtype), x)

    def inverse(self, z: Tensor) -> Tensor:
        """Undo the whitening.

        Args:
            z: (B, ...) as forward gives it.

        Returns:
            The same shape, in units of the input.

        """
        require_fitted(self)
        rows = floating(self._laid_out(z), self.mean)
        return self._back((product(rows, self.dewhitening.T) + self.mean).to(rows.dtype), z)

    transform = shared.transform
    fit_transform = shared.fit_transform
    inverse_transform = shared.inverse_transform

    @property
    def largest_gain(self) -> float:
        """What the direction of the smallest variance is multiplied by: one over the root of S_min + eps."""
        require_fitted(self)
        return (float(self.variance[-1]) + self.eps) ** -0.5

    @property
    def condition_number(self) -> float:
        """(S_max + eps) / (S_min + eps), the square of the ratio of the largest gain to the smallest."""
        require_fitted(self)
        return (float(self.variance[0]) + self.eps) / (float(self.variance[-1]) + self.eps)

    def extra_repr(self) -> str:
        """Show what the module was made with.

        Returns:
            The words between the brackets.
        """
        return f"{self.num_features}, {self.kind!r}, dim={self.dim}, eps={self.eps}, fitted={self.fitted}"
