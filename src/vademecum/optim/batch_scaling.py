r"""Batch scaling: what becomes of the learning rate when the batch grows.

With a loss that is a mean, the gradient of a batch does not grow with it, only its noise falls. One step of a batch
k times as large stands for k steps, so at a given number of epochs its rate should be k times as large: the linear
rule, for SGD. For Adam, whose step does not follow the scale of the gradient, the noise is kept by the root of k. Both
end where the batch is so large that its gradient has hardly any noise left (see `gradient_noise_scale`).

$$ \eta = \eta_0 \frac{B}{B_0} \quad \text{(linear)}, \qquad \eta = \eta_0 \sqrt{B / B_0} \quad \text{(square root)} $$

Also called: linear scaling rule, square-root scaling rule.
Departures: the course notes say that dividing by the batch size frees the rate from it. That is true of the size of
    the gradient; at a given number of epochs the best rate grows with the batch nevertheless.
Pitfalls: the batch counts the examples of one step, over all processes and all accumulated parts; scaling twice is the
    usual slip. Warm up (see `linear_warmup`), or the first steps diverge.
Claim: on the digits, ten epochs, a fourfold batch at a fourfold rate keeps the test accuracy to 3 points, while at the
    old rate it loses more than 5.
Peer: none; torch has schedulers only.

References:
    goyal2017accurate: section 2.1, the linear scaling rule.
    krizhevsky2014one: section 5, the square root, and why the linear rule was taken.
    malladi2022sdes: section 1, the square root for Adam and RMSProp.
"""

__all__ = ["scale_lr"]


def scale_lr(lr: float, base_batch: int, batch: int, *, rule: str = "linear") -> float:
    """Scale a learning rate that suits one size of the batch to another.

    Args:
        lr: the rate that suits the base batch.
        base_batch: examples of a step, over all processes and accumulated parts.
        batch: the new number.
        rule: "linear" for SGD, "sqrt" for Adam and RMSProp, "none".

    Returns:
        The rate for the new batch.

    Raises:
        ValueError: a batch is below 1, the rate is negative, or the rule is unknown.

    Example:
        >>> scale_lr(0.1, 256, 1024), scale_lr(0.1, 256, 1024, rule="sqrt")
        (0.4, 0.2)
    """
    if base_batch < 1 or batch < 1:
        raise ValueError(
            f"both batches must be at least 1: base_batch={base_batch}, batch={batch}; count the examples of one step."
        )
    if not lr >= 0:
        raise ValueError(f"lr must be at least 0: it is {lr}.")
    powers = {"linear": 1.0, "sqrt": 0.5, "none": 0.0}
    if rule not in powers:
        raise ValueError(f'rule must be "linear", "sqrt" or "none": it is {rule!r}.')
    return lr * (batch / base_batch) ** powers[rule]
