"""Judge the doctor on one half of its bank: what it finds, whether it names the cause, and whom it alarms for nothing.

``python benchmarks/doctor/evaluate.py heldout`` runs every program under `vade check`, as a user would, and writes one
line a program and the table of all. Thresholds are tuned on the half "tuning" alone.
"""

import argparse
import json
import math
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from bank._program import Fault, Variant, faults, healthy, source  # noqa: E402

NOTES = {"bias-before-norm", "decay-on-norm", "mse-on-classes"}
"""Causes that are no alarms: a note is what is wanted."""

MOST = 3
"""Cures of a finding that are tried, until one changes the score."""

SCORE = re.compile(r"^score (\S+)", re.MULTILINE)


def examine(job: dict[str, Any]) -> dict[str, Any]:
    """One program under `vade check`."""
    import torch  # noqa: F401  (each worker loads it once; its children are forked)

    from vademecum._core.errors import InputError
    from vademecum.doctor.checkup import check_up

    folder = Path(tempfile.mkdtemp(prefix="bank-"))
    script = folder / "train.py"
    script.write_text(job["text"], encoding="utf-8")
    begun = time.monotonic()
    row = {key: job[key] for key in ("name", "base", "cause", "accepts", "silent", "healthy")}
    try:
        report, outcome = check_up(
            str(script), seconds=job["seconds"], seeds=job["seeds"], reruns=job["reruns"]
        )
        row["findings"] = [_told(finding) for finding in report.findings]
        row["outcome"], row["ending"], row["steps"] = (
            report.history.get("outcome", ""),
            outcome.ending.kind,
            report.steps,
        )
        row["failed"] = {
            rule: because for rule, because in report.not_checked.items() if "inside the doctor" in because
        }
        if job["cure"] and not job["healthy"] and not job["silent"]:
            row |= _cured(script, report, job)
    except InputError as error:
        row |= {"findings": [], "ending": "refused", "refused": str(error)[:300]}
    except Exception as error:
        row |= {"findings": [], "ending": "crash", "crash": f"{type(error).__name__}: {error}"[:600]}
    row["seconds"] = round(time.monotonic() - begun, 2)
    return row


def _told(finding: Any) -> dict[str, Any]:
    return {
        "rule": finding.rule, "severity": finding.severity, "symptom": finding.symptom, "message": finding.message,
        "proven": finding.proof is not None, "did": finding.proof.did if finding.proof else "",
        "folded": [each.rule for each in finding.folded],
    }  # fmt: skip


