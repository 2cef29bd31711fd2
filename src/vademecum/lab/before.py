"""Before the first step: the cheap experiments that show a fault before hours are spent, and the learning rate."""

from dataclasses import asdict

import torch

from vademecum import doctor
from vademecum._torch.streams import same_streams
from vademecum.train import learning_rate_range

from .console import Console
from .examples import Part
from .loop import seed_of
from .parts import RATES
from .prepare import Prepared
from .run_folder import RunFolder
from .stepper import make_optimizer

__all__ = ["look_before"]

CHECKS = (doctor.initial_loss, doctor.gradients, doctor.overfit_small)
PEAK = 3.0  # times the rate at which learning begins; a run reaches its peak for a moment only
PROBED = 256  # examples on which the checks look


def look_before(folder: RunFolder, prepared: Prepared, train: Part, console: Console) -> float:
    """Check the untrained model, write down what was found, and find the rate.

    Args:
        folder: of the run.
        prepared: what the run is made of.
        train: the training part, on the model's device.
        console: told about it.

    Returns:
        The peak learning rate.
    """
    recipe, objective = prepared.recipe, prepared.objective
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed_of(recipe.seed, "probe")))
    order = order.to(train.x.device)
    some = order[:PROBED]
    case = doctor.Case(prepared.model, train.x[some], train.y[some], objective.loss, objective.num_classes)
    found = [finding for check in CHECKS for finding in check(case)]
    if prepared.copies:
        found.append(
            doctor.Finding(
                "copies-across-parts", "warning",
                f"{prepared.copies} examples of validation and test also stand in another part: the test is too kind.",
                cure="Remove the copies, or keep them together by --group.", evidence={"copies": prepared.copies},
            )
        )  # fmt: skip
    described = [{**asdict(finding), "evidence": dict(finding.evidence)} for finding in found]
    folder.write_json("findings.json", described)
    console.findings(described)
    if recipe.learning_rate != "auto":
        rate = float(recipe.learning_rate)
        folder.note(learning_rate=rate, range_test=None)
        return rate
    batches = [(train.x[index], train.y[index]) for index in order.split(recipe.batch_size) if len(index) > 1]
    rates = RATES[recipe.optimizer.partition(":")[0]]
    with same_streams():
        torch.default_generator.manual_seed(seed_of(recipe.seed, "range"))
        test = learning_rate_range(
            prepared.model, objective.loss, batches,
            lambda model: make_optimizer(model, recipe, rate=rates.usual), low=rates.low, high=rates.high,
        )  # fmt: skip
    fell = test.chosen != rates.usual
    rate = PEAK * test.chosen if fell and recipe.schedule != "constant" else test.chosen
    why = (
        f"{test.reason} The peak of the schedule is {PEAK:g} times that."
        if rate != test.chosen
        else test.reason
    )
    folder.note(learning_rate=rate, range_test={**asdict(test), "reason": why})
    console.heading("rate", f"{rate:.3g} at its peak. {why}")
    return rate
