r"""Early stopping as ridge: what descent has reached after some steps, and the weight decay that it resembles.

Use it to see why stopping early regularizes, and how far the likeness goes. Near a minimum the error is quadratic;
descent from 0 then fills in the steep directions first, and ridge keeps the same ones.

$$ E(w) = \tfrac12 (w - w^*)^\top H (w - w^*), \qquad
u_j^\top w_\tau = \left[1 - (1 - \rho \eta_j)^\tau\right] u_j^\top w^*, \qquad
u_j^\top w_\alpha = \frac{\eta_j}{\eta_j + \alpha}\, u_j^\top w^* $$

with eigenvectors $u_j$ and eigenvalues $\eta_j$ of H, the learning rate $\rho$ and $\tau$ steps. For
$\rho \eta_j \ll 1$ and $\eta_j \ll \alpha$ the two agree where $\alpha = 1 / (\rho \tau)$: $1 / (\rho \tau)$ acts as
a weight decay. It is a likeness and no identity: elsewhere descent has gone further.

Also called: early stopping as regularization, effective weight decay of descent.
Departures: none.
Pitfalls: the start is 0, plain descent, and a quadratic error; momentum, Adam and a net far from its minimum stop
    elsewhere. It says which directions are held back, not when to stop: that is `early_stopping`.
Claim: none, because it is algebra: the laws hold the closed form against the loop.
Peer: none.

References:
    bishop2006pattern: section 5.5.2 and exercise 5.25.
    goodfellow2016deep: section 7.8, Eq. 7.33-7.45.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["StoppedDescent", "early_stopping_ridge"]


@dataclass(frozen=True)
class StoppedDescent:
    """Descent that was stopped, beside ridge; its text is a table.

    Attributes:
        curvatures: (P,) eigenvalues of the Hessian, ascending.
        kept: (P,) share of the goal that descent has reached in each of these directions.
        kept_by_ridge: (P,) the same of ridge.
        stopped: (P,) where descent is.
        ridge: (P,) where ridge is.
        strength: of ridge, one over rate times steps.
        distance: between the two, as a share of the length of the goal.

    Example:
        >>> print(early_stopping_ridge(torch.diag(torch.tensor([0.1, 1.0])), torch.ones(2), rate=0.5, steps=2))
        curvature   descent     ridge
              0.1    0.0975    0.0909
                1    0.7500    0.5000
        ridge of strength 1, apart by 0.177 of the goal
    """

    curvatures: Tensor
    kept: Tensor
    kept_by_ridge: Tensor
    stopped: Tensor
    ridge: Tensor
    strength: float
    distance: float

    def __str__(self) -> str:
        lines = [f"{'curvature':>9}{'descent':>10}{'ridge':>10}"]
        rows = zip(self.curvatures.tolist(), self.kept.tolist(), self.kept_by_ridge.tolist(), strict=True)
        lines += [f"{curvature:>9.3g}{kept:>10.4f}{by_ridge:>10.4f}" for curvature, kept, by_ridge in rows]
        return "\n".join(
            [*lines, f"ridge of strength {self.strength:.3g}, apart by {self.distance:.3f} of the goal"]
        )


def early_stopping_ridge(hessian: Tensor, w_star: Tensor, *, rate: float, steps: int) -> StoppedDescent:
    """Say where plain descent from 0 on a quadratic error stands after some steps, and where ridge would.

    Args:
        hessian: (P, P) symmetric, without negative eigenvalues.
        w_star: (P,) the minimum.
        rate: the learning rate, below 2 over the largest eigenvalue.
        steps: taken, at least 1.

    Returns:
        Both places and the shares of the goal by direction, in float64.

    Raises:
        ValueError: shapes do not fit, the Hessian is no such matrix, descent would diverge, or the goal is 0.

    Example:
        >>> early_stopping_ridge(torch.eye(1), torch.tensor([8.0]), rate=0.5, steps=2).stopped  # 0, 4, 6
        tensor([6.], dtype=torch.float64)
    """
    hessian, w_star = hessian.detach().double(), w_star.detach().double()
    if (
        hessian.dim() != 2
        or hessian.shape != (len(w_star), len(w_star))
        or w_star.dim() != 1
        or not w_star.any()
    ):
        raise ValueError(
            f"hessian must be (P, P) and w_star (P,), not all 0: they are {tuple(hessian.shape)} and "
            f"{tuple(w_star.shape)}; give a goal that differs from the start."
        )
    curvatures, directions = torch.linalg.eigh(hessian)
    top = float(curvatures[-1])
    asymmetry = float((hessian - hessian.T).abs().max())
    if asymmetry > 1e-8 * abs(top) or float(curvatures[0]) < -1e-8 * abs(top):
        raise ValueError(
            f"the Hessian of a minimum is symmetric and has no negative eigenvalue: its asymmetry is {asymmetry:.3g}, "
            f"its least eigenvalue {float(curvatures[0]):.3g}; take the outer-product approximation, or a minimum."
        )
    if not 0 < rate * top < 2 or steps < 1:
        raise ValueError(
            f"descent must take steps and converge: rate={rate}, steps={steps}, at the largest eigenvalue {top:.3g}; "
            f"give at least one step, and a rate below {2 / top if top > 0 else math.inf:.3g}."
        )
    curvatures = curvatures.clamp_min(0.0)
    strength = 1 / (rate * steps)
    kept = 1 - (1 - rate * curvatures) ** steps
    kept_by_ridge = curvatures / (curvatures + strength)
    along = directions.T @ w_star
    stopped, ridge = directions @ (kept * along), directions @ (kept_by_ridge * along)
    distance = float((stopped - ridge).norm() / w_star.norm())
    return StoppedDescent(curvatures, kept, kept_by_ridge, stopped, ridge, strength, distance)
