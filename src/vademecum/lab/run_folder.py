"""The folder of a run: whole files only, whatever happens while they are written.

Every file is written under a temporary name beside its own, flushed to the disk and renamed. The folder itself
appears the same way, with its recipe inside. So a kill at any instant leaves nothing half-written under a final
name, and a folder that exists can be resumed.
"""

import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from vademecum._core.errors import InputError

from .recipe import Recipe

__all__ = ["RunFolder", "finite", "write_whole"]


class RunFolder:
    """Every file of a run.

    Args:
        path: a folder that holds a ``recipe.toml``.

    Attributes:
        path: the folder.

    Raises:
        InputError: there is no such folder, or it holds no recipe.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     folder = RunFolder.create(Path(place) / "first", Recipe(norm="group"))
        ...     folder.note(status="running", threads=2)
        ...     folder.note(status="finished")
        ...     RunFolder(folder.path).facts, folder.recipe.norm
        ({'status': 'finished', 'threads': 2}, 'group')
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "recipe.toml").is_file():
            raise InputError(
                f"a run is a folder that holds recipe.toml: {str(path)!r} is none; "
                "name the folder that vade fit printed, such as runs/digits-1."
            )

    @classmethod
    def create(cls, path: str | Path | None, recipe: Recipe) -> "RunFolder":
        """Make the folder of a new run, with its recipe inside, in one step.

        Args:
            path: where; None takes the first free ``runs/<data>-<n>``.
            recipe: of the run.

        Returns:
            The folder.

        Raises:
            InputError: the path exists already, or cannot be written.
        """
        if path is not None:
            folder = Path(path)
            if os.path.lexists(folder):
                raise InputError(
                    f"the output folder must be new: {str(path)!r} exists; "
                    f"name another one, or go on with it by --resume {path}."
                )
            if not _claim(folder, recipe):
                raise InputError(
                    f"the output folder must be new: {str(path)!r} has just appeared; name another one."
                )
            return cls(folder)
        stem = re.sub(r"[^\w.-]+", "-", Path(recipe.data).stem).strip("-.") or "run"
        number = 1
        while os.path.lexists(folder := Path("runs") / f"{stem}-{number}") or not _claim(folder, recipe):
            number += 1
        return cls(folder)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return Recipe.from_toml(self.read_text("recipe.toml"))

    @property
    def facts(self) -> dict[str, Any]:
        """What ``run.json`` holds; empty where a kill came before the first fact."""
        return self.read_json("run.json") if (self.path / "run.json").exists() else {}

    def note(self, **facts: Any) -> None:
        """Add facts to ``run.json``; a fact that is known already is replaced.

        Args:
            **facts: values that JSON can hold, by name.
        """
        self.write_json("run.json", {**self.facts, **facts})

    def read_text(self, name: str) -> str:
        """Read a file.

        Args:
            name: path inside the folder.

        Returns:
            The text.

        Raises:
            InputError: it is not there, or is no text.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path / name} must be a readable text file: {error}; repeat the run."
            ) from error

    def read_json(self, name: str) -> Any:
        """Read a JSON file.

        Args:
            name: path inside the folder.

        Returns:
            The values.

        Raises:
            InputError: it is not there, or is no JSON.
        """
        try:
            return json.loads(self.read_text(name))
        except json.JSONDecodeError as error:
            raise InputError(f"{self.path / name} must hold JSON: {error}; repeat the run.") from error

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file whole or not at all.

        Args:
            name: path inside the folder; missing folders are made.
            content: bytes, or text to be encoded as UTF-8.
        """
        write_whole(self.path / name, content.encode() if isinstance(content, str) else content)

    def write_json(self, name: str, values: Any) -> None:
        """Write a JSON file whole or not at all; a number that is not finite becomes null.

        Args:
            name: path inside the folder.
            values: mappings, sequences, text and numbers.
        """
        self.write(name, json.dumps(finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def sweep(self) -> None:
        """Remove what a kill has left under a temporary name."""
        for stale in [*self.path.glob(".*.tmp"), *self.path.glob("*/.*.tmp")]:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, flush it to the disk, and rename it.

    Args:
        path: final name; an older file of that name is replaced, a missing folder is made.
        content: all of it.

    Where the disk is full or the place cannot be written, an InputError says so; nothing is left behind then, and an
    older file of that name is untouched.
    """
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(hidden, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
        _flush_folder(path.parent)
    except OSError as error:
        _refuse_unwritable(path, error)


def _claim(folder: Path, recipe: Recipe) -> bool:
    """Make a folder that holds a recipe, or say that somebody else was faster."""
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        hidden.mkdir(parents=True)
        write_whole(hidden / "recipe.toml", recipe.to_toml().encode())
        if os.path.lexists(folder):
            return False
        # Renaming fails where a folder with files in it stands under the new name: the claim is atomic.
        os.rename(hidden, folder)
        _flush_folder(folder.parent)
    except FileExistsError:
        return False
    except OSError as error:
        if folder.is_dir():
            return False
        _refuse_unwritable(folder, error)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return True


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut; Windows cannot open a folder and does not need it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse_unwritable(path: Path, error: OSError) -> NoReturn:
    raise InputError(
        f"the place of the run must be writable and have room: {path}: {error.strerror or error}; "
        "make room or choose another --out, and go on with --resume if the run had begun."
    ) from error


def finite(value: Any) -> Any:
    """Exchange what JSON cannot hold.

    Args:
        value: mappings, sequences, text and numbers.

    Returns:
        The same with None for each number that is not finite.
    """
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
