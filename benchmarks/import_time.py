"""What it costs to import vademecum beyond torch, and to look something up: whole processes, medians.

Allowed: 0.1 s for the import beyond torch, 0.3 s for a look-up in all.
"""

import statistics
import subprocess
import sys
import time

from _record import record

RUNS = 9


def seconds(*command: str) -> float:
    """Median wall time of a process."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and write down."""
    python = sys.executable
    for name in ("vademecum", "vademecum.nn"):
        code = f"import torch, time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
        times = [
            float(subprocess.run([python, "-c", code], check=True, capture_output=True).stdout)
            for _ in range(RUNS)
        ]
        record("import_time", what=f"import {name}", beyond_torch_seconds=round(statistics.median(times), 4))
    for arguments in (["--help"], ["list"], ["find", "spectral", "norm"], ["show", "spectral_norm"]):
        record(
            "import_time",
            what=f"vade {' '.join(arguments)}",
            seconds=round(seconds(python, "-m", "vademecum", *arguments), 4),
        )


if __name__ == "__main__":
    main()
