"""Many processes on one machine: ``vade fit --processes 2``, and what Accelerate's launcher leaves undone.

On a machine without a GPU, ``accelerate launch --num_processes 2`` (1.15) prepares the address of a process group and
then starts one process. The number that was asked for stands in the launcher's command line only; it is read there,
so that whoever asks for two processes gets two.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from vademecum._core.errors import InputError

GRACE_SECONDS = 30.0
"""How long the others may go on when one process has failed."""


def asked_of_launcher(environment: Mapping[str, str] = os.environ) -> int:
    """Read how many processes Accelerate's launcher was asked for, where it has started only this one.

    Args:
        environment: of this process.

    Returns:
        The number; 1 where no launcher was there, or where it has started them all.
    """
    prepared = "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_PORT" in environment
    if not prepared or "WORLD_SIZE" in environment:
        return 1
    import psutil

    return _number_in(psutil.Process().parent().cmdline())


def _number_in(command: list[str]) -> int:
    """The value of ``--num_processes`` in a command line, 1 where there is none."""
    for position, word in enumerate(command):
        name, equals, value = word.partition("=")
        if name in {"--num_processes", "--num-processes"}:
            return int(value if equals else command[position + 1])
    return 1


def launch(count: int, arguments: list[str]) -> int:
    """Run ``vade`` in several processes that know of each other, and wait for them.

    Args:
        count: of processes.
        arguments: of ``vade``.

    Returns:
        The exit code: of the first process, or of whichever failed.

    Raises:
        InputError: the count is not positive.
    """
    if count < 1:
        raise InputError(
            f"there must be at least one process: --processes {count} came; leave it out for one."
        )
    threads = str(max(1, (os.cpu_count() or 1) // count))
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads),
    }
    processes = [
        subprocess.Popen(  # noqa: S603 - our own interpreter and the user's own arguments
            [sys.executable, "-m", "vademecum", *arguments],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(count)
    ]

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM,)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells them itself
    try:
        return _wait(processes)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for process in processes:
            if process.poll() is None:
                process.kill()


def _wait(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all; when one fails, give the others a while to follow."""
    deadline = float("inf")
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        if deadline == float("inf") and any(process.poll() for process in processes):
            deadline = time.monotonic() + GRACE_SECONDS
        time.sleep(0.05)
    codes = [process.returncode for process in processes if process.returncode]
    return processes[0].returncode or (codes[0] if codes else 0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
