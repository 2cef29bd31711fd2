"""Laws of Monte-Carlo dropout, by a dropout that goes through all its masks: the mean over them is then exact."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.monte_carlo_dropout import MonteCarloPrediction, mc_dropout

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

UNITS = 3


class EachMask(nn.Dropout):
    """Dropout with p = 1/2 that takes its 2^3 masks in turn, one a pass."""

    turn = 0

    def mask(self, turn: int) -> Tensor:
        return torch.tensor([turn >> k & 1 for k in range(UNITS)])

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        self.turn += 1
        return input * self.mask(self.turn - 1) * 2


def net(draw: Draw) -> tuple[nn.Sequential, Tensor]:
    model = nn.Sequential(
        nn.Linear(2, UNITS), nn.BatchNorm1d(UNITS), EachMask(), nn.Linear(UNITS, 4)
    ).to(draw.dtype)  # fmt: skip
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw.normal(*parameter.shape, std=2.0, name=name))
    model.train()
    model[3].eval()
    return model, draw.normal(*draw.shape)


def all_logits(model: nn.Sequential, x: Tensor) -> list[Tensor]:
    """The logits under each mask, from the weights: batch normalization by its running statistics, 0 and 1."""
    first, norm, dropout, last = deepcopy(model).double()
    x = x.double()
    hidden = (x @ first.weight.T + first.bias) / (1 + norm.eps) ** 0.5 * norm.weight + norm.bias
    return [(hidden * dropout.mask(m) * 2) @ last.weight.T + last.bias for m in range(2**UNITS)]


def entropy(p: Tensor) -> Tensor:
    return torch.stack([-sum(q * q.log() for q in row) for row in p])


def said(
    build: Build, draw: Draw, **changed: object
) -> tuple[MonteCarloPrediction, list[Tensor], list[Tensor]]:
    model, x = net(draw)
    arguments = {**draw.arguments, **changed}
    result = build(draw)(model, x, samples=2**UNITS, **arguments)
    logits = all_logits(model, x)
    return result, logits, [one.softmax(1) for one in logits]


def mean_over_all_masks(build: Build, draw: Draw) -> Iterator[Pair]:
    result, logits, probs = said(build, draw)
    arithmetic, geometric = sum(probs) / len(probs), (sum(logits) / len(logits)).softmax(1)
    yield result.mean, arithmetic if draw.arguments["reduce"] == "probs" else geometric


def deviation_over_all_masks(build: Build, draw: Draw) -> Iterator[Pair]:
    result, _, probs = said(build, draw)
    mean = sum(probs) / len(probs)
    yield result.std, (sum((p - mean) ** 2 for p in probs) / len(probs)).sqrt()


def predictive_entropy(build: Build, draw: Draw) -> Iterator[Pair]:
    result, _, _ = said(build, draw)
    yield result.entropy, entropy(result.mean)


def mutual_information(build: Build, draw: Draw) -> Iterator[Pair]:
    result, _, probs = said(build, draw)
    mean = sum(probs) / len(probs)
    divergences = [(p * (p / mean).log()).sum(1) for p in probs]  # I = mean KL(p_s || mean)
    yield result.mutual_information, sum(divergences) / len(divergences)


def outputs_as_they_are(build: Build, draw: Draw) -> Iterator[Pair]:
    result, logits, _ = said(build, draw, reduce="outputs")
    yield result.mean, sum(logits) / len(logits)
    yield result.std, torch.stack(logits).var(0, correction=0).sqrt()


def only_dropout_is_on(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw)
    before = [model[1].running_mean.clone(), model[1].running_var.clone()]
    modes = [part.training for part in model.modules()]
    build(draw)(model, x, samples=2, **draw.arguments)
    yield model[1].running_mean, before[0]
    yield model[1].running_var, before[1]
    yield torch.tensor([part.training for part in model.modules()]), torch.tensor(modes)


def without_spread(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 4)).to(draw.dtype)
    x = draw.normal(*draw.shape)
    result = build(draw)(model, x, samples=3, **draw.arguments)
    yield result.mean, model(x).softmax(1)
    yield result.std, torch.zeros_like(result.std)
    yield result.mutual_information, torch.zeros_like(result.entropy)


def predicting(
    *,
    switch: Callable[[nn.Module], object] = lambda m: [
        p.train() for p in m.modules() if isinstance(p, nn.Dropout)
    ],
    restore: bool = True,
    geometric: bool | None = None,
    correction: int = 0,
    bits: float = 1.0,
    entropy_of: str = "mean",
    information: Callable[[Tensor, Tensor], Tensor] = lambda total, inside: total - inside,
) -> Callable[..., MonteCarloPrediction]:
    """Predict, with something wrong."""

    @torch.no_grad()
    def predict(model: nn.Module, x: Tensor, *, samples: int, reduce: str = "probs") -> MonteCarloPrediction:
        modes = [(part, part.training) for part in model.modules()]
        model.eval()
        switch(model)
        z = torch.stack([model(x) for _ in range(samples)])
        if restore:
            for part, mode in modes:
                part.training = mode
        if reduce == "outputs":
            return MonteCarloPrediction(z.mean(0), z.std(0, correction=correction), None, None)
        probs = z.softmax(2)
        by_logits = reduce == "logits" if geometric is None else geometric
        mean = z.mean(0).softmax(1) if by_logits else probs.mean(0)
        each = torch.stack([entropy(p) for p in probs]).mean(0)
        total = entropy(mean) if entropy_of == "mean" else each
        return MonteCarloPrediction(
            mean,
            probs.std(0, correction=correction),
            total * bits,
            information(entropy(probs.mean(0)), each) * bits,
        )

    return predict


SUITES = (
    Suite(
        technique="monte_carlo_dropout",
        part="mc_dropout",
        subjects={"mc_dropout": mc_dropout},
        interface=Interface(kind="function", inputs=("model", "x", "samples"), arguments=("reduce",), defaults={"reduce": "probs"}),
        cases=({"reduce": "probs"}, {"reduce": "logits"}),
        shapes=lambda a: ((1, 2), (5, 2)),
        laws=(
            Law("mean_over_all_masks", r"$$ \bar p = 2^{-K} \sum_m \text{softmax}(z_m) $$; with logits $$ \text{softmax}(2^{-K} \sum_m z_m) $$", mean_over_all_masks),
            Law("deviation_over_all_masks", "The deviation is that of the probabilities over the passes.", deviation_over_all_masks),
            Law("predictive_entropy", r"$$ H[\bar p] = -\sum_k \bar p_k \log \bar p_k $$ in nats.", predictive_entropy),
            Law("mutual_information", r"$$ I = \frac{1}{S} \sum_s KL(p_s \| \bar p) $$", mutual_information),
            Law("outputs_as_they_are", "For regression: mean and deviation of the outputs.", outputs_as_they_are),
            Law("only_dropout_is_on", "Running statistics and modes are as before.", only_dropout_is_on, EXACT),
            Law("without_spread", "Where nothing is dropped, it is the softmax, and there is no disagreement.", without_spread),
        ),
        twins=(
            Twin("all_training", predicting(switch=lambda m: m.train()), "you put the whole model into training mode: batch normalization uses and moves its statistics."),
            Twin("never_on", predicting(switch=lambda m: None), "dropout is off in your passes."),
            Twin("forgets_modes", predicting(restore=False), "the parts do not have their modes back."),
            Twin("always_logits", predicting(geometric=True), "you average logits where probabilities were asked for."),
            Twin("always_probs", predicting(geometric=False), "you average probabilities where logits were asked for."),
            Twin("unbiased", predicting(correction=1), "your deviation divides by S - 1; it is that of the S passes themselves."),
            Twin("bits", predicting(bits=1 / 0.6931471805599453), "your entropy is in bits; it is wanted in nats."),
            Twin("mean_entropy", predicting(entropy_of="each"), "your entropy is the mean of the passes'; the predictive entropy is that of their mean."),
            Twin("sign", predicting(information=lambda total, inside: inside - total), "your mutual information has the wrong sign."),
            Twin("total", predicting(information=lambda total, inside: total), "your mutual information is the whole entropy; that of the single nets is to be subtracted."),
        ),
    ),
)  # fmt: skip
