r"""Temperature scaling: divide a trained classifier's scores by one number, so that its confidence can be believed.

Large networks are right less often than their probabilities say. One temperature, fitted on validation data by
maximum likelihood, mends most of that; the ranking of the classes, and so the accuracy, stays as it is.

$$ \hat p = \max_k \text{softmax}(s / T)_k, \qquad
T^* = \arg\min_T -\sum_i \log \text{softmax}(s_i / T)_{y_i} $$

In 1/T the loss is convex. At its minimum the score that the network expects equals the score of the truth:
$\sum_i \sum_k p_{ik} s_{ik} = \sum_i s_{i y_i}$.

Also called: calibration, Platt scaling of several classes with one parameter.
Departures: none.
Pitfalls: fit it on data that trained nothing, neither weights nor stopping. Where every validation example is right
    no temperature is best, since a smaller one always fits better. It mends confidence on data like the validation
    data, and not on others.
Claim: the calibration error of a net that has learned 200 digits, a fifth of their labels drawn at random, falls by
    more than four tenths, and its loss falls.
Peer: none.

References:
    guo2017calibration: section 4.2, temperature scaling, Eq. 9.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["fit_temperature", "temperature_scaled"]


def temperature_scaled(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Divide scores by a temperature.

    Args:
        logits: (..., K) scores before the softmax.
        temperature: above 1 for less confidence, below 1 for more; a tensor may be learned, and is not checked.

    Returns:
        (..., K) scores.

    Raises:
        ValueError: the temperature is a number that is not positive.

    Example:
        >>> scores = torch.tensor([2.0, 0.0])
        >>> scores.softmax(0), temperature_scaled(scores, 4.0).softmax(0)
        (tensor([0.8808, 0.1192]), tensor([0.6225, 0.3775]))
    """
    if not isinstance(temperature, Tensor) and not temperature > 0:
        raise ValueError(
            f"temperature must be positive: it is {temperature}; 1 leaves the scores as they are."
        )
    return logits / temperature


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """Find the temperature under which validation data are most likely, by L-BFGS.

    Args:
        logits: (N, K) scores of a trained network on validation data.
        target: (N,) int64, the true classes.

    Returns:
        The temperature.

    Raises:
        ValueError: the shapes do not fit, a score is not finite, or no temperature is best: because every example's
            true class has the highest score, or because the scores say less than nothing about the truth.

    Example:
        >>> logits = torch.tensor([[3.0, 0.0]] * 4)  # 95 % sure, and right three times in four
        >>> round(fit_temperature(logits, torch.tensor([0, 0, 0, 1])), 3)  # 3 / ln 3
        2.731
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1] or not len(logits):
        raise ValueError(
            f"logits must be (N, K) with at least one example and target (N,): they are {tuple(logits.shape)} and "
            f"{tuple(target.shape)}; pass the scores of the whole validation set."
        )
    scores = logits.detach().double()
    if not bool(scores.isfinite().all()):
        raise ValueError("logits must be finite: there are NaN or infinite scores; mend the network first.")
    true = scores.gather(1, target.unsqueeze(1)).squeeze(1)
    # The slope of a convex loss in 1/T: at 0 it must fall, far out it must rise.
    if bool((scores.amax(1) == true).all()):
        raise ValueError(
            f"some example must be wrong for a temperature to be best: all {len(scores)} are right; use more "
            "validation data, or data that did not train the network."
        )
    if bool((true - scores.mean(1)).mean() <= 0):
        raise ValueError(
            "the true class must score above the average class in the mean: it does not, so that the best temperature "
            "is infinite; look whether logits and target belong together."
        )
    with torch.inference_mode(False), torch.enable_grad():
        return _minimized(scores.clone(), target.clone())


def _minimized(scores: Tensor, target: Tensor) -> float:
    """The temperature of least loss, where there is one."""
    unit = scores.std(correction=0)
    log_temperature = torch.zeros((), dtype=torch.float64, device=scores.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_temperature],
        max_iter=200,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        loss = F.cross_entropy(scores / unit / log_temperature.exp(), target)
        (log_temperature.grad,) = torch.autograd.grad(loss, log_temperature)
        return loss

    optimizer.step(closure)
    return float(unit * log_temperature.detach().exp())
