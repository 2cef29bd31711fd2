"""The process in which a script runs: everything that is done for it happens here, and dies with it."""

import builtins
import contextlib
import faulthandler
import io
import json
import logging
import os
import runpy
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from .. import checks
from .._finding import every
from .._report import Report
from ..cures import Cure, changed
from ..data_report import data_report
from ..evidence.gate import outcome
from ..examine import asleep, examine, speaking
from ..formats import as_json
from ..history import history, spans
from ..recording.attach import attached_to_all
from ..recording.record import Site
from ..recording.recorder import Recorder
from ..recording.schedule import Schedule
from ..replaying.tape import Tape
from ..trials import SECONDS, joined
from .attempts import attempted
from .ending import ending_of, hanging
from .journal import Journal, wrap_writers
from .limits import Enough, Limits
from .listen import Listener
from .outcome import Ending
from .plain_loop import train_function
from .seeds import moved_seeds
from .wire import plain

MEMORY = 256 << 20
"""Bytes of the script's data that may be kept."""

QUIET = {
    "MPLBACKEND": "Agg", "WANDB_MODE": "disabled", "COMET_MODE": "disabled", "NEPTUNE_MODE": "debug",
    "TORCHDYNAMO_DISABLE": "1", "PYTHONUNBUFFERED": "1",
}  # fmt: skip
"""No window opens, no trial run stands among a user's experiments, nothing is compiled."""


