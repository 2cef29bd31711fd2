"""Runs in processes of their own that can be killed for real, without paying for the imports each time.

Run as a script this file is a nursery: it imports everything once, and for each line of JSON it forks a process that
runs `fit`, and prints its number. When the process is gone, it prints the exit status.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Nursery:
    """Starts runs; one at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._line() == "ready"

    def run(
        self,
        recipe: str = "",
        *,
        out: Path | None = None,
        resume: Path | None = None,
        kill_after: float | None = None,
    ) -> float:
        """Run `fit` to the end, or kill it after some seconds; gives the seconds that it took."""
        begin = time.monotonic()
        order = {"recipe": recipe, "out": out and str(out), "resume": resume and str(resume)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        number = int(self._line())
        if kill_after is not None:
            time.sleep(max(0.0, begin + kill_after - time.monotonic()))
            os.kill(
                number, signal.SIGKILL
            )  # a process that has ended waits to be buried: the number is still its own
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        status = int(self._line())
        expected = {0} if kill_after is None else {0, -signal.SIGKILL}
        assert status in expected, f"the run ended with {status}"
        return time.monotonic() - begin

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _line(self) -> str:
        return self._process.stdout.readline().strip()


def files(folder: Path) -> set[str]:
    """Every file under a folder, hidden ones too."""
    return {
        os.path.relpath(Path(place) / name, folder) for place, _, names in os.walk(folder) for name in names
    }


def _say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def _serve() -> None:
    import accelerate
    import jinja2  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import sklearn.datasets  # noqa: F401

    from vademecum.lab import Recipe, fit

    assert accelerate.Accelerator
    _say("ready")
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        recipe = Recipe.from_toml(order["recipe"]) if order["recipe"] else None
        if (number := os.fork()) == 0:
            fit(recipe, out=order["out"], resume=order["resume"])
            os._exit(0)
        _say(number)
        sys.stdin.readline()  # until then the process is not buried, so that its number stays its own
        _say(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]))


if __name__ == "__main__":
    _serve()
