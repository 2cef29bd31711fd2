"""`vade fit` with nothing said, on scikit-learn's digits: test accuracy over seeds, and what the command costs in all.

Asked for: a mean accuracy of 0.985 over seeds 0 to 4, and 40 s for the whole command on two cores. The defaults were
chosen on the validation parts of other seeds (100 and up). CPU seconds are those of the process and its children,
imports, checks, range test, training, test and report included.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from _record import record

SEEDS = range(5)


def main() -> None:
    """Measure and write down."""
    accuracy, wall, cpu = [], [], []
    with tempfile.TemporaryDirectory() as place:
        for seed in SEEDS:
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "vademecum",
                "fit",
                "--json",
                "--seed",
                str(seed),
                "--out",
                f"run-{seed}",
            ]
            done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
            wall.append(time.perf_counter() - start)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            accuracy.append(json.loads(done.stdout)["evaluation"]["metrics"]["accuracy"])
    record(
        "fit_digits",
        what="vade fit, seeds 0 to 4",
        mean_test_accuracy=round(statistics.mean(accuracy), 4),
        test_accuracy=[round(value, 4) for value in accuracy],
        wall_seconds=[round(value, 1) for value in wall],
        cpu_seconds=[round(value, 1) for value in cpu],
    )


if __name__ == "__main__":
    main()
