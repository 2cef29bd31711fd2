"""A worker: takes trials of a plan until none is left. ``python -m vademecum.lab.worker`` reads its orders as JSON.

It computes nothing itself: each trial is a process of its own (see `trial`), beside which the worker gives its signs
of life. It stops, and gives its trial back, when a signal comes or when whoever started it is gone.
"""

import json
import os
import platform
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from vademecum._core.errors import InputError

from .plans import Job, Plan, plan_from
from .trial import TrialProcess
from .trials import BEAT, GRACE, Claim, Trials

__all__ = ["Orders", "name_worker", "work"]

TRIES = 3
"""A trial whose process dies so often, of whatever, has failed."""
POLL = 0.25
"""Seconds between two looks at the trial, and at the storage while nothing is free."""


@dataclass(frozen=True)
class Orders:
    """What a worker needs to know.

    Attributes:
        storage: address of the storage.
        study: name in it.
        worker: its own name.
        scratch: folder for the trials under way.
        seconds: no trial is begun that would probably end later than this; infinite without a budget.
        beat: seconds between two signs of life.
        grace: seconds of silence after which others are taken for dead.
    """

    storage: str
    study: str
    worker: str
    scratch: str
    seconds: float = float("inf")
    beat: float = BEAT
    grace: float = GRACE


def work(orders: Orders, *, stop: threading.Event) -> None:
    """Take trials until none is left, the budget is spent, or it is told to stop.

    Where the storage cannot be used, or no trial can run here, an InputError says so.

    Args:
        orders: what to do.
        stop: set from outside.

    """
    begin = time.monotonic()
    trials = Trials(orders.storage, orders.study, grace=orders.grace)
    plan = plan_from(trials.plan)
    while not stop.is_set():
        outcomes = trials.outcomes()
        left = orders.seconds - (time.monotonic() - begin)
        slowest = max((o.get("wall_seconds", 0.0) for o in outcomes.values()), default=0.0)
        if plan.done(outcomes) or left < slowest or left <= 0:
            return
        for job in plan.jobs(outcomes, trials.held()):
            claim = trials.claim(job.key, worker=orders.worker, about={"settings": list(job.settings)})
            if claim is not None:
                _do(job, claim, trials, plan, orders, stop)
                break
        else:
            stop.wait(POLL)


def _do(job: Job, claim: Claim, trials: Trials, plan: Plan, orders: Orders, stop: threading.Event) -> None:
    begin = last = time.monotonic()
    scratch = Path(orders.scratch) / f"{orders.worker}-{claim.row}"
    process = TrialProcess(job.recipe, scratch, test=job.test, fingerprint=plan.fingerprint)
    try:
        count, found = 0, None
        while found is None:
            found = process.outcome(POLL)
            if stop.is_set():
                trials.release(claim)
                return
            if time.monotonic() - last > orders.beat:
                count, last = count + 1, time.monotonic()
                if not trials.beat(claim, count):
                    return  # somebody else has taken it over
    finally:
        process.stop()
    if "refused" in found:
        trials.release(claim)
        raise InputError(found["refused"])
    if "died" in found:
        deaths = [*trials.deaths(job.key), found["died"]]
        if len(deaths) < TRIES:
            trials.release(claim, died=found["died"])
            return
        found = {"failed": f"{found['died']}, {len(deaths)} times; is there enough memory?"}
    found["wall_seconds"] = time.monotonic() - begin
    found["settings"], found["worker"] = list(job.settings), orders.worker
    trials.record(claim, found)


def name_worker() -> str:
    """Make a name that no other worker has.

    Returns:
        Machine, process and four random digits.
    """
    return f"{platform.node() or 'worker'}-{os.getpid()}-{secrets.token_hex(2)}"


def _main() -> int:
    orders = Orders(**json.loads(sys.stdin.readline()))
    stop, came = threading.Event(), []

    def note(number: int, _: object) -> None:
        came.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)

    def watch() -> None:
        sys.stdin.read()  # ends when whoever started us is gone
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    try:
        work(orders, stop=stop)
    except InputError as error:
        sys.stdout.write(json.dumps({"refused": str(error)}) + "\n")
        return 2
    return 128 + came[0] if came else 0


if __name__ == "__main__":
    # The watching thread may still sit in a read, which the interpreter would wait for.
    code = _main()
    sys.stdout.flush()
    os._exit(code)
