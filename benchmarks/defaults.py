"""Are the defaults of `vade fit` within noise of their neighbors? Eleven small data sets, one field changed at a time.

Real: scikit-learn's digits, all and 300 of them, iris, wine, breast cancer, diabetes, patches of its two photographs
(which photograph is it?). Made: two moons, a table whose labels are wrong for one in five, Friedman's function, and a
table of categories. Every neighbor of the default recipe gets the same splits and seeds. Differences are taken seed by
seed, with the correction for overlapping splits and Holm's for the number of neighbors (`vademecum.lab.statistics`).

    python benchmarks/defaults.py FOLDER      runs what is missing (an hour on two cores) and records
"""

import json
import multiprocessing
import sys
from pathlib import Path
from statistics import fmean

import numpy as np

IMAGES = ("digits_300", "patches", "digits")  # the long runs last
SEEDS = {"digits": 3}  # five for all others

NEIGHBORS = (
    "norm=none", "norm=layer", "activation=gelu", "init=glorot", "dropout=0", "dropout=0.5", "preprocess=min_max",
    "optimizer=sgd", "optimizer=nesterov", "schedule=cosine", "schedule=constant", "schedule=slanted",
    "weight_decay=0", "weight_decay=0.1", "batch_size=16", "batch_size=128", "label_smoothing=0.1",
    "average=ema:0.99", "clip=norm:1", "regularize=max_norm:3", "order=once", "ensemble=3",
)  # fmt: skip
OF_DIGITS = (
    "norm=none", "norm=layer", "dropout=0", "optimizer=nesterov", "schedule=cosine", "weight_decay=0", "batch_size=128",
    "augment=translate:1",
)  # fmt: skip
"""The full digits take half a minute a run: the neighbors that matter most, and three seeds."""

OF_IMAGES = ("augment=translate:1", "augment=rotate:10", "dropout=spatial:0.1")
DEFAULT = "seed=0"  # changes nothing: the seed is set for every run


def make_data(folder: Path) -> dict[str, dict[str, object]]:
    """Write the data sets that are no part of the package, and say how each is read."""
    from sklearn import datasets

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    found: dict[str, dict[str, object]] = {"digits": {"data": "digits"}}

    def table(name: str, x: np.ndarray, y: np.ndarray) -> None:
        path = folder / f"{name}.csv"
        head = ",".join([*(f"x{i}" for i in range(x.shape[1])), "y"])
        rows = [",".join([*(f"{v:.6g}" for v in row), str(label)]) for row, label in zip(x, y)]
        path.write_text("\n".join([head, *rows]) + "\n")
        found[name] = {"data": str(path), "target": "y"}

    for name in ("iris", "wine", "breast_cancer"):
        bunch = getattr(datasets, f"load_{name}")()
        table(name, bunch.data, np.array([f"class {k}" for k in bunch.target]))
    bunch = datasets.load_diabetes(scaled=False)
    table("diabetes", bunch.data, bunch.target)
    x, y = datasets.make_moons(400, noise=0.3, random_state=0)
    table("moons", x, np.array(["upper", "lower"])[y])
    x, y = datasets.make_classification(
        500, 20, n_informative=5, n_classes=3, flip_y=0.2, class_sep=1.5, random_state=0
    )
    table("wrong_labels", x, np.array(["a", "b", "c"])[y])
    x, y = datasets.make_friedman1(500, noise=1.0, random_state=0)
    table("friedman", x, y)
    colors, shapes = draw.integers(4, size=500), draw.integers(5, size=500)
    size = draw.normal(size=500)
    label = ((colors + shapes) % 2 == 0) ^ (size > 0.8) ^ (draw.random(500) < 0.05)
    rows = [
        f"color {c},shape {s},{v:.4f},{'yes' if k else 'no'}"
        for c, s, v, k in zip(colors, shapes, size, label)
    ]
    (folder / "categories.csv").write_text("\n".join(["color,shape,size,y", *rows]) + "\n")
    found["categories"] = {"data": str(folder / "categories.csv"), "target": "y"}
    _images(folder, draw)
    found["digits_300"] = {"data": str(folder / "digits_300")}
    found["patches"] = {"data": str(folder / "patches")}
    return found