def warm() -> None:
    """Load once what the first optimizer of each process would load: most of the time of a short run."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def main(folder: Path) -> NoReturn:
    """Run what a folder's ``job.json`` says, write ``result.json`` there, and end the process.

    Args:
        folder: of this run.
    """
    code = 0
    try:
        _Run(folder).run()
    except BaseException:  # not the script's: a fault of ours must be seen
        import traceback

        (folder / "fault").write_text(traceback.format_exc(), encoding="utf-8")
        code = 70
    os._exit(code)


class _Run:
    """One script under the eyes of a recorder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.job: Mapping[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.recorder = Recorder(
            checks.OF_A_SCENE, schedule=Schedule(thorough=True), memory=MEMORY, find=True
        )
        self.tape = Tape(self.recorder) if self.job["experiments"] else None
        self.notes: dict[str, None] = {}
        self.begun, self.process = time.monotonic(), os.getpid()
        self.written = threading.Lock()
        self.progress = os.open(folder / "progress", os.O_WRONLY | os.O_CREAT, 0o600)
        self.told = 0.0
        self.limits = Limits(
            self.recorder, steps=self.job["steps"], seconds=self.job["seconds"],
            same=self.job["same"], end=lambda: self.end(Ending(self.limits.reason)), progress=self.tell,
        )  # fmt: skip

    def run(self) -> None:
        """Run the script and write what came of it."""
        _fresh()
        os.environ.update(QUIET)
        self.watch()
        with contextlib.ExitStack() as stack:
            stack.enter_context(moved_seeds(self.job["seed"]))
            torch.compile = self.uncompiled
            builtins.input = self.no_input
            self.limits.attach()
            stack.enter_context(attached_to_all(self.recorder))
            cures = [Cure(do, options) for do, options in self.job["cures"]]
            stack.enter_context(changed(cures, self.recorder))
            self.files()
            stack.enter_context(Listener(self.recorder))
            if self.tape is not None:
                stack.enter_context(self.tape)
            torch.autograd.set_detect_anomaly(True, check_nan=False)
            ending = self.script()
        self.end(ending)

    def script(self) -> Ending:
        """Run the script as ``python script.py`` does."""
        path = self.job["path"]
        sys.argv = [path, *self.job["args"]]
        sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
        try:
            if self.job["name"]:
                train_function(path, self.job["name"])
            else:
                runpy.run_path(path, run_name="__main__")
        except Enough:
            return Ending(self.limits.reason)
        except BaseException as error:
            return ending_of(error)
        return Ending("finished")

    def files(self) -> None:
        """Keep the user's files, and note what leaves this process."""
        journal = Journal(self.folder)
        wrap_writers(journal)

        def hook(event: str, args: tuple[Any, ...]) -> None:
            if event == "socket.connect":
                self.connected(args[1])
            elif event in {"subprocess.Popen", "os.system", "os.posix_spawn"}:
                self.notes[
                    "It started other programs: what they do is not seen, and what they write stays."
                ] = None
            else:
                journal(event, args)

        sys.dont_write_bytecode = True
        sys.addaudithook(hook)

    def connected(self, address: Any) -> None:
        """Note a connection to another machine."""
        host = address[0] if isinstance(address, tuple) and address else ""
        if host and host not in {"127.0.0.1", "::1", "localhost"}:
            self.notes[f"It opened a connection to {host}."] = None

    def uncompiled(self, model: Any = None, *_: Any, **__: Any) -> Any:
        """Stand in for `torch.compile`: a compiled graph cannot be read."""
        self.notes["torch.compile did nothing in this run, so that the doctor can read the graph."] = None
        return model if model is not None else lambda function: function

    def no_input(self, prompt: object = "") -> str:
        """Stand in for `input`."""
        raise EOFError(f"the script asked for input ({str(prompt).strip()!r}), and there is nobody to answer")

    def tell(self, steps: int) -> None:
        """Write the number of steps where the waiting process sees it."""
        if time.monotonic() - self.told > 0.1:
            self.told = time.monotonic()
            os.pwrite(self.progress, f"{steps:9d}".encode(), 0)

    def watch(self) -> None:
        """End the run where nothing happens any more; the stack is written even where Python itself stands still."""
        seconds = self.job["seconds"] + self.job["grace"]
        self.stack = open(self.folder / "stack", "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
        faulthandler.dump_traceback_later(seconds + 2, file=self.stack, exit=False)
        main = threading.main_thread().ident

        def stuck() -> None:
            self.end(hanging(sys._current_frames().get(main or 0)))

        timer = threading.Timer(seconds, stuck)
        timer.daemon = True
        timer.start()

    def end(self, ending: Ending) -> NoReturn:
        """Write the result and end the process, whatever still runs in it."""
        if os.getpid() != self.process:  # a fork of the script's own has come to its end
            os._exit(0)
        self.written.acquire()  # whoever comes second waits here until the process is gone
        record = self.recorder.record
        record.finished = ending.kind == "finished" or (ending.kind == "exit" and ending.code == 0)
        if ending.kind == "failed":
            record.failure = (ending.error, ending.text, Site(ending.file, ending.line))
        with contextlib.suppress(Exception):
            self.recorder.ends()
        report = self.examined()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        self.write(report, ending)
        left = self.limits.left - 1
        if self.tape is not None and ending.kind in {"finished", "enough"} and left > 0:
            made = attempted(self.tape, self.recorder, seconds=min(SECONDS, left))
            self.write(joined(report, made, learns=not outcome(record).open), ending)
        os._exit(0)

    def write(self, report: Report, ending: Ending) -> None:
        """Write what is known: the result is whole at any time."""
        record = self.recorder.record
        result = {
            "report": as_json(report),
            "ending": plain(vars(ending)),
            "losses": record.losses,
            "evaluations": [
                {
                    "step": e.step, "loss": e.loss, "accuracy": e.accuracy, "calls": e.calls, "familiar": e.same_data,
                }
                for e in record.evaluations
            ],
            "backwards": record.backwards,
            "seconds": time.monotonic() - self.begun,
            "notes": list(self.notes),
        }  # fmt: skip
        text = json.dumps(plain(result))
        with open(self.folder / "result.part", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.folder / "result.part", self.folder / "result.json")

    def examined(self) -> Report:
        """The report, without gradients and without the listener."""
        with torch.no_grad(), asleep(self.recorder):
            report = examine(self.recorder)
            record = self.recorder.record
            symptoms = {finding.rule for finding in every(report.findings) if finding.symptom}
            shown = {
                **report.history, **history(record), "data": data_report(record),
                "spans": spans(record, lambda past: speaking(past, symptoms)) if symptoms else {},
            }  # fmt: skip
            return replace(report, history=shown)


def _fresh() -> None:
    """Make a forked process look like one that Python has just started."""
    with contextlib.suppress(OSError, ValueError):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.resetwarnings()
    for kind in (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    logging.root.handlers.clear()
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(  # noqa: SIM115 - as long as the process
            descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
