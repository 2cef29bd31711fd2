"""One trial: a run in a process of its own, which ends in one outcome and leaves nothing behind.

A process of its own makes the peak memory that of this trial alone, and a trial that the system kills for want of
memory does not take its worker with it. Processes are forked from a server that has imported everything and computed
nothing ("forkserver"), so that each costs no imports; where that does not exist they are spawned.
"""

import csv
import io
import json
import multiprocessing
import os
import platform
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from vademecum._core.errors import InputError

from .recipe import Recipe

__all__ = ["TrialProcess", "run"]

IMPORTED = (
    "accelerate", "jinja2", "matplotlib.figure", "sklearn.datasets", "sklearn.utils", "vademecum.lab.finish",
    "vademecum.lab.fit",
)  # fmt: skip


def run(recipe: Recipe, scratch: Path, *, test: bool, fingerprint: str = "") -> dict[str, Any]:
    """Train by a recipe and say what came out.

    Args:
        recipe: of the trial.
        scratch: where its folder may stand while it runs; it must not exist.
        test: whether the score is that of the test part. A trial that chooses something is scored on validation, and
            its outcome does not hold what the test part says.
        fingerprint: of the data of the comparison; "" where this is the first trial to see them.

    Returns:
        The outcome: ``score``, ``metric`` and the figures beside them, or ``failed`` with the reason where the recipe
        cannot be trained, which is an outcome too.

    Raises:
        InputError: the data are not those of the comparison.
    """
    import numpy as np

    from .fit import fit

    try:
        result = fit(recipe, out=scratch, page=False)
        facts = result.folder.facts
        curves = _curves(result.folder.read_text("metrics.csv"))
        with np.load(result.folder.path / "predictions.npz", allow_pickle=False) as stored:
            rows = sha256(stored["index"].tobytes()).hexdigest()[:16]
    except InputError as error:
        # Once training has begun, an error is what the recipe came to, a loss that is not finite any more; unless
        # the disk is full.
        if not scratch.exists() or isinstance(error.__cause__, OSError):
            raise
        return {"failed": str(error)}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if fingerprint and facts["data"]["fingerprint"] != fingerprint:
        raise InputError(
            f"every worker must see the same data: {recipe.data} differs here from where the first vade saw it; "
            "copy the data over."
        )
    metric, test_score = next(iter(result.evaluation.metrics.items()))
    validation = facts["training"]["val_metric"]
    return {
        "score": test_score if test else validation,
        "metric": metric,
        "validation": validation,
        "val_loss": facts["training"]["val_loss"],
        "learning_rate": facts["learning_rate"],
        "epochs": facts["training"]["epochs_run"],
        "best_epoch": facts["training"]["best_epoch"],
        "curves": curves,
        "seconds": facts["seconds"],
        "memory_mib": _peak_memory(),
        "parameters": facts["model"]["parameters"],
        "macs": facts["model"]["macs"],
        "split": {**facts["split"], "test_rows": rows},
        "fingerprint": facts["data"]["fingerprint"],
        "machine": f"{platform.node()}, {facts['machine']['device']}, {facts['threads']} threads",
        "versions": facts["versions"],
    }


class TrialProcess:
    """A trial that runs beside its worker.

    Args:
        recipe: of the trial.
        scratch: as in `run`.
        test: as in `run`.
        fingerprint: as in `run`.
    """

    def __init__(self, recipe: Recipe, scratch: Path, *, test: bool, fingerprint: str = "") -> None:
        context = _context()
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_child,
            args=(sender, recipe.to_toml(), str(scratch), test, fingerprint),
            name="vade trial",
        )
        self._scratch = scratch
        self._process.start()
        sender.close()

    def outcome(self, timeout: float) -> dict[str, Any] | None:
        """Wait for the end.

        Args:
            timeout: seconds.

        Returns:
            The outcome; None where it is still running; ``died`` where the process ended without one, ``refused``
            where this worker cannot run any trial of this comparison.
        """
        if not wait([self._receiver], timeout):
            return None
        try:
            found = json.loads(self._receiver.recv_bytes())
        except EOFError:
            found = None
        self._process.join()
        code = self._process.exitcode
        if found is None:
            name = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
            found = {"died": f"its process ended with {name}"}
        self._sweep()
        return dict(found)

    def stop(self) -> None:
        """End it at once; nothing is left of it."""
        self._process.kill()
        self._process.join()
        self._sweep()

    def _sweep(self) -> None:
        self._receiver.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _context() -> Any:
    """How processes are made here."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def _child(sender: Connection, recipe: str, scratch: str, test: bool, fingerprint: str) -> None:
    """Run a trial and send its outcome; where a signal came, the worker has heard it too and decides."""
    from .fit import Interrupted

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_the_worker(scratch)
    try:
        found = run(Recipe.from_toml(recipe), Path(scratch), test=test, fingerprint=fingerprint)
    except InputError as error:
        found = {"refused": str(error)}
    except Interrupted as ended:
        os._exit(128 + ended.signal)
    sender.send_bytes(json.dumps(found).encode())


def _die_with_the_worker(scratch: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a trial is started by a worker"

    def watch() -> None:
        wait([parent.sentinel])
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _curves(text: str) -> dict[str, list[float]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    names = ("train_loss", "val_loss", "val_metric")
    return {name: [float(row[name]) for row in rows] for name in names}


def _peak_memory() -> Mapping[str, float]:
    """Most memory that this process had resident at any time, libraries included, and most on the accelerator."""
    import torch

    found: dict[str, float] = {}
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        found["resident"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    if torch.cuda.is_available():
        found["device"] = torch.cuda.max_memory_allocated() / 2**20
    return found
