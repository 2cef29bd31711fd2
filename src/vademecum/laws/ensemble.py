"""Laws of ensembles: the rules in loops, the two identities, and one state dict for all."""

from collections.abc import Iterator
from copy import deepcopy
from math import exp, log

import torch
from torch import Tensor, nn

from vademecum.train.ensemble import Ensemble, disagreement, stacked_outputs

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

K = 3
CLASSES = ("prob", "logit", "geometric", "vote")


def members(draw: Draw, count: int = 3, outputs: int = K) -> list[nn.Module]:
    made = []
    for _ in range(count):
        net = nn.Sequential(nn.Linear(draw.shape[1], 4), nn.Tanh(), nn.Linear(4, outputs)).to(draw.dtype)
        with torch.no_grad():
            for name, p in net.named_parameters():
                p.copy_(draw.normal(*p.shape, std=2.0, name=name))
        made.append(net)
    return made


def softmax(row: list[float]) -> list[float]:
    powers = [exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def combined(rule: str, rows: list[list[float]], weights: list[float]) -> list[float]:
    """One example's distribution, from the members' rows of scores."""
    each = [softmax(row) for row in rows]
    if rule == "prob":
        return [sum(w * p[k] for w, p in zip(weights, each)) for k in range(K)]
    if rule in {"logit", "geometric"}:
        product = [1.0] * K
        for w, p in zip(weights, each):
            product = [a * b**w for a, b in zip(product, p)]
        return [value / sum(product) for value in product]
    votes = [sum(p[k] for p in each) / len(each) for k in range(K)]  # one more, divided vote
    for p in each:
        votes[p.index(max(p))] += 1
    return [value / (len(each) + 1) for value in votes]


def by_the_rule(build: Build, draw: Draw) -> Iterator[Pair]:
    nets, x = members(draw), draw.normal()
    for weights in (None, [1.0, 2.0, 5.0]):
        if weights is not None and draw.arguments["combine"] == "vote":
            continue
        share = [1 / 3] * 3 if weights is None else [w / 8 for w in weights]
        got = build(draw)(nets, weights=weights)(x).softmax(1)
        rows = [[net(x)[b].tolist() for net in nets] for b in range(len(x))]
        yield (
            got,
            torch.tensor(
                [combined(draw.arguments["combine"], row, share) for row in rows], dtype=draw.dtype
            ).reshape(got.shape),
        )


def means_of_outputs(build: Build, draw: Draw) -> Iterator[Pair]:
    nets, x = members(draw, outputs=1), draw.normal()
    for rule in ("mean", "logit"):
        got = build(draw, combine=rule)(nets, weights=[1.0, 2.0, 5.0])(x)
        yield got, (nets[0](x) + 2 * nets[1](x) + 5 * nets[2](x)) / 8


def log_probabilities(build: Build, draw: Draw) -> Iterator[Pair]:
    out = build(draw)(members(draw), weights=None)(draw.normal())
    yield out.exp().sum(1), torch.ones(len(out), dtype=draw.dtype)


def copies_are_the_one(build: Build, draw: Draw) -> Iterator[Pair]:
    [net], x = members(draw, 1), draw.normal()
    together = build(draw)([deepcopy(net) for _ in range(4)], weights=None)
    if draw.arguments["combine"] == "vote":
        yield together(x).argmax(1), net(x).argmax(1)
    else:
        yield together(x).log_softmax(1), net(x).log_softmax(1)


def jensen(build: Build, draw: Draw) -> Iterator[Pair]:
    """The cross-entropy of the mean is at most the mean cross-entropy."""
    nets, x = members(draw), draw.normal()
    weights = [1.0, 2.0, 5.0]
    got = -build(draw, combine="prob")(nets, weights=weights)(x).log_softmax(1)
    mean = sum(w / 8 * -net(x).log_softmax(1) for w, net in zip(weights, nets))
    yield (got - mean).clamp_min(0), torch.zeros_like(got)


def ambiguity(build: Build, draw: Draw) -> Iterator[Pair]:
    nets, x, y = members(draw, outputs=1), draw.normal(), draw.normal(draw.shape[0], 1, name="y")
    f = [net(x) for net in nets]
    mean = build(draw, combine="mean")(nets, weights=None)(x)
    yield (mean - y).square(), sum((a - y).square() for a in f) / 3 - sum((a - mean).square() for a in f) / 3


def ties_go_to_the_sum(build: Build, draw: Draw) -> Iterator[Pair]:
    """Two members, one vote each: the surer one wins; and no majority is overturned."""
    rows = [[log(0.51), log(0.49), -30.0], [log(0.2), log(0.8), -30.0]]
    x = torch.zeros(1, draw.shape[1], dtype=draw.dtype)
    for scores, want in ((rows, 1), ([*rows, rows[0]], 0), ([rows[0], [-60.0, 0.0, -60.0], rows[0]], 0)):
        nets = [constant(row, draw) for row in scores]
        yield build(draw, combine="vote")(nets, weights=None)(x).argmax(1), torch.tensor([want])


def constant(scores: list[float], draw: Draw) -> nn.Module:
    net = nn.Linear(draw.shape[1], len(scores)).to(draw.dtype)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(torch.tensor(scores))
    return net


def far_scores(build: Build, draw: Draw) -> Iterator[Pair]:
    """Scores in the thousands: a member that is right beyond doubt, and one that is not."""
    nets = [constant([5000.0, 0.0, -5000.0], draw), constant([0.0, 5000.0, -5000.0], draw)]
    x = torch.zeros(2, draw.shape[1], dtype=draw.dtype)
    got = build(draw, combine="prob")(nets, weights=None)(x)[:, :2]
    yield got, torch.full_like(got, log(0.5))


def saved_and_loaded_as_one(build: Build, draw: Draw) -> Iterator[Pair]:
    weights = None if draw.arguments["combine"] == "vote" else [1.0, 2.0, 5.0]
    first = build(draw)(members(draw), weights=weights)
    second = build(draw)(members(draw), weights=None)
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    x = draw.normal()
    yield second(x), first(x)


def the_loop(build: Build, draw: Draw) -> Iterator[Pair]:
    nets, x = members(draw), draw.normal()
    yield build(draw)(nets, x), torch.stack([net(x) for net in nets])


def gradients_reach_the_members(build: Build, draw: Draw) -> Iterator[Pair]:
    nets, x = members(draw), draw.normal()
    build(draw)(nets, x).square().sum().backward()
    for net in nets:
        twin = deepcopy(net)
        twin.zero_grad()
        twin(x).square().sum().backward()
        for p, q in zip(net.parameters(), twin.parameters()):
            yield torch.zeros_like(q) if p.grad is None else p.grad, q.grad


def own_statistics(build: Build, draw: Draw) -> Iterator[Pair]:
    """In evaluation each member uses its own running statistics."""
    nets, x = [], draw.normal()
    for net in members(draw):
        norm = nn.BatchNorm1d(K).to(draw.dtype)
        norm.running_mean.copy_(draw.normal(K, name="running_mean"))
        nets.append(nn.Sequential(net, norm).eval())
    yield build(draw)(nets, x), torch.stack([net(x) for net in nets])


def over_pairs(build: Build, draw: Draw) -> Iterator[Pair]:
    outputs = draw.normal(4, draw.shape[0], K, name="outputs")
    differ = pairs = 0
    for i in range(4):
        for j in range(i + 1, 4):
            for b in range(draw.shape[0]):
                differ += int(outputs[i, b].argmax() != outputs[j, b].argmax())
                pairs += 1
    yield build(draw)(outputs), torch.tensor(differ / pairs, dtype=draw.dtype)


def copies_agree(build: Build, draw: Draw) -> Iterator[Pair]:
    outputs = draw.normal(draw.shape[0], K, name="outputs").expand(3, -1, -1)
    yield build(draw)(outputs), torch.tensor(0.0, dtype=draw.dtype)


def right(nets, combine="prob", weights=None):
    return Ensemble(nets, combine=combine, weights=weights)


def changed(forward=None, weigh=True):
    """An ensemble with another way to put the outputs together, or without weights."""

    class Twin(Ensemble):
        def forward(self, x):
            if forward is None:
                return super().forward(x)
            found = forward(self, self.outputs(x))
            return super().forward(x) if found is None else found

    return lambda nets, combine="prob", weights=None: Twin(
        nets, combine=combine, weights=weights if weigh else None
    )


def mean_of_logs(self, outputs):
    return outputs.log_softmax(2).mean(0) if self.combine == "prob" else None


def not_divided(self, outputs):
    if self.combine == "geometric":
        return (self.weights.to(outputs.dtype).view(-1, 1, 1) * outputs.log_softmax(2)).sum(0)
    return None


def log_of_mean(self, outputs):
    if self.combine == "prob":
        p = outputs.exp() / outputs.exp().sum(2, keepdim=True)
        return (self.weights.to(p.dtype).view(-1, 1, 1) * p).sum(0).log()
    return None


def first_of_a_tie(self, outputs):
    if self.combine == "vote":
        return (
            torch.nn.functional.one_hot(outputs.argmax(2), outputs.shape[2])
            .sum(0)
            .to(outputs.dtype)
            .add(1e-9)
            .log()
        )
    return None


def sums(self, outputs):
    return outputs.sum(0) if self.combine in {"mean", "logit"} else None


def probabilities(self, outputs):
    return outputs.softmax(2).mean(0) if self.combine == "prob" else None


def in_a_list(nets, combine="prob", weights=None):
    """The members stand in a plain list."""
    inner = Ensemble(nets, combine=combine, weights=weights)

    class Hidden(nn.Module):
        def forward(self, x):
            return held[0](x)

    held = [inner]
    return Hidden()


def cut_off(nets, x):
    return stacked_outputs(nets, x).detach()


def one_state(nets, x):
    return torch.stack([nets[0](x)] * len(nets))


def shared_buffers(nets, x):
    parameters, buffers = torch.func.stack_module_state(nets)
    buffers = {name: value[:1].expand_as(value) for name, value in buffers.items()}
    base = deepcopy(nets[0])
    return torch.vmap(lambda p, b: torch.func.functional_call(base, (p, b), (x,)))(parameters, buffers)


def against_the_first(outputs: Tensor) -> Tensor:
    said = outputs.argmax(2)
    return (said[1:] != said[0]).to(outputs.dtype).mean()


def with_itself(outputs: Tensor) -> Tensor:
    said = outputs.argmax(2)
    return (said[:, None] != said[None]).to(outputs.dtype).mean()


def of_scores(outputs: Tensor) -> Tensor:
    return outputs.var(0, correction=0).mean()


def any_two(outputs: Tensor) -> Tensor:
    said = outputs.argmax(2)
    return 1 - (said == said[0]).all(0).to(outputs.dtype).mean() + 1e-3


def once(arguments) -> bool:
    """For laws that name their rule themselves."""
    return arguments["combine"] == "prob"


SUITES = (
    Suite(
        technique="ensemble",
        part="Ensemble",
        subjects={"Ensemble": right},
        interface=Interface(kind="function", arguments=("combine",), inputs=("members",), defaults={"combine": "prob"}),
        cases=tuple({"combine": rule} for rule in CLASSES),
        shapes=lambda a: ((2, 2), (6, 3)),
        laws=(
            Law("by_the_rule", r"$$ \sum_i w_i p_i, \quad \prod_i p_i^{w_i} / Z, \quad \text{votes} $$", by_the_rule, {torch.float64: 1e-7}),
            Law("means_of_outputs", r"$$ \bar f = \sum_i w_i f_i $$", means_of_outputs, {torch.float64: 1e-7}, cases=once),
            Law("log_probabilities", r"$$ \sum_k e^{o_k} = 1 $$", log_probabilities, {torch.float64: 1e-6}, cases=lambda a: a["combine"] != "logit"),
            Law("copies_are_the_one", "Copies of one network answer as the network.", copies_are_the_one, {torch.float64: 1e-6}),
            Law("jensen", r"$$ -\log \sum_i w_i p_i(y) \le -\sum_i w_i \log p_i(y) $$", jensen, {torch.float64: 1e-6}, cases=once),
            Law("ambiguity", r"$$ (\bar f - y)^2 = \overline{(f_i - y)^2} - \overline{(f_i - \bar f)^2} $$", ambiguity, {torch.float64: 1e-6}, cases=once),
            Law("ties_go_to_the_sum", "A tied vote goes to the larger summed probability; a majority stands.", ties_go_to_the_sum, EXACT, cases=once),
            Law("far_scores", "Scores in the thousands leave finite log-probabilities.", far_scores, {torch.float64: 1e-6, torch.float32: 1e-5}, cases=once),
            Law("saved_and_loaded_as_one", "One state dict holds all members and their weights.", saved_and_loaded_as_one, EXACT),
        ),
        twins=(
            Twin("mean_of_logs", changed(mean_of_logs), "you average log-probabilities: that is the geometric mean, and not divided by its sum."),
            Twin("not_divided", changed(not_divided), "the geometric mean is not divided by its sum: these are no log-probabilities."),
            Twin("log_of_mean", changed(log_of_mean), "your softmax overflows; average by logsumexp of the log-probabilities."),
            Twin("first_of_a_tie", changed(first_of_a_tie), "a tie goes to the class with the lower number."),
            Twin("sums", changed(sums), "you add the outputs up; take their mean."),
            Twin("probabilities", changed(probabilities), "you return probabilities, of which the cross-entropy takes the softmax again."),
            Twin("unweighted", changed(weigh=False), "the weights are ignored."),
            Twin("in_a_list", in_a_list, "your members stand in a plain list, so the state dict is empty."),
        ),
    ),
    Suite(
        technique="ensemble",
        part="stacked_outputs",
        subjects={"stacked_outputs": stacked_outputs},
        interface=Interface(kind="function", inputs=("members", "x")),
        cases=({},),
        shapes=lambda a: ((2, 2), (6, 3)),
        laws=(
            Law("the_loop", "The stacked networks give what each gives alone.", the_loop, {torch.float64: 1e-10, torch.float32: 1e-5}),
            Law("gradients_reach_the_members", "Each member's parameters get their gradient.", gradients_reach_the_members),
            Law("own_statistics", "Buffers are each member's own.", own_statistics),
        ),
        twins=(
            Twin("cut_off", cut_off, "no gradient reaches the members."),
            Twin("one_state", one_state, "the first member answers for all."),
            Twin("shared_buffers", shared_buffers, "all members use the first one's running statistics, and stack_module_state cuts the gradient off."),
        ),
    ),
    Suite(
        technique="ensemble",
        part="disagreement",
        subjects={"disagreement": disagreement},
        interface=Interface(kind="function", inputs=("outputs",)),
        cases=({},),
        shapes=lambda a: ((3, 2), (50, 2)),
        laws=(
            Law("over_pairs", "The share of differing answers, over all pairs of members and examples.", over_pairs),
            Law("copies_agree", "Copies differ on nothing.", copies_agree, EXACT),
        ),
        twins=(
            Twin("against_the_first", against_the_first, "you compare with the first member alone."),
            Twin("with_itself", with_itself, "you count each member against itself."),
            Twin("of_scores", of_scores, "you measure the scatter of the scores; members can differ in scores and agree in words."),
            Twin("any_two", any_two, "you count examples on which any two differ."),
        ),
    ),
)  # fmt: skip
