"""The user's files: what a script overwrites, moves or removes is put back, and what it makes is taken away.

Python tells of every file that it opens, moves or removes (`sys.addaudithook`); before a file changes, a copy of it is
made. Writers that open files past Python, as `torch.save` does, are wrapped. The list of copies stands on disk, so that
it outlives the process that made it.
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

NOT_FILES = ("/dev/", "/proc/", "/sys/", "/run/")
"""Below these stand devices and the like."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Journal:
    """Keeps a copy of each file before it changes; called as an audit hook.

    Args:
        folder: for the copies and their list; exists.
    """

    def __init__(self, folder: Path):
        self._folder = os.path.realpath(folder)
        os.mkdir(os.path.join(self._folder, "copies"))
        self._list = os.open(
            os.path.join(self._folder, "journal"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        )
        self._seen: set[str] = set()
        self._inside = threading.local()
        self._kept = caches()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Look at one event of Python's."""
        handler = _HANDLERS.get(event)
        if handler is None or getattr(self._inside, "yes", False):
            return
        self._inside.yes = True
        try:
            handler(self, args)
        finally:
            self._inside.yes = False

    def keep(self, path: Any, folder: int = -1, *, follow: bool = True) -> None:
        """Keep what stands at a path, before it changes.

        Args:
            path: text, bytes or a path; a file descriptor is left out.
            folder: descriptor of the folder that a relative path starts at; -1 for the working folder.
            follow: whether what a link points to is meant, not the link.
        """
        if isinstance(path, int) or path is None:
            return
        name = os.path.abspath(os.path.join(_folder_of(folder), os.fsdecode(path)))
        name = os.path.realpath(name) if follow else _resolved(name)
        if name in self._seen or not self._counts(name):
            return
        self._seen.add(name)
        entry: dict[str, Any] = {"path": name}
        if os.path.islink(name):
            entry["link"] = os.readlink(name)
        elif os.path.isfile(name):
            copy = f"{os.getpid()}-{len(self._seen)}"
            shutil.copy2(name, os.path.join(self._folder, "copies", copy))
            entry["copy"] = copy
        elif os.path.isdir(name):
            entry["folder"] = True
        elif os.path.lexists(name):
            return  # a pipe, a socket: nothing to keep
        else:
            entry["new"] = True
        os.write(self._list, (json.dumps(entry) + "\n").encode())

    def _counts(self, name: str) -> bool:
        return not (
            name.startswith((*NOT_FILES, self._folder + os.sep, *self._kept)) or "__pycache__" in name
        )

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(flags & WRITING)
        if writes:
            self.keep(path)

    def _removed(self, args: tuple[Any, ...]) -> None:
        self.keep(args[0], args[1] if len(args) > 1 else -1, follow=False)

    def _moved(self, args: tuple[Any, ...]) -> None:
        source, target = (os.fsdecode(each) for each in args[:2])
        if os.path.isdir(source):
            self._tree((source,))
        self.keep(source, args[2], follow=False)
        self.keep(target, args[3], follow=False)

    def _linked(self, args: tuple[Any, ...]) -> None:
        self.keep(args[1], args[-1], follow=False)

    def _changed(self, args: tuple[Any, ...]) -> None:
        self.keep(args[0])

    def _made(self, args: tuple[Any, ...]) -> None:
        self.keep(args[0], args[2], follow=False)

    def _tree(self, args: tuple[Any, ...]) -> None:
        for place, _, names in os.walk(os.fsdecode(args[0])):
            self.keep(place, follow=False)
            for name in names:
                self.keep(os.path.join(place, name), follow=False)


_HANDLERS: Mapping[str, Callable[[Journal, tuple[Any, ...]], None]] = {
    "open": Journal._opened,
    "os.remove": Journal._removed,
    "os.rmdir": Journal._removed,
    "os.rename": Journal._moved,
    "os.link": Journal._linked,
    "os.symlink": Journal._linked,
    "os.mkdir": Journal._made,
    "os.truncate": Journal._changed,
    "os.utime": Journal._changed,
    "os.chmod": Journal._changed,
    "shutil.rmtree": Journal._tree,
    "sqlite3.connect": Journal._changed,
}  # fmt: skip


def caches() -> tuple[str, ...]:
    """Folders in which programs keep what they can get again; new files there stay."""
    home = os.path.expanduser("~")
    named = [os.environ.get(name, "") for name in ("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME", "MPLCONFIGDIR")]
    places = [*named, os.path.join(home, ".cache"), os.path.join(home, "Library", "Caches")]
    return tuple(os.path.realpath(place) + os.sep for place in places if place)


def wrap_writers(journal: Journal) -> None:
    """Have those writers keep what they overwrite which open files past Python.

    Args:
        journal: told of the path before it is written.
    """
    import safetensors
    import torch

    torch.save = _first(
        torch.save, lambda args, kw: journal.keep(_path(args[1] if args[1:] else kw.get("f")))
    )
    own: Any = safetensors
    own.serialize_file = _first(
        own.serialize_file, lambda args, kw: journal.keep(_path(args[1] if args[1:] else kw.get("filename")))
    )
    import safetensors.torch as there

    there.serialize_file = own.serialize_file


def _path(given: Any) -> Any:
    """A path, or None for an open file."""
    return given if isinstance(given, str | bytes | os.PathLike) else None


def _first(function: Callable[..., Any], before: Callable[[Any, Any], None]) -> Callable[..., Any]:
    @wraps(function)
    def both(*args: Any, **kwargs: Any) -> Any:
        before(args, kwargs)
        return function(*args, **kwargs)

    return both


@dataclass(frozen=True)
class Restored:
    """What was done to the user's files after a run.

    Attributes:
        restored: files that had changed and are as before.
        removed: files and folders that were new and are gone; what was in a removed folder is not listed.
        problems: files that could not be put back, why, and where their copy is.
    """

    restored: tuple[str, ...]
    removed: tuple[str, ...]
    problems: tuple[str, ...]


def put_back(folder: Path) -> Restored:
    """Bring the user's files into the state before the run.

    Args:
        folder: of the run's journal.

    Returns:
        What was done.
    """
    restored, removed, problems = [], [], []
    entries = list(_entries(folder))
    for entry in sorted(entries, key=lambda entry: entry["path"]):  # a folder before what is in it
        path = entry["path"]
        if "new" in entry and os.path.lexists(path):
            try:
                _remove(path)
                removed.append(path)
            except OSError as error:
                problems.append(f"{path} could not be removed: {error}")
    for entry in entries:
        path, copy = entry["path"], folder / "copies" / entry.get("copy", "")
        try:
            if "folder" in entry:
                os.makedirs(path, exist_ok=True)
            elif "link" in entry and not (os.path.islink(path) and os.readlink(path) == entry["link"]):
                if os.path.lexists(path):
                    _remove(path)
                os.symlink(entry["link"], path)
                restored.append(path)
            elif "copy" in entry and not _same(path, copy):
                if os.path.isdir(path) or os.path.islink(path):
                    _remove(path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                shutil.copyfile(copy, path)
                shutil.copystat(copy, path)
                restored.append(path)
        except OSError as error:
            problems.append(f"{path} could not be put back: {error}; its copy is {copy}")
    return Restored(tuple(restored), tuple(removed), tuple(problems))


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    """What was kept: the first word about each path, folders before what is in them."""
    first: dict[str, dict[str, Any]] = {}
    journal = folder / "journal"
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else ():
        entry = json.loads(line)
        first.setdefault(entry["path"], entry)
    yield from sorted(first.values(), key=lambda entry: ("folder" not in entry, entry["path"]))


def _same(path: str, copy: Path) -> bool:
    """Whether a file is still what was copied: size, time and mode tell."""
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    now, then = os.stat(path), os.stat(copy)
    return (now.st_size, now.st_mtime_ns, now.st_mode) == (then.st_size, then.st_mtime_ns, then.st_mode)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def _resolved(name: str) -> str:
    """A path whose folder is without links; its last part may be one."""
    return os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))


def _folder_of(descriptor: int) -> str:
    """The folder behind a descriptor, or the working folder."""
    if descriptor == -1:
        return os.getcwd()
    for place in (f"/proc/self/fd/{descriptor}", f"/dev/fd/{descriptor}"):
        if os.path.islink(place):
            return os.readlink(place)
    return os.getcwd()
