"""Run a script in a process of its own, wait for what it says, and put the user's files back."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vademecum._core.errors import InputError

from .._report import Report
from ..cures import Cure
from ..formats import from_json
from .child import main, warm
from .ending import from_dump
from .journal import put_back
from .outcome import Ending, Outcome
from .wire import ending_from_json, evaluated_from_json

KEPT = 64_000
"""Bytes of output that are kept, of the end."""

GRACE = 5.0
"""Seconds after its time in which a script must come to its next event."""

STARTING = 60.0
"""Seconds in which a new process must have loaded what it needs, before the script's own time begins."""

ROOT = str(Path(__file__).resolve().parents[3])

Progress = Callable[[int, float], None]
"""Called while a script runs, with its steps and seconds."""


def run_script(
    path: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    function: str = "",
    steps: int | None = None,
    seconds: float = 60,
    seed: int = 0,
    cures: Sequence[Cure] = (),
    same: Sequence[float] = (),
    show: bool = False,
    progress: Progress | None = None,
    fresh: bool | None = None,
    experiments: bool = True,
) -> Outcome:
    """Run a training script under the doctor.

    Args:
        path: of the script.
        args: its command line.
        function: of the file, which returns (model, optimizer, loss_fn, batches): what it builds is trained in a
            plain loop, instead of running the file; "" for the file itself.
        steps: optimizer steps after which it is ended; by default 200, or two epochs, at most 1000.
        seconds: after which it is ended.
        seed: added to every seed that it sets.
        cures: interventions that are in force while it runs.
        same: losses of another run of it: where its own first losses are these, bit for bit, it is ended as "same".
        show: whether its output is printed, too.
        progress: told of the steps now and then.
        fresh: whether it runs in a new interpreter; by default only where this process cannot be forked.
        experiments: whether, in the time that is left after the run, experiments are made on a copy of its first step;
            never beside cures.

    Returns:
        What it came to; the user's files are as before. A path that is no Python script is refused.
    """
    usable(path)
    job = {
        "path": os.fspath(path), "name": function, "args": [str(arg) for arg in args], "steps": steps,
        "seconds": seconds, "seed": seed, "same": [*same], "cures": [[cure.do, dict(cure.options)] for cure in cures],
        "grace": GRACE, "experiments": experiments and not cures,
    }  # fmt: skip
    return _run(job, show, progress, fresh)


def usable(path: str | os.PathLike[str]) -> None:
    """Refuse what is no Python file, before anything runs.

    Args:
        path: as the user gave it.

    Raises:
        InputError: it is not there, or Python cannot read it.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"the script must be a file that exists: {str(path)!r} is none; check the path.")
    try:
        compile(file.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        what = f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        raise InputError(f"the script must be Python: {path}, {what}; correct it and check again.") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"the script must be Python: {path}: {error}; give a file that Python runs."
        ) from None


def _run(job: dict[str, Any], show: bool, progress: Progress | None, fresh: bool | None) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="vade-check-"))
    keep = False
    try:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        begun = time.monotonic()
        process = _Process(folder, show=show, fresh=not _forkable() if fresh is None else fresh)
        try:
            died = _wait(process, folder, job["seconds"] + GRACE, begun, progress)
        finally:
            process.sweep()
            restored = put_back(folder)
            keep = bool(restored.problems)
        outcome = _outcome(folder, process, died, time.monotonic() - begun)
        return Outcome(**outcome, **vars(restored))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _wait(process: "_Process", folder: Path, seconds: float, begun: float, progress: Progress | None) -> str:
    """Wait for the end; says "hung" where it had to be killed."""
    # the script's time begins when its process has loaded all that it needs, however long that takes
    lasts, started = seconds + 2 * GRACE, False
    end = begun + STARTING + lasts
    while process.running():
        try:
            time.sleep(0.05)
            now = time.monotonic()
            if not started and (folder / "progress").exists():
                started, begun, end = True, now, min(end, now + lasts)
            if progress is not None:
                progress(_steps(folder), now - begun)
            if now > end:
                process.kill()
                return "hung"
        except KeyboardInterrupt:  # the script is asked for what it knows
            process.interrupt()
            end = min(end, time.monotonic() + GRACE)
    return ""


def _steps(folder: Path) -> int:
    try:
        return int((folder / "progress").read_text() or 0)
    except (OSError, ValueError):
        return 0


def _outcome(folder: Path, process: "_Process", died: str, seconds: float) -> dict[str, Any]:
    """Read what a script's process has written; what is missing says how it died."""
    output = process.output()
    fault = folder / "fault"
    if fault.is_file():
        raise RuntimeError(
            "vade check failed in itself, not in the script:\n" + fault.read_text(encoding="utf-8")
        )
    if (folder / "result.json").is_file():
        said = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return {
            "report": from_json(said["report"]),
            "ending": ending_from_json(said["ending"]),
            "losses": tuple((int(step), float(value)) for step, value in said["losses"]),
            "evaluations": tuple(evaluated_from_json(each) for each in said["evaluations"]),
            "backwards": said["backwards"],
            "seconds": said["seconds"],
            "notes": tuple(said["notes"]),
            "output": output,
        }
    stack = folder / "stack"
    dump = stack.read_text(encoding="utf-8", errors="replace") if stack.is_file() else ""
    ending = from_dump(dump) if died else Ending("killed", _death(process.code))
    return {"report": Report(), "ending": ending, "output": output, "seconds": seconds}


