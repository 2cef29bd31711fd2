"""`vade fit`'s defaults on tables against a linear model and a random forest, on the same splits of the same CSV files.

`agree` makes sure that every model is tested on the same rows. Reported: mean test score (accuracy or R squared) over
the seeds, and ours minus the linear model's with a 95 % interval of the paired differences. Differences are noise where
the interval holds zero.
"""

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from _record import record

from vademecum.lab import Recipe, fit
from vademecum.lab.prepare import Prepared, prepare

SEEDS = range(10)
NAMES = ("breast_cancer", "wine", "diabetes")
T_95 = 2.262  # Student's t with 9 degrees of freedom


def write_csv(name: str, folder: Path) -> Path:
    """Write one of scikit-learn's tables as a user would have it."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    classes = getattr(found, "target_names", None)
    path = folder / f"{name}.csv"
    lines = [",".join([*(column.replace(",", " ") for column in found.feature_names), "target"])]
    for row, target in zip(found.data, found.target):
        lines.append(
            ",".join([*(repr(float(v)) for v in row), str(target if classes is None else classes[target])])
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def ours(recipe: Recipe, out: Path) -> float:
    """Test score of a run."""
    return next(iter(fit(recipe, out=out).evaluation.metrics.values()))


def peers(prepared: Prepared) -> Mapping[str, float]:
    """Test scores of scikit-learn's models on the encoded rows of the same training part."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    x = prepared.model.get_submodule("preprocess")(prepared.source.x).numpy()
    y, cut = prepared.source.y.numpy(), prepared.split
    if prepared.source.classes:
        models = {
            "linear": LogisticRegression(max_iter=5000),
            "forest": RandomForestClassifier(random_state=0),
        }
    else:
        models = {"linear": Ridge(), "forest": RandomForestRegressor(random_state=0)}
    return {
        name: float(m.fit(x[cut.train], y[cut.train]).score(x[cut.test], y[cut.test]))
        for name, m in models.items()
    }


def agree(prepared: Prepared, out: Path) -> None:
    """The run was tested on the rows that the peers are tested on."""
    with np.load(out / "predictions.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["index"], prepared.split.test.numpy())


def main() -> None:
    """Measure and write down."""
    with tempfile.TemporaryDirectory() as place:
        for name in NAMES:
            path = write_csv(name, Path(place))
            scores: dict[str, list[float]] = {"ours": [], "linear": [], "forest": []}
            for seed in SEEDS:
                recipe, out = (
                    Recipe(data=str(path), target="target", seed=seed),
                    Path(place) / f"{name}-{seed}",
                )
                prepared = prepare(recipe)
                scores["ours"].append(ours(recipe, out))
                agree(prepared, out)
                for peer, score in peers(prepared).items():
                    scores[peer].append(score)
            paired = [a - b for a, b in zip(scores["ours"], scores["linear"])]
            half = T_95 * statistics.stdev(paired) / len(paired) ** 0.5
            mean = statistics.mean(paired)
            record(
                "fit_tables",
                what=name,
                mean_test_score={
                    model: round(statistics.mean(values), 4) for model, values in scores.items()
                },
                ours_minus_linear=round(mean, 4),
                interval=[round(mean - half, 4), round(mean + half, 4)],
            )


if __name__ == "__main__":
    main()
