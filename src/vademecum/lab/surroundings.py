"""What surrounds a run: the other processes, torch's settings, and signals from outside."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from vademecum._core.errors import InputError
from vademecum._torch.streams import same_streams

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["catch_signals", "leave_processes", "make_accelerator", "on_main", "reproducible"]

T = TypeVar("T")


def on_main(accelerator: "Accelerator", work: Callable[[], T]) -> T:
    """Do something on the first process alone; every process gets its result, or its error.

    Args:
        accelerator: of this process.
        work: called on the first process; the others wait.

    Returns:
        What the work returned.

    Raises:
        InputError: the work raised one.
    """
    if accelerator.num_processes == 1:
        return work()
    from accelerate.utils import broadcast_object_list

    outcome: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            outcome[0] = work()
        except InputError as error:
            outcome[1] = str(error)
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise InputError(outcome[1])
    return outcome[0]


def make_accelerator() -> "Accelerator":
    """Join the processes that a launcher has started, or be the only one.

    Returns:
        Accelerate's handle, set up by its launcher and environment.

    Raises:
        InputError: the processes were set up to share one model in shards.
    """
    from accelerate import Accelerator

    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    # Without this word, several processes on a machine without a GPU would each take themselves for the only one.
    accelerator = Accelerator(cpu=several and not torch.accelerator.is_available())
    kind = accelerator.distributed_type.value
    if kind != "NO" and not kind.startswith("MULTI_"):
        raise InputError(
            f"many processes must each hold the whole model (DDP): Accelerate is set to {kind}, whose shards are not "
            "in the checkpoint; launch with --multi_gpu or --cpu in place of it."
        )
    return accelerator


def leave_processes() -> None:
    """Leave the group of processes before the interpreter ends: its threads must not outlive what they stand on.

    Without this a process that has done all its work may still abort on the way out.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def reproducible() -> Iterator[None]:
    """Ask torch for the same bits every time, and put everything back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS when it first starts
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    filled, tried = memory.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    try:
        with same_streams():
            torch.use_deterministic_algorithms(True, warn_only=True)
            memory.fill_uninitialized_memory = False  # costs a pass over every new tensor
            torch.backends.cudnn.benchmark = False
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn)
        memory.fill_uninitialized_memory = filled
        torch.backends.cudnn.benchmark = tried


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Collect interrupts in place of dying of them; a second one is obeyed at once."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may catch signals
        yield came
        return

    def note(number: int, _: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
