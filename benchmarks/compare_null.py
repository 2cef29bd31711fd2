"""`vade compare` on identical arms: how often does it say "significant" where nothing differs?

Each comparison has two arms that are the same recipe, except that the second one draws initialization and order from
other seeds, on the same splits. Both are trained for real on small tables. Five percent are allowed. The scores of
identical recipes are independent given the data, so the corrected test should say it less often than that.
"""

import tempfile
from pathlib import Path

import torch
from _record import record

from vademecum.lab.examples import predict
from vademecum.lab.loop import Loop
from vademecum.lab.prepare import prepare
from vademecum.lab.recipe import Recipe
from vademecum.lab.statistics import differences
from vademecum.lab.surroundings import make_accelerator, reproducible

COMPARISONS, SEEDS = 200, 5


def data(folder: Path, number: int, count: int = 160) -> Path:
    """Write a table of three classes that overlap."""
    draw = torch.Generator().manual_seed(number)
    kind = torch.randint(3, (count,), generator=draw)
    x = torch.randn(count, 4, generator=draw) + 1.2 * torch.nn.functional.one_hot(kind, 4)
    rows = [",".join([*(f"{v:.4f}" for v in row), "abc"[k]]) for row, k in zip(x.tolist(), kind.tolist())]
    path = folder / f"{number}.csv"
    path.write_text("\n".join(["p,q,r,s,kind", *rows]) + "\n")
    return path


def accuracy(recipe: Recipe, start: int) -> tuple[float, int, int]:
    """Train on the recipe's split from another start, and test."""
    with reproducible():
        prepared = prepare(recipe)
        own = recipe.changed({"seed": start})
        model = prepare(own).model
        model.get_submodule("preprocess").load_state_dict(
            prepared.model.get_submodule("preprocess").state_dict()
        )
        loop = Loop(
            model, prepared.objective, prepared.part("train"), prepared.part("val"), recipe=own, rate=0.01,
            accelerator=make_accelerator(),
        )  # fmt: skip
        while not loop.done:
            for _ in loop.steps():
                pass
            loop.end_epoch()
        model.load_state_dict(loop.best)
        test = prepared.part("test")
        right = (predict(model, test.x).argmax(1) == test.y).double().mean()
        return float(right), len(test), len(prepared.split.train)


def main() -> None:
    """Measure and write down."""
    said = naive = 0
    with tempfile.TemporaryDirectory() as place:
        for number in range(COMPARISONS):
            path = data(Path(place), number)
            scores: dict[str, list[float]] = {"one": [], "other": []}
            for seed in range(SEEDS):
                recipe = Recipe(
                    data=str(path), target="kind", seed=seed, epochs=4, patience=0, learning_rate=0.01
                )
                for arm, start in (("one", seed), ("other", 1000 + seed)):
                    score, tested, trained = accuracy(recipe, start)
                    scores[arm].append(score)
            said += differences(scores, overlap=tested / trained, resolution=1 / tested)[0].significant
            naive += differences(scores)[0].significant
    record(
        "compare_null", comparisons=COMPARISONS, seeds=SEEDS, significant=said, significant_with_usual_t_test=naive
    )  # fmt: skip


if __name__ == "__main__":
    main()
