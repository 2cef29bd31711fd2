"""Whether the bank says the truth: `python benchmarks/doctor/bank/validate.py tuning [--only NAME]`.

Runs programs for seeds 0-2, each in a process of its own (forked: torch is imported once), on one thread, and
prints what does not hold. A program is measured by its skill: 0 is the score of its base left untrained (its
optimizers do nothing), 1 the score of its base. Results are cached by the text of the program.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import contextlib
import hashlib
import json
import math
import multiprocessing
import runpy
import sys
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from bank import _program

SEEDS = (0, 1, 2)
LIMIT = 60.0  # seconds
for _shared in ("datasets", "metrics", "model_selection", "neighbors", "pipeline", "preprocessing"):
    import_module(f"sklearn.{_shared}")  # once, for every program
_idle = torch.nn.Parameter(torch.zeros(1))
_idle.grad = torch.zeros(1)
torch.optim.SGD([_idle], lr=0.0).step()  # the first step of a process imports the compiler: seconds
FORK = multiprocessing.get_context("fork")


def _child(text: str, folder: str, trained: bool) -> None:
    """Run a program; what it prints goes to a file."""
    torch.set_num_threads(1)
    os.environ["ACCELERATE_USE_CPU"] = "true"
    warnings.simplefilter("ignore")
    if not trained:
        for optimizer in (c for c in vars(torch.optim).values() if isinstance(c, type)):
            if issubclass(optimizer, torch.optim.Optimizer):
                optimizer.step = lambda self, closure=None: None
    path = Path(folder, "program.py")
    path.write_text(text, encoding="utf-8")
    with (
        Path(folder, "out").open("w") as out,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except BaseException as error:
            print(f"crash {type(error).__name__}: {error}")
    Path(folder, "seconds").write_text(f"{time.process_time():.1f}", encoding="utf-8")


def _run(texts: list[str], *, trained: bool = True) -> list[dict]:
    """The score (None: it crashed or printed none), the seconds of CPU and the last line of each program."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(i)) for i in range(len(texts))]
        for place in places:
            place.mkdir()
        begun = time.monotonic()
        jobs = [FORK.Process(target=_child, args=(t, str(p), trained)) for t, p in zip(texts, places)]
        for job in jobs:
            job.start()
        results = []
        for job, place in zip(jobs, places):
            job.join(max(0.1, LIMIT - (time.monotonic() - begun)))
            job.kill()
            job.join()
            lines = (place / "out").read_text().strip().splitlines() if (place / "out").exists() else []
            last = lines[-1] if lines else ""
            score = float(last.split()[1]) if last.startswith("score ") else None
            spent = place / "seconds"
            seconds = float(spent.read_text()) if spent.exists() else LIMIT + 1
            results.append({"score": score, "seconds": seconds, "last": last[:200]})
        return results


class Cache:
    """Results by the text of the program, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def results(
        self, half: str, base: str, edits: tuple = (), *, seeds: tuple = SEEDS, trained: bool = True
    ) -> list[dict]:
        """The results of a program for each seed."""
        texts = [_program.source(half, base, edits, seed=seed) for seed in seeds]
        keys = [hashlib.sha256((text + str(trained)).encode()).hexdigest() for text in texts]
        new = [(key, text) for key, text in zip(keys, texts) if key not in self.known]
        for (key, _), result in zip(new, _run([text for _, text in new], trained=trained)):
            self.known[key] = result
        self.path.write_text(json.dumps(self.known))
        return [self.known[key] for key in keys]


def _scale(cache: Cache, half: str, base: str) -> tuple[float, float, list[float]]:
    """The mean scores of a base, untrained and trained, and the skills of its seeds."""
    top, floor = (cache.results(half, base, trained=trained) for trained in (True, False))
    if any(r["score"] is None for r in top + floor):
        raise ValueError(f"the base {base} must run: {[r['last'] for r in top + floor]}")
    low, high = (sum(r["score"] for r in rows) / len(rows) for rows in (floor, top))
    return low, high, [(r["score"] - low) / max(high - low, 1e-9) for r in top]


def _skills(rows: list[dict], low: float, high: float) -> list[float]:
    """The skill of each seed (NaN: it crashed, or its score is not finite)."""
    scores = [math.nan if r["score"] is None else r["score"] for r in rows]
    return [(s - low) / max(high - low, 1e-9) if math.isfinite(s) else math.nan for s in scores]


def _judge(
    cache: Cache, half: str, program: _program.Fault | _program.Variant
) -> tuple[list[dict], list[float], str]:
    """The results and skills of a program, and what does not hold (empty if all does)."""
    low, high, base = _scale(cache, half, program.base)
    healthy = isinstance(program, _program.Variant)

    def run(seeds: tuple[int, ...]) -> tuple[list[dict], list[float], int]:
        rows = cache.results(half, program.base, program.edits, seeds=seeds)
        skills = _skills(rows, low, high)
        return rows, skills, sum(math.isnan(s) or s < min(0.92, *base) for s in skills)

    rows, skills, hurt = run(SEEDS[:2])  # two that agree settle it
    if healthy or hurt == 1:
        rows, skills, hurt = run(SEEDS)
    if healthy:
        holds, verdict = all(s >= min(0.85, min(base) - 0.05) for s in skills), "does not train"
    elif program.silent:
        holds, verdict = hurt < 2, "silent, but hurts"
    else:
        holds, verdict = hurt >= 2, "does not hurt"
    slow = max(r["seconds"] for r in rows) > LIMIT
    return rows, skills, " ".join(word for word, said in ((verdict, not holds), ("too slow", slow)) if said)


def main() -> None:
    """Validate the programs whose name, base or cause is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("half", choices=_program.HALVES)
    parser.add_argument("--only", default="", help="part of a name, a base or a cause")
    parser.add_argument("--cache", type=Path, default=None, help="a JSON file outside the repository")
    parser.add_argument("--quiet", action="store_true", help="print what does not hold, nothing else")
    options = parser.parse_args()
    cache = Cache(options.cache or Path(tempfile.gettempdir(), f"vademecum-bank-{options.half}.json"))
    broken = []
    for program in (*_program.healthy(options.half), *_program.faults(options.half)):
        cause = getattr(program, "cause", "healthy")
        if not any(options.only in word for word in (program.name, program.base, cause)):
            continue
        try:
            rows, skills, verdict = _judge(cache, options.half, program)
        except ValueError as error:
            rows, skills, verdict = [], [], str(error)
        if verdict:
            broken.append(program.name)
        if verdict or not options.quiet:
            figures = " ".join(f"{s:6.2f}" for s in skills)
            scores = " ".join("crash" if r["score"] is None else f"{r['score']:.3f}" for r in rows)
            slowest = max((r["seconds"] for r in rows), default=0.0)
            print(
                f"{program.name:34} {cause:28} {figures}  ({scores}) {slowest:4.1f} s  {verdict}", flush=True
            )
    print(f"{len(broken)} do not hold" + (f": {', '.join(broken)}" if broken else ""))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