def _images(folder: Path, draw: np.random.Generator) -> None:
    from PIL import Image
    from sklearn import datasets

    digits = datasets.load_digits()
    for number in draw.permutation(len(digits.target))[:300]:
        place = folder / "digits_300" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * 15.9).astype(np.uint8)).save(place / f"{number}.png")
    for name in ("china", "flower"):
        photo = datasets.load_sample_image(f"{name}.jpg")
        (folder / "patches" / name).mkdir(parents=True, exist_ok=True)
        places = [(i, j) for i in range(0, 424, 8) for j in range(0, 640, 8)]  # patches that do not overlap
        for number in draw.permutation(len(places))[:300]:
            i, j = places[number]
            Image.fromarray(photo[i : i + 8, j : j + 8]).save(folder / "patches" / name / f"{number}.png")


def one(job: tuple[str, dict[str, object], str, int, str]) -> str:
    """Train one recipe and say what came out, as a line of JSON."""
    import torch

    from vademecum.lab import Recipe
    from vademecum.lab.trial import run

    torch.set_num_threads(1)
    name, start, setting, seed, scratch = job
    recipe = Recipe().changed(start).with_settings([setting]).changed({"seed": seed})
    found = run(recipe, Path(scratch) / f"{name}-{setting}-{seed}".replace("/", "-"), test=True)
    return json.dumps({"data": name, "setting": setting, "seed": seed, **{k: found.get(k) for k in KEPT}})


KEPT = ("score", "metric", "seconds", "epochs", "split", "failed")


def main(folder: Path) -> None:
    """Run what is missing, and record the figures."""
    found = make_data(folder / "data")
    lines = folder / "trials.jsonl"
    done = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    known = {(row["data"], row["setting"], row["seed"]) for row in done}
    jobs = []
    for name, start in found.items():
        settings = (DEFAULT, *NEIGHBORS, *(OF_IMAGES if name in IMAGES else ()))
        if name == "digits":
            settings = (DEFAULT, *OF_DIGITS)
        if name in {"diabetes", "friedman"}:
            settings = tuple(s for s in settings if not s.startswith("label_smoothing"))
        for seed in range(SEEDS.get(name, 5)):
            jobs += [(name, start, s, seed, str(folder)) for s in settings if (name, s, seed) not in known]
    jobs.sort(key=lambda job: (IMAGES.index(job[0]) + 1 if job[0] in IMAGES else 0, job[3]))
    with multiprocessing.get_context("spawn").Pool(2) as pool, lines.open("a") as file:
        for number, line in enumerate(pool.imap_unordered(one, jobs), start=1):
            file.write(line + "\n")
            file.flush()
            if number % 20 == 0:
                print(f"{number} of {len(jobs)}", flush=True)
    report([json.loads(line) for line in lines.read_text().splitlines()])


def report(rows: list[dict[str, object]]) -> None:
    """Compare each neighbor with the default, data set by data set, and write the figures down."""
    from _record import record

    from vademecum.lab.statistics import differences

    for name in sorted({row["data"] for row in rows}):
        mine = [row for row in rows if row["data"] == name]
        count = 1 + max(row["seed"] for row in mine)
        scores = {
            setting: [
                row["score"] for row in sorted(mine, key=lambda r: r["seed"]) if row["setting"] == setting
            ]
            for setting in dict.fromkeys([DEFAULT, *(row["setting"] for row in mine)])
        }
        whole = {s: v for s, v in scores.items() if len(v) == count and None not in v}
        split = mine[0]["split"]
        accuracy = mine[0]["metric"] == "accuracy"
        overlap, resolution = split["test"] / split["train"], 1 / split["test"] if accuracy else 0.0
        found = differences(whole, overlap=overlap, resolution=resolution)
        best = max(found, key=lambda d: d.mean)
        record(
            "defaults", data=name, metric=mine[0]["metric"], seeds=count, default=fmean(whole[DEFAULT]),
            best=best.arm, best_difference=best.mean, best_interval=[best.low, best.high], best_p=best.corrected_p,
            detectable=best.detectable, better=[d.arm for d in found if d.significant and d.mean > 0],
            worse=[d.arm for d in found if d.significant and d.mean < 0],
            differences={d.arm: d.mean for d in found}, failed=[s for s in scores if s not in whole],
        )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
