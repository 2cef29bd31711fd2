"""Workers on this machine: started, watched, replaced when they die, and stopped together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vademecum._core.errors import InputError

from .console import Console
from .fit import Interrupted
from .plans import Plan
from .surroundings import catch_signals
from .trials import Trials
from .worker import Orders

__all__ = ["Crew", "run_workers"]

LOOK = 0.3
"""Seconds between two looks at the workers and at the storage."""
PATIENCE = 3
"""So many deaths for each worker, without a trial that came out in between, are too many."""


class Crew:
    """Worker processes.

    Args:
        orders: for all; each gets a name of its own.
        count: how many.
    """

    def __init__(self, orders: Orders, count: int) -> None:
        self._orders, self._count, self._begin = orders, count, time.monotonic()
        self._number = 0
        self.processes: dict[str, subprocess.Popen[str]] = {}
        for _ in range(count):
            self._start()

    def _start(self) -> None:
        self._number += 1
        name = f"{self._orders.worker}-{self._number}"
        left = self._orders.seconds - (time.monotonic() - self._begin)
        threads = str(max(1, (os.cpu_count() or 1) // self._count))
        process = subprocess.Popen(
            [sys.executable, "-m", "vademecum.lab.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)},
        )
        assert process.stdin is not None
        # The pipe stays open: its end tells the worker that we are gone.
        process.stdin.write(
            json.dumps({**asdict(self._orders), "worker": name, "seconds": max(left, 0)}) + "\n"
        )
        process.stdin.flush()
        self.processes[name] = process

    def look(self) -> tuple[list[str], str]:
        """See who has ended.

        Returns:
            The names of those that died, and why no worker can go on, where one has said so.
        """
        dead, refused = [], ""
        for name, process in list(self.processes.items()):
            if process.poll() is None:
                continue
            said = process.stdout.read() if process.stdout else ""
            del self.processes[name]
            if process.returncode == 2 and said:
                refused = json.loads(said)["refused"]
            elif process.returncode:
                dead.append(name)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        return dead, refused

    def replace(self) -> None:
        """Start one more worker."""
        self._start()

    def stop(self) -> None:
        """Tell all to stop, and wait for them: they give back what they hold."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait()
        self.look()


def run_workers(
    trials: Trials,
    plan: Plan,
    orders: Orders,
    *,
    count: int,
    console: Console,
    describe: Callable[[Mapping[str, Any]], str],
    again: str,
) -> None:
    """Work on a plan with workers on this machine until nothing is left or the budget is spent.

    Args:
        trials: of the plan.
        plan: what there is to do.
        orders: for the workers.
        count: how many workers.
        console: who says how it goes.
        describe: says what came out of a trial, in a line.
        again: the command that goes on after an interruption.

    Raises:
        InputError: no trial can run here, or the workers die of something that comes back.
        Interrupted: a signal came; all that was done is in the storage.
    """
    said, deaths = set(trials.outcomes()), 0
    crew = Crew(orders, count)
    try:
        with (
            catch_signals() as came,
            console.training(steps=plan.size, done=len(said), metric="score"),
        ):
            while crew.processes:
                time.sleep(LOOK)
                dead, refused = crew.look()
                if refused:
                    raise InputError(refused)
                if came:
                    name = signal.Signals(came[0]).name
                    raise Interrupted(f"stopped by {name}; go on with: {again}", signal=came[0])
                outcomes = trials.outcomes()
                for key in [key for key in outcomes if key not in said]:
                    said.add(key)
                    deaths = 0
                    console.heading("trial", f"{len(said)}/{plan.size}  {describe(outcomes[key])}")
                    console.step(len(said))
                for name in dead:
                    trials.release_worker(name)
                    console.heading("worker", f"{name} died; its trial is taken up again.")
                    deaths += 1
                    if deaths > PATIENCE * count:
                        raise InputError(
                            f"workers must stay alive: {deaths} have died without a trial that came out; is there "
                            f"enough memory for {count}? Go on with fewer: {again} --workers 1"
                        )
                    if not plan.done(outcomes):
                        crew.replace()
    finally:
        crew.stop()
        shutil.rmtree(Path(orders.scratch), ignore_errors=True)
