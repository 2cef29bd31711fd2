r"""Ensemble: several networks that answer as one.

Use it where accuracy and calibrated probabilities are worth several times the cost: members that were trained from
different starts err differently, and the average errs less than they do on average. The members are saved and loaded
as one module.

For probabilities $p_i$ with weights $w_i$ that sum to 1, and for any numbers $f_i$ in regression:

$$ -\log \sum_i w_i\, p_i(y) \le -\sum_i w_i \log p_i(y), \qquad
   (\bar f - y)^2 = \sum_i w_i (f_i - y)^2 - \sum_i w_i (f_i - \bar f)^2 $$

The first is Jensen's inequality, the second the ambiguity decomposition: the gain is how far the members disagree.

Also called: committee, model averaging, deep ensemble, majority vote.
Departures: a vote comes with a distribution: each member counts 1 and the mean probability counts as one more, divided
    vote, so that ties go to the class with the larger probability, no majority is overturned, and the cross-entropy
    stays finite.
Pitfalls: members from one seed are near copies (`disagreement` shows it). The mean of logits ("logit") and the
    geometric mean are one distribution, in which a member that is too sure outweighs the others; the mean of
    probabilities bounds what one member can do. Compare with one network of the ensemble's size, not with a member.
Claim: eight nets of 8 hidden units on 600 digits are better together than one of them on average, in accuracy and in
    cross-entropy; they are not better than one net of 64 hidden units.
Peer: none.

References:
    hansen1990neural: the majority vote of networks from different starts.
    krogh1995neural: section 2, the ambiguity decomposition.
    lakshminarayanan2017simple: section 2.4, the mean of the members' probabilities.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

__all__ = ["Ensemble", "disagreement", "stacked_outputs"]

RULES = ("prob", "logit", "geometric", "vote", "mean")


class Ensemble(nn.Module):
    """Average the answers of several networks.

    The output is for the cross-entropy and for argmax, as that of one network is: log-probabilities for "prob" (the
    mean of the probabilities), "geometric" (their geometric mean, divided by its sum) and "vote"; plain means of the
    outputs for "logit", and for "mean", which is for regression.

    Args:
        members: networks with outputs of one shape, (B, K, ...) with the classes in dimension 1.
        combine: "prob", "logit", "geometric", "vote" or "mean".
        weights: one for each member, at least 0; divided by their sum. All alike where None, and always in a vote.
        vectorized: run the members as one network by `stacked_outputs`; they must be of one structure.

    Attributes:
        members: the networks.
        weights: (S,) buffer; the sum is 1.

    Raises:
        ValueError: there is no member, the rule is unknown, or the weights do not fit.

    Example:
        >>> sure, unsure = nn.Linear(1, 2), nn.Linear(1, 2)
        >>> for net, logits in [(sure, [0.9, 0.1]), (unsure, [0.5, 0.5])]:
        ...     _ = nn.init.zeros_(net.weight)
        ...     net.bias.data = torch.tensor(logits).log()
        >>> Ensemble([sure, unsure])(torch.zeros(1, 1)).exp()
        tensor([[0.7000, 0.3000]], grad_fn=<ExpBackward0>)
    """

    weights: Tensor

    def __init__(
        self,
        members: Iterable[nn.Module],
        *,
        combine: str = "prob",
        weights: Sequence[float] | None = None,
        vectorized: bool = False,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.combine = combine
        self.vectorized = vectorized
        count = len(self.members)
        if not count:
            raise ValueError("there must be a member: none came; give at least one network.")
        if combine not in RULES:
            raise ValueError(f'combine must be one of {", ".join(RULES)}: it is {combine!r}; take "prob".')
        if weights is not None and combine == "vote":
            raise ValueError('a vote counts every member once: weights came; leave them out or take "prob".')
        share = torch.ones(count) if weights is None else torch.tensor(list(weights), dtype=torch.float32)
        if share.shape != (count,) or bool((share < 0).any()) or not bool(share.sum() > 0):
            raise ValueError(
                f"weights must be {count} numbers of at least 0, one of them above: they are {weights}; leave them "
                "out for equal ones."
            )
        self.register_buffer("weights", share / share.sum())

    def outputs(self, x: Tensor) -> Tensor:
        """Ask each member.

        Args:
            x: (B, ...) input.

        Returns:
            (S, B, K, ...) outputs of the members.
        """
        if self.vectorized:
            return stacked_outputs(list(self.members), x)
        return torch.stack([member(x) for member in self.members])

    def forward(self, x: Tensor) -> Tensor:
        """Answer as one.

        Args:
            x: (B, ...) input.

        Returns:
            (B, K, ...) log-probabilities, or means of the outputs for "logit" and "mean".

        Raises:
            ValueError: the rule is for scores of classes, and the members give none.
        """
        outputs = self.outputs(x)
        weights = self.weights.to(outputs.dtype).view(-1, *[1] * (outputs.ndim - 1))
        if self.combine in {"logit", "mean"}:
            return (weights * outputs).sum(0)
        if outputs.ndim < 3:
            raise ValueError(
                f"{self.combine!r} needs scores of classes, (B, K, ...): a member gave {tuple(outputs.shape[1:])}; "
                'take "mean" in regression.'
            )
        logs = outputs.log_softmax(2)
        if self.combine == "geometric":
            return (weights * logs).sum(0).log_softmax(1)
        if self.combine == "prob":
            return (logs + weights.log()).logsumexp(0)
        votes = torch.zeros_like(logs).scatter_(2, logs.argmax(2, keepdim=True), 1.0).sum(0)
        return ((votes + logs.exp().mean(0)) / (len(logs) + 1)).log()

    def extra_repr(self) -> str:
        """Show how the members are put together.

        Returns:
            The words between the brackets.
        """
        return f"combine={self.combine!r}"


def stacked_outputs(members: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Run networks of one structure as one, with their parameters stacked.

    Args:
        members: networks of one class and structure, all in evaluation mode or all without buffers.
        x: (B, ...) input of every member.

    Returns:
        (S, B, ...) their outputs; gradients reach the members' own parameters.

    Raises:
        ValueError: there is no member, the structures or modes differ, or a member in training mode keeps buffers.

    Example:
        >>> members = [nn.Linear(3, 2) for _ in range(4)]
        >>> stacked_outputs(members, torch.ones(5, 3)).shape
        torch.Size([4, 5, 2])
    """
    shapes = [{name: tensor.shape for name, tensor in m.state_dict().items()} for m in members]
    if not members or any(str(m) != str(members[0]) or s != shapes[0] for m, s in zip(members, shapes)):
        raise ValueError(
            f"there must be members of one structure: these {len(members)} are not; ask them one by one "
            "(vectorized=False)."
        )
    modes = {tuple(part.training for part in member.modules()) for member in members}
    if len(modes) > 1 or (True in next(iter(modes)) and any(True for _ in members[0].buffers())):
        raise ValueError(
            "stacked members must be in one mode, and in evaluation mode where they keep buffers: what training "
            "changes in a buffer would be lost; call eval() or ask them one by one (vectorized=False)."
        )
    parameters = {  # stack_module_state would cut the gradient off
        name: torch.stack([dict(member.named_parameters())[name] for member in members])
        for name, _ in members[0].named_parameters()
    }
    buffers = stack_module_state(list(members))[1]

    def ask(own: dict[str, Tensor], kept: dict[str, Tensor]) -> Tensor:
        output: Tensor = functional_call(members[0], (own, kept), (x,))
        return output

    stacked: Tensor = vmap(ask, randomness="different")(parameters, buffers)
    return stacked


def disagreement(outputs: Tensor) -> Tensor:
    """Measure how often two members name different classes.

    Args:
        outputs: (S, B, K, ...) of at least two members.

    Returns:
        () share of answers that differ, averaged over all pairs of members: 0 for copies.

    Raises:
        ValueError: there are fewer than two members, or there is no answer.

    Example:
        >>> one, other = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> disagreement(torch.stack([one, one, other]))  # two of three pairs differ on one of two examples
        tensor(0.3333)
    """
    if outputs.ndim < 3 or len(outputs) < 2 or outputs.shape[1] == 0:
        raise ValueError(
            f"outputs must be (S, B, K, ...) of at least two members: they are {tuple(outputs.shape)}; stack the "
            "members' outputs."
        )
    said = outputs.argmax(2)
    first, second = torch.triu_indices(len(said), len(said), offset=1)
    return (said[first] != said[second]).to(outputs.dtype).mean()