def _death(code: int) -> str:
    """By what a process died."""
    if code >= 0:
        return f"its process ended by itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"its process was ended by {name}" + (" (often: no memory left)" if name == "SIGKILL" else "")


def _forkable() -> bool:
    """Whether a child of this process can compute: one whose threads have computed cannot pass them on."""
    import torch

    if not hasattr(os, "fork") or sys.platform == "darwin" or threading.active_count() > 1:
        return False
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return False
    # NumPy's BLAS starts one thread a core when it is imported, and knows how to fork; those of torch come on top.
    return threads <= (os.cpu_count() or 1) and not torch.cuda.is_initialized()


class _Process:
    """A script's process, with what it prints."""

    def __init__(self, folder: Path, *, show: bool, fresh: bool):
        reading, writing = os.pipe()
        self.code = 0
        self._ended = False
        self._kept = bytearray()
        self._popen: subprocess.Popen[bytes] | None = None
        if fresh:
            start = f"import sys; sys.path.insert(0, {ROOT!r}); from vademecum.doctor.script import fresh"
            self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
                [sys.executable, "-c", start, str(folder)],
                stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, start_new_session=True,
            )  # fmt: skip
            self.id = self._popen.pid
        else:
            warm()
            sys.stdout.flush()
            sys.stderr.flush()
            self.id = os.fork()
            if not self.id:
                _become(folder, writing)
        os.close(writing)
        self._reader = threading.Thread(target=self._read, args=(reading, show), daemon=True)
        self._reader.start()

    def _read(self, descriptor: int, show: bool) -> None:
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            while block := pipe.read(65536):
                self._kept += block
                del self._kept[:-KEPT]
                if show:
                    sys.stdout.write(block.decode(errors="replace"))
                    sys.stdout.flush()

    def running(self) -> bool:
        if self._ended:
            return False
        if self._popen is not None:
            self._ended = self._popen.poll() is not None
            self.code = self._popen.returncode or 0
        else:
            done, status = os.waitpid(self.id, os.WNOHANG)
            self._ended = bool(done)
            self.code = os.waitstatus_to_exitcode(status) if done else 0
        return not self._ended

    def interrupt(self) -> None:
        if self.running():
            os.kill(self.id, signal.SIGINT)

    def kill(self) -> None:
        """End the process and all that it has started."""
        self._end_group()
        while self.running():
            time.sleep(0.01)

    def sweep(self) -> None:
        """End what the script has started and left behind."""
        self.kill() if self.running() else self._end_group()
        self._reader.join(1)

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, signal.SIGKILL)

    def output(self) -> str:
        """The last of what was printed; a line that was written over counts as it was last."""
        lines = self._kept.decode(errors="replace").split("\n")
        return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _become(folder: Path, writing: int) -> None:
    """Turn a forked process into the script's."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        first = sys.path[0] if sys.path else None
        if first in {"", os.getcwd(), os.path.dirname(os.path.abspath(sys.argv[0]))}:
            del sys.path[0]  # the place of the program that started us, which a script does not see
        main(folder)
    finally:
        os._exit(70)
