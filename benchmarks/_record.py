"""Write a measurement down as it is: one JSON line with machine, versions and date."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, object]:
    """Say on what was measured."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def record(benchmark: str, **figures: object) -> None:
    """Print one result and append it to ``results/<machine>-<date>.jsonl``.

    Args:
        benchmark: the file's name.
        figures: whatever was measured, with units in the names.
    """
    import torch

    facts = machine()
    line = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).date().isoformat(),
        **facts,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    name = (
        "".join(c if c.isalnum() else "-" for c in f"{facts['processor']}-{facts['cores']}core")
        .strip("-")
        .lower()
    )
    with (RESULTS / f"{name}-{line['date']}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps({"benchmark": benchmark, **figures}))
