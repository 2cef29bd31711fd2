r"""Principal component analysis: the few orthogonal directions in which the data vary most.

Use it where inputs are many and correlated: the first components hold most of the variance in few numbers
without correlation, which a dense net learns from faster and with less noise. It tears pixels out of their
places, so put no convolution behind it. It measures variance, not use: a small direction may tell the classes
apart. Features in unequal units are standardized first; see `whiten` for components of unit variance.

$$ C = \frac1N \sum_n (x_n - \mu)(x_n - \mu)^T = U S U^T, \qquad
z = U_k^T (x - \mu), \qquad \hat x = \mu + U_k z, \qquad
\frac1N \sum_n \lVert x_n - \hat x_n \rVert^2 = \sum_{j > k} S_j $$

Also called: PCA, Karhunen-Loeve transform, Hotelling transform, proper orthogonal decomposition.
Departures: the variance divides by N, as the equation does; scikit-learn's divides by N - 1: correction=1.
    The sign of a component is free: here its largest entry by magnitude is positive. Where there are fewer
    examples than features the same components come from the singular values of the centered data.
Pitfalls: new data are centered with the training mean. Where two variances are nearly equal, their components
    are any two directions in that plane, and differ from fit to fit. The randomized solver is good where the
    variances fall quickly. A fraction of the variance kept is no accuracy kept.
Claim: on digits fewer than 32 of 64 components hold 95 % of the training variance, and keep 93 % of that of new
    digits; with each pixel shuffled among the examples more than 36 are needed.
Peer: scikit-learn's PCA.

References:
    pearson1901lines: the line and plane of closest fit, by the axes of the correlation ellipsoid.
    bishop2006pattern: section 12.1, maximum variance and minimum error.
    halko2011finding: Algorithm 5.1 on a randomized range finder, for solver="randomized".
"""

import torch
from torch import Tensor, nn

from . import _statistics as shared
from ._covariance import MAX_BYTES, covariance, flat, product, require_memory, upright
from ._statistics import (
    blocks,
    floating,
    refuse_second_fit,
    require_fitted,
    require_more_than,
    resume,
    training_part,
)
from .split import View

__all__ = ["PCA"]

FEWER = 'take solver="randomized" with a whole number of components'