def _cured(script: Path, report: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The score of the whole program as it is and with the first finding's cure, where a rerun can make it."""
    from vademecum.doctor.cures.table import cures

    loud = [finding for finding in report.findings if finding.severity in {"warning", "error"}]
    changes = cures(loud[0]) if loud else ()
    if not changes:
        return {"cure": ""}
    proof = loud[0].proof
    ordered = sorted(changes, key=lambda each: proof is None or each.says != proof.did)
    before = _score(script, ())
    for cure in ordered[:MOST]:  # the first that can be made and changes anything
        after = _score(script, (cure,))
        if not math.isnan(after) and after != before:
            break
    return {"cure": cure.says, "scores": [before, after]}


def _score(script: Path, cures: tuple[Any, ...]) -> float:
    """What a whole run of a program prints at its end."""
    from vademecum.doctor.script import run_script

    found = SCORE.findall(run_script(script, steps=100_000, seconds=60, cures=cures).output)
    return float(found[-1]) if found else math.nan


def jobs(half: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """What is to be run."""
    programs: list[Fault | Variant] = [*faults(half), *healthy(half)]
    made = []
    for program in programs:
        fault = isinstance(program, Fault)
        if arguments.only and not re.search(arguments.only, program.name):
            continue
        if arguments.every > 1 and hash_of(program.name) % arguments.every:
            continue
        also = (program.also,) if fault and program.also else ()
        made.append({
            "name": program.name, "base": program.base, "text": source(half, program.base, program.edits),
            "healthy": not fault, "cause": program.cause if fault else "", "silent": fault and program.silent,
            "accepts": [*program.accepts, *also] if fault else [], "seconds": arguments.seconds,
            "seeds": arguments.seeds, "reruns": not arguments.no_reruns, "cure": arguments.cure,
        })  # fmt: skip
    return made


def hash_of(name: str) -> int:
    """A number of a name, the same in every process."""
    return sum(ord(letter) * 31**i for i, letter in enumerate(name)) % 1_000_003


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of a half."""
    sick = [row for row in rows if not row["healthy"] and row["cause"] not in NOTES]
    well = [row for row in rows if row["healthy"]]
    loud = {
        row["name"]: [f for f in row["findings"] if f["severity"] in {"warning", "error"}] for row in rows
    }
    found = [row for row in sick if loud[row["name"]]]

    def right(row: dict[str, Any], told: list[dict[str, Any]]) -> bool:
        return any(f["rule"] in {row["cause"], *row["accepts"]} for f in told)

    named = [row for row in sick if right(row, loud[row["name"]])]
    first = [row for row in sick if right(row, loud[row["name"]][:1])]
    alarmed = [row for row in well if loud[row["name"]]]
    tried = [row for row in rows if row.get("cure") and "scores" in row]
    better = [row for row in tried if _better(*row["scores"])]
    share = lambda part, whole: round(100 * len(part) / max(len(whole), 1), 1)  # noqa: E731
    return {
        "faulty": len(sick), "found": share(found, sick), "right": share(named, sick), "first": share(first, sick),
        "healthy": len(well), "alarmed": share(alarmed, well), "alarms": dict(Counter(
            f["rule"] for row in alarmed for f in loud[row["name"]]
        )),
        "cures": len(tried), "cures_better": share(better, tried),
        "crashes": sum(row["ending"] == "crash" for row in rows),
        "failed_rules": dict(Counter(rule for row in rows for rule in row.get("failed", {}))),
        "median_seconds": sorted(row["seconds"] for row in rows)[len(rows) // 2] if rows else 0.0,
    }  # fmt: skip


def _better(before: float, after: float) -> bool:
    return not math.isnan(after) and (math.isnan(before) or after > before)


def table(rows: list[dict[str, Any]]) -> str:
    """The confusion table: a row a cause, what was said first and how often."""
    lines = ["| cause | programs | found | right | first | said first |", "|---|---|---|---|---|---|"]
    causes = sorted({row["cause"] for row in rows if not row["healthy"]})
    for cause in causes:
        mine = [row for row in rows if row["cause"] == cause and not row["healthy"]]
        alarms = {"warning", "error"} | ({"note"} if cause in NOTES else set())
        told = [[f for f in row["findings"] if f["severity"] in alarms] for row in mine]
        hits = [any(f["rule"] in {cause, *row["accepts"]} for f in each) for row, each in zip(mine, told)]
        firsts = [bool(each) and each[0]["rule"] in {cause, *row["accepts"]} for row, each in zip(mine, told)]
        said = Counter(each[0]["rule"] if each else "nothing" for each in told)
        words = ", ".join(f"{rule} {count}" for rule, count in said.most_common())
        lines.append(
            f"| {cause} | {len(mine)} | {sum(map(bool, told))} | {sum(hits)} | {sum(firsts)} | {words} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run a half and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=("tuning", "heldout"))
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2)))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--no-reruns", action="store_true")
    parser.add_argument(
        "--cure", action="store_true", help="run each program with the first finding's cure, too"
    )
    parser.add_argument("--only", default="", help="names that match")
    parser.add_argument("--every", type=int, default=1, help="one program in so many")
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument(
        "--details", action="store_true", help="print each program; never for the half held out"
    )
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    wanted = jobs(arguments.half, arguments)
    rows = []
    with multiprocessing.get_context("spawn").Pool(arguments.jobs, maxtasksperchild=60) as pool:
        for row in pool.imap_unordered(examine, wanted):
            rows.append(row)
            if arguments.details and arguments.half == "tuning":
                loud = [f["rule"] for f in row["findings"] if f["severity"] in {"warning", "error"}]
                name, cause, outcome = row["name"], row["cause"] or "healthy", row.get("outcome", "")
                print(f"{name:<34} {cause:<26} {row['seconds']:>5} {outcome} {loud}", flush=True)
    rows.sort(key=lambda row: row["name"])
    if arguments.output is not None:
        arguments.output.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(table(rows))
    print(json.dumps(summary(rows), indent=2))


if __name__ == "__main__":
    main()
