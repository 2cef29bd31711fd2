"""Laws of the transfer plan, from the table of four scenarios."""

from collections.abc import Iterator
from dataclasses import replace
from math import inf

import torch

from vademecum.train.freeze import thaw
from vademecum.train.transfer_plan import SCENARIOS, Stage, carry_out, transfer_plan

from ._finetuning import BODY, HEAD, moved, optimizers, small_net, state, steps
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from .discriminative import rates

LAYERS = ("low", "middle", "top")


def number(scenario: str) -> torch.Tensor:
    return torch.tensor(SCENARIOS.index(scenario))


def the_table(build: Build, draw: Draw) -> Iterator[Pair]:
    """Few or many; the top layer the best by the probe, or not."""
    for examples, few in ((20, True), (500, False)):
        for top, alike in ((0.9, True), (0.7, False)):
            plan = build(draw)(examples, {"low": 0.6, "middle": 0.8, "top": top})
            yield (
                number(plan.scenario),
                torch.tensor(
                    {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[few, alike]
                ),
            )


def the_edges(build: Build, draw: Draw) -> Iterator[Pair]:
    small, tolerance = 100, 0.02
    for examples in (1, 99, 100, 101):
        plan = build(draw)(examples, True)
        yield torch.tensor(plan.scenario.startswith("small")), torch.tensor(examples < small)
    for gap in (-0.1, 0.0, 0.015625, 0.03125):
        plan = build(draw)(500, {"low": 0.5, "middle": 0.75, "top": 0.75 - gap})
        yield torch.tensor(plan.scenario.endswith("similar")), torch.tensor(0.75 - gap >= 0.75 - tolerance)


def few_and_unlike_takes_the_best_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    for _ in range(4):
        scores = draw.uniform(3, high=0.5, name="scores").tolist()
        plan = build(draw)(5, dict(zip(LAYERS, [*scores[:2], max(scores) - 0.25])))
        best = max((0, 1), key=lambda k: scores[k]) if max(scores[:2]) > max(scores) - 0.25 else 2
        yield torch.tensor(LAYERS.index(plan.features or "top")), torch.tensor(best)
    yield torch.tensor(build(draw)(5, {"low": 0.9, "top": 0.9}).features is None), torch.tensor(True)


def small_trains_the_head_alone(build: Build, draw: Draw) -> Iterator[Pair]:
    """And large everything at the end; the shares are a whole."""
    for examples in (5, 500):
        for scores in ({"low": 0.9, "top": 0.1}, {"low": 0.1, "top": 0.9}):
            stages = build(draw)(examples, scores).stages
            yield torch.tensor(float(sum(stage.share for stage in stages))), torch.tensor(1.0)
            yield torch.tensor(stages[0].layers or inf), torch.tensor(1.0)
            yield torch.tensor(float(stages[-1].layers or inf)), torch.tensor(1.0 if examples == 5 else inf)


def what_is_named_is_taken(build: Build, draw: Draw) -> Iterator[Pair]:
    for scenario in SCENARIOS:
        yield number(build(draw)(5, {"low": 0.9, "top": 0.1}, scenario=scenario).scenario), number(scenario)


def plan_of(scenario: str):
    return transfer_plan(5, {"0": 0.9, "3": 0.1}, scenario=scenario)


def head_then_body(build: Build, draw: Draw) -> Iterator[Pair]:
    for scenario in SCENARIOS:
        model, x = small_net(draw), draw.normal()
        _, unfreezing = build(draw)(model, plan_of(scenario), 0.1)
        optimizer = optimizers(model)[0]
        for epoch in range(4):
            body, head = state(model, *BODY), state(model, HEAD)
            steps(model.train(), optimizer, x, count=1)
            thawed = scenario.startswith("large") and epoch >= 2  # a tenth of 20 epochs
            yield moved(model, body).amax(), torch.tensor(float(thawed))
            yield moved(model, head).amin(), torch.tensor(1.0)
            unfreezing.step()


def rates_below_the_head(build: Build, draw: Draw) -> Iterator[Pair]:
    for scenario in SCENARIOS:
        model = small_net(draw)
        groups, _ = build(draw)(model, plan_of(scenario), 0.5)
        low = 0.05 / 2.6 if scenario.endswith("similar") else 0.05
        want = [low] * 4 + [0.05] * 4 + [0.5] * 2
        yield rates(groups, model), torch.tensor(want, dtype=torch.float64)


def each_stage_has_an_epoch(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    _, unfreezing = build(draw, epochs=2)(model, plan_of("large_similar"), 0.5)
    yield torch.tensor(model[0].weight.requires_grad), torch.tensor(False)
    unfreezing.step()
    yield torch.tensor(model[0].weight.requires_grad), torch.tensor(True)


def swapped(examples, similarity, scenario="auto"):
    names = {"small_similar": "small_different", "small_different": "small_similar",
             "large_similar": "large_different", "large_different": "large_similar"}  # fmt: skip
    plan = transfer_plan(examples, similarity, scenario=scenario)
    return replace(plan, scenario=names[plan.scenario]) if scenario == "auto" else plan


def few_includes_the_edge(examples, similarity, scenario="auto"):
    return transfer_plan(examples, similarity, scenario=scenario, small=101)


def no_tolerance(examples, similarity, scenario="auto"):
    return transfer_plan(examples, similarity, scenario=scenario, tolerance=0.0)


def the_lowest_layer(examples, similarity, scenario="auto"):
    plan = transfer_plan(examples, similarity, scenario=scenario)
    return replace(plan, features=next(iter(similarity))) if plan.features else plan


def fine_tunes_always(examples, similarity, scenario="auto"):
    return replace(
        transfer_plan(examples, similarity, scenario=scenario), stages=(Stage(0.1, 1), Stage(0.9, None))
    )


def shares_in_percent(examples, similarity, scenario="auto"):
    plan = transfer_plan(examples, similarity, scenario=scenario)
    return replace(plan, stages=tuple(Stage(100 * stage.share, stage.layers) for stage in plan.stages))


def deaf(examples, similarity, scenario="auto"):
    return transfer_plan(examples, similarity)


def all_at_once(model, plan, lr, *, epochs):
    return carry_out(model, replace(plan, stages=(Stage(1.0, None),)), lr, epochs=epochs)


def one_rate(model, plan, lr, *, epochs):
    return carry_out(model, replace(plan, body_rate=1.0, factor=1.0), lr, epochs=epochs)


def no_factor(model, plan, lr, *, epochs):
    return carry_out(model, replace(plan, factor=1.0), lr, epochs=epochs)


def head_divided_too(model, plan, lr, *, epochs):
    return carry_out(model, plan, lr / 2.6, epochs=epochs)


def shares_of_epochs_alone(model, plan, lr, *, epochs):
    groups, unfreezing = carry_out(model, plan, lr, epochs=epochs)
    if epochs * plan.stages[0].share < 0.5:
        thaw(model)
    return groups, unfreezing


SUITES = (
    Suite(
        technique="transfer_plan",
        part="transfer_plan",
        subjects={"transfer_plan": transfer_plan},
        interface=Interface(kind="function", inputs=("examples", "similarity")),
        cases=({},),
        shapes=lambda a: ((3,),),
        laws=(
            Law("the_table", "Few or many examples, a like or an unlike task: four scenarios.", the_table, EXACT),
            Law("the_edges", r"$$ \text{small} := n < n_0, \quad \text{similar} := a_{top} \ge \max_l a_l - \tau $$", the_edges, EXACT),
            Law("few_and_unlike_takes_the_best_layer", r"$$ \arg\max_l a_l $$", few_and_unlike_takes_the_best_layer, EXACT),
            Law("small_trains_the_head_alone", "With few examples the body rests; with many everything trains in the end.", small_trains_the_head_alone),
            Law("what_is_named_is_taken", "A scenario that is named is taken.", what_is_named_is_taken, EXACT),
        ),
        twins=(
            Twin("swapped", swapped, "like and unlike are exchanged."),
            Twin("few_includes_the_edge", few_includes_the_edge, "few means fewer than the threshold, without it."),
            Twin("no_tolerance", no_tolerance, "the top layer need not be the best: a small tolerance is given."),
            Twin("the_lowest_layer", the_lowest_layer, "you take the lowest layer; take the one with the best probe."),
            Twin("fine_tunes_always", fine_tunes_always, "with few examples the body is to rest."),
            Twin("shares_in_percent", shares_in_percent, "your shares do not sum to 1."),
            Twin("deaf", deaf, "the scenario that was named is ignored."),
        ),
    ),
    Suite(
        technique="transfer_plan",
        part="carry_out",
        subjects={"carry_out": carry_out},
        interface=Interface(kind="function", arguments=("epochs",), inputs=("model", "plan", "lr")),
        cases=({"epochs": 20},),
        shapes=lambda a: ((5, 2),),
        laws=(
            Law("head_then_body", "The head trains from the start, the body after a tenth of the epochs or never.", head_then_body, EXACT),
            Law("rates_below_the_head", r"$$ \eta, \ \eta / 10, \ \eta / (10 f) $$ from the head down; f = 1 where the task is unlike.", rates_below_the_head),
            Law("each_stage_has_an_epoch", "In a short training too, each stage has one epoch.", each_stage_has_an_epoch, EXACT),
        ),
        twins=(
            Twin("all_at_once", all_at_once, "the body is trained from the start."),
            Twin("one_rate", one_rate, "the body trains at the head's rate."),
            Twin("no_factor", no_factor, "all layers of the body have one rate, though the task is like."),
            Twin("head_divided_too", head_divided_too, "the head's own rate is divided."),
            Twin("shares_of_epochs_alone", shares_of_epochs_alone, "in a short training the first stage vanishes in the rounding."),
        ),
    ),
)  # fmt: skip