class PCA(nn.Module):
    """Rotate examples into their principal components, and keep the first of them.

    A module takes the state of a fitted one that was built with the same arguments, also where the data
    chose the number of components.

    Args:
        num_features: F, the numbers in an example of any shape.
        num_components: how many to keep; a fraction below 1: as many as hold this share of the training
            variance; None: all there are, the smaller of N and F.
        correction: subtracted from N in the variance.
        solver: "full", exact; or "randomized", for many features, where the number to keep must be given.
        max_bytes: what the matrices of a fit may take; the work space of the decomposition comes on top.
        device: of the buffers.
        dtype: of the buffers; a fit computes in float64 whatever it is.

    Attributes:
        mean: (F,) in units of the input.
        components: (k, F) directions of length 1, that of the largest variance first.
        explained_variance: (k,) of the training part along each, in units of the input squared.
        total_variance: () summed over all features.
        count: () examples seen.
        fitted: whether there are statistics.

    Raises:
        ValueError: the number of components or the solver is none of those above.

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])  # on a line
        >>> pca = PCA(2, 1).fit(x)
        >>> pca(x)  # lengths along the line, from its middle
        tensor([[-1.4142],
                [ 0.0000],
                [ 1.4142]])
        >>> pca.inverse(pca(x))
        tensor([[1., 1.],
                [2., 2.],
                [3., 3.]])
    """

    mean: Tensor
    components: Tensor
    explained_variance: Tensor
    total_variance: Tensor
    count: Tensor

    def __init__(
        self,
        num_features: int,
        num_components: int | float | None = None,
        *,
        correction: int = 0,
        solver: str = "full",
        max_bytes: int = MAX_BYTES,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        whole = isinstance(num_components, int)
        if num_components is not None and not (
            1 <= num_components <= num_features if whole else 0 < num_components < 1
        ):
            raise ValueError(
                f"num_components must be a whole number of 1 .. {num_features}, a fraction between 0 and 1, or "
                f"None: it is {num_components!r}."
            )
        if solver not in ("full", "randomized"):
            raise ValueError(f'solver must be "full" or "randomized": it is {solver!r}.')
        if solver == "randomized" and not whole:
            raise ValueError(
                f'solver="randomized" must know how many components to look for: num_components is '
                f"{num_components!r}; give a whole number."
            )
        self.num_features = num_features
        self.num_components = num_components
        self.correction = correction
        self.solver = solver
        self.max_bytes = max_bytes
        self.fitted = False
        # How many components there are may be known only when it is fitted or loaded.
        k = num_components if isinstance(num_components, int) else 0
        self.register_buffer("mean", torch.zeros(num_features, device=device, dtype=dtype))
        self.register_buffer("components", torch.zeros(k, num_features, device=device, dtype=dtype))
        self.register_buffer("explained_variance", torch.zeros(k, device=device, dtype=dtype))
        self.register_buffer("total_variance", torch.zeros((), device=device, dtype=dtype))
        self.register_buffer("count", torch.zeros((), device=device, dtype=torch.int64))
        self.register_load_state_dict_pre_hook(_make_room)
        self.register_load_state_dict_post_hook(resume)

    def resume(self) -> None:
        """Take note, after the buffers were loaded, whether they hold statistics."""
        self.fitted = int(self.count) > 0

    def fit(self, x: Tensor | View, *, generator: torch.Generator | None = None) -> "PCA":
        """Find the components of the training part.

        Args:
            x: (N, ...) with F numbers in each example, of any type; or a view of the training part.
            generator: source of the randomized solver's start; None: a fresh one with seed 0.

        Returns:
            The module itself.

        Raises:
            ValueError: x has another shape, is empty, is not finite, is a view of another part, has fewer
                examples than components are wanted, or would take too much memory.
        """
        refuse_second_fit(self)
        rows = flat(training_part(x), self.num_features)
        k, most = self.num_components, min(len(rows), self.num_features)
        if isinstance(k, int) and k > most and len(rows):
            raise ValueError(
                f"{k} components need as many examples: x is {tuple(rows.shape)}; pass more, or keep fewer."
            )
        mean, variance, components, total = self._decompose(rows, generator)
        if k is None:
            k = most
        elif not isinstance(k, int):
            k = 1 + int((variance.cumsum(0) < k * total).sum().clamp_max(most - 1))
        self._resize(k)
        self.mean.copy_(mean)
        self.components.copy_(upright(components[:k]))
        self.explained_variance.copy_(variance[:k])
        self.total_variance.copy_(total)
        self.count.fill_(len(rows))
        self.fitted = True
        return self

    def _decompose(
        self, x: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The mean, the variances, the components that belong to them, and the total, in float64."""
        N, F = x.shape
        if self.solver == "full" and F <= N:
            what = f"the covariance and its eigenvectors, {F} x {F} each,"
            require_memory(2 * 8 * F * F, self.max_bytes, what=what, remedy=FEWER)
            _, mean, C = covariance(x, dim=1, num_features=F, correction=self.correction)
            variance, vectors = torch.linalg.eigh(C)
            return mean, variance.flip(0).clamp_min(0), vectors.flip(1).T, C.trace()
        what, matrices, remedy = f"the centered data, {N} x {F},", 1, "fit on fewer examples"
        if self.solver == "full":
            what, matrices, remedy = f"the centered data and singular vectors, {N} x {F} each,", 2, FEWER
        require_memory(matrices * 8 * N * F, self.max_bytes, what=what, remedy=remedy)
        rows = torch.cat(list(blocks(x, dim=1, num_features=F)))
        require_more_than(self.correction, N)
        mean = rows.mean(dim=0)
        rows -= mean
        if self.solver == "full":
            _, singular, right = torch.linalg.svd(rows, full_matrices=False)
        else:
            singular, right = _randomized(rows, self.components.shape[0], generator)
        n = N - self.correction
        return mean, singular.square() / n, right, torch.linalg.vector_norm(rows).square() / n

    def _resize(self, k: int) -> None:
        """Make room for k components."""
        self.components = self.components.new_empty(k, self.num_features)
        self.explained_variance = self.explained_variance.new_empty(k)

    def forward(self, x: Tensor) -> Tensor:
        """Rotate into the components.

        Args:
            x: (B, ...) with F numbers in each example, of any type.

        Returns:
            (B, k) in units of the input; in the type of x where that is floating.

        """
        require_fitted(self)
        x = floating(flat(x, self.num_features), self.mean)
        return product(x - self.mean, self.components.T).to(x.dtype)

    def inverse(self, z: Tensor) -> Tensor:
        """Rotate back; what was left out stays at the training mean.

        Args:
            z: (B, k) components.

        Returns:
            (B, F) in units of the input: the nearest point that k components can tell.

        """
        require_fitted(self)
        z = floating(flat(z, self.out_features), self.mean)
        return (product(z, self.components) + self.mean).to(z.dtype)

    transform = shared.transform
    fit_transform = shared.fit_transform
    inverse_transform = shared.inverse_transform

    @property
    def explained_variance_ratio(self) -> Tensor:
        """(k,) share of the training variance along each component; 0 where nothing varies."""
        require_fitted(self)
        return self.explained_variance / self.total_variance.clamp_min(torch.finfo(self.mean.dtype).tiny)

    @property
    def out_features(self) -> int:
        """k, the number of components kept, once fitted."""
        require_fitted(self)
        return len(self.components)

    def extra_repr(self) -> str:
        """Show what the module was made with.

        Returns:
            The words between the brackets.
        """
        return f"{self.num_features}, {self.num_components}, fitted={self.fitted}"


def _randomized(rows: Tensor, k: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """The largest k singular values and their right vectors, nearly."""
    from sklearn.utils.extmath import randomized_svd

    generator = generator or torch.Generator().manual_seed(0)
    start = int(torch.randint(2**31, (), generator=generator))
    _, singular, right = randomized_svd(rows.numpy(), n_components=k, random_state=start)
    return torch.from_numpy(singular.copy()), torch.from_numpy(right.copy())


def _make_room(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Hook for before ``load_state_dict``: take over the number of components that another's data chose."""
    found = state_dict.get(f"{prefix}components")
    if found is None or isinstance(module.num_components, int):
        return  # torch reports what is missing or of another shape
    if found.ndim == 2 and found.shape[1] == module.num_features:
        module._resize(len(found))  # type: ignore[operator]
