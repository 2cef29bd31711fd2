"""The folder of a comparison or a search, and work on its trials.

``compare.toml`` or ``search.toml`` holds the plan, and with it everything that is needed to repeat or to go on: the
storage may be lost. ``facts.json`` holds what the page says beside the outcomes.
"""

import csv
import io
import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vademecum._core import refs
from vademecum._core.errors import InputError, UnknownNameError

from .console import Console
from .crew import run_workers
from .plans import Plan, plan_from
from .prepare import Prepared
from .recipe import Recipe
from .run_folder import finite, write_whole
from .trials import BEAT, GRACE, Trials, without_password
from .worker import Orders, name_worker

__all__ = ["Study", "field_of", "join", "papers_of", "seconds_of"]

SHORT = {
    "act": "activation", "bs": "batch_size", "lr": "learning_rate", "opt": "optimizer", "wd": "weight_decay",
}  # fmt: skip
DATABASE = "trials.sqlite3"
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Study:
    """A plan, where its trials are kept, and where its results go.

    Attributes:
        folder: of the results.
        plan: what there is to do.
        trials: in the storage.
        storage: its address, password included.
    """

    folder: Path
    plan: Plan
    trials: Trials
    storage: str

    @classmethod
    def begin(
        cls,
        kind: str,
        plan: Plan,
        *,
        data: str,
        out: str | Path | None,
        storage: str,
        facts: Mapping[str, Any],
        grace: float = GRACE,
    ) -> "Study":
        """Make the folder of a new study, and put its plan into the storage.

        Args:
            kind: "compare" or "search".
            plan: what there is to do.
            data: as in the recipe.
            out: a new folder; the first free ``runs/<kind>-<data>-<n>`` where it is None.
            storage: address; "" for a SQLite file in the folder.
            facts: what the page says beside the outcomes.
            grace: seconds of silence after which a worker is dead.

        Returns:
            The study.

        Raises:
            InputError: the folder exists, or the storage cannot be used.
        """
        folder = _new_folder(kind, data, out)
        # Names are unique in a storage that many people share.
        name = f"{folder.name}-{secrets.token_hex(3)}"
        lines = [
            f"# Go on with it: vade {kind} --resume {folder}",
            f"study = {json.dumps(name)}",
            f"storage = {json.dumps(without_password(storage))}",
            f"started = {json.dumps(datetime.now(UTC).isoformat(timespec='seconds'))}",
        ]
        whole = plan.to_dict()
        lines += [f"{key} = {json.dumps(value)}" for key, value in whole.items() if key != "base"]
        text = "\n".join([*lines, "", "[base]", whole["base"]])
        try:
            address = storage or f"sqlite:///{folder.resolve() / DATABASE}"
            trials = Trials(address, name, whole, grace=grace)
        except InputError:
            folder.rmdir()
            raise
        write_whole(folder / f"{kind}.toml", text.encode())
        write_whole(folder / "facts.json", (json.dumps(dict(facts), indent=1) + "\n").encode())
        return cls(folder, plan, trials, address)

    @classmethod
    def open(cls, kind: str, folder: str | Path, *, storage: str = "", grace: float = GRACE) -> "Study":
        """Go on with a study.

        Args:
            kind: "compare" or "search".
            folder: of its results.
            storage: its address, where that needs a password.
            grace: as in `begin`.

        Returns:
            The study.

        Raises:
            InputError: the folder holds no such study, or the storage cannot be used.
        """
        path = Path(folder)
        if not (path / f"{kind}.toml").is_file():
            raise InputError(
                f"--resume takes a folder that holds {kind}.toml: {str(folder)!r} does not; name the one that "
                f"vade {kind} printed, such as runs/{kind}-digits-1."
            )
        try:
            written = tomllib.loads((path / f"{kind}.toml").read_text(encoding="utf-8"))
            base = Recipe().changed(written.pop("base"))
            plan = plan_from({**written, "base": base.to_toml()})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
            raise InputError(
                f"{path / f'{kind}.toml'} must be as vade wrote it: {error}; begin anew."
            ) from error
        address = storage or written["storage"] or f"sqlite:///{path.resolve() / DATABASE}"
        if ":***@" in address:
            raise InputError(
                f"the storage's password is not kept: name it again, --storage {address} with the password."
            )
        return cls(path, plan, Trials(address, written["study"], plan.to_dict(), grace=grace), address)

    @property
    def facts(self) -> dict[str, Any]:
        """What the page says beside the outcomes."""
        return dict(json.loads((self.folder / "facts.json").read_text(encoding="utf-8")))

    def write(self, name: str, content: str) -> None:
        """Write a file of the folder whole or not at all.

        Args:
            name: of the file.
            content: its text.
        """
        write_whole(self.folder / name, content.encode())

    def write_json(self, name: str, values: Any) -> None:
        """Write a JSON file; a number that is not finite, such as the end of an open interval, becomes null.

        Args:
            name: of the file.
            values: mappings, sequences, text and numbers.
        """
        self.write(name, json.dumps(finite(values), indent=1, ensure_ascii=False) + "\n")

    def write_csv(self, name: str, head: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write a table.

        Args:
            name: of the file.
            head: names of the columns, between commas.
            rows: their values; None is left empty.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head.split(","))
        writer.writerows(rows)
        self.write(name, out.getvalue())

    def work(
        self,
        *,
        workers: int,
        seconds: float,
        console: Console,
        describe: Callable[[Mapping[str, Any]], str],
        again: str,
        grace: float = GRACE,
    ) -> None:
        """Work until nothing is left or the budget is spent.

        An interruption is raised as `Interrupted`; what was done is in the storage.

        Args:
            workers: processes on this machine.
            seconds: budget; infinite without one.
            console: who says how it goes.
            describe: says what came out of a trial, in a line.
            again: the command that goes on after an interruption.
            grace: as in `begin`.
        """
        if self.plan.done(self.trials.outcomes()):
            return
        scratch = self.folder / "scratch" / secrets.token_hex(3)
        orders = Orders(
            self.storage, self.trials.name, name_worker(), str(scratch), seconds, min(BEAT, grace / 4), grace
        )
        run_workers(
            self.trials, self.plan, orders, count=workers, console=console, describe=describe, again=again
        )
        if (self.folder / "scratch").is_dir() and not os.listdir(self.folder / "scratch"):
            (self.folder / "scratch").rmdir()


def join(
    storage: str,
    name: str,
    *,
    workers: int,
    seconds: float,
    console: Console,
    describe: Callable[[Mapping[str, Any]], str],
    again: str,
    grace: float = GRACE,
) -> None:
    """Work on the trials of a study that was begun elsewhere; the results are written where it began.

    Args:
        storage: its address.
        name: of the study.
        workers: processes on this machine.
        seconds: budget; infinite without one.
        console: who says how it goes.
        describe: says what came out of a trial, in a line.
        again: the command that goes on after an interruption.
        grace: seconds of silence after which a worker is dead.
    """
    from tempfile import TemporaryDirectory

    trials = Trials(storage, name, grace=grace)
    plan = plan_from(trials.plan)
    with TemporaryDirectory(prefix="vade-") as place:
        study = Study(Path(place), plan, trials, storage)
        study.work(
            workers=workers, seconds=seconds, console=console, describe=describe, again=again, grace=grace
        )


def papers_of(prepared: Iterable[Prepared], *, more: Iterable[str]) -> list[str]:
    """Collect the papers of what is tried.

    Args:
        prepared: one for each arm.
        more: keys of further papers.

    Returns:
        Keys of ``refs.bib``, each once.
    """
    from .finish import papers

    keys: dict[str, None] = {}
    for one in prepared:
        keys.update(dict.fromkeys(papers(one, one.model, images=False)))
    return [*keys, *(key for key in more if key not in keys)]


def bibliography(keys: Iterable[str]) -> tuple[list[refs.Paper], str]:
    """Look papers up.

    Args:
        keys: of ``refs.bib``.

    Returns:
        The papers, and their BibTeX.
    """
    text = refs.bibtex(tuple(keys))
    return list(refs.parse(text).values()), text


def field_of(name: str) -> str:
    """Read a field's name as one types it: ``lr`` is ``learning_rate``.

    Args:
        name: as typed.

    Returns:
        The name of a recipe's field.

    Raises:
        UnknownNameError: there is no such field.
    """
    full = SHORT.get(name.strip(), name.strip().replace("-", "_"))
    known = Recipe.meanings()
    if full not in known:
        raise UnknownNameError("recipe field", name, known)
    return full


def seconds_of(budget: str) -> float:
    """Read a time as one types it.

    Args:
        budget: ``90``, ``90s``, ``10m``, ``1.5h``; "" for no limit.

    Returns:
        Seconds; infinite for no limit.

    Raises:
        InputError: it is no time.

    Example:
        >>> seconds_of("10m"), seconds_of("1.5h")
        (600.0, 5400.0)
    """
    if not budget:
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)", budget.strip())
    if not found or float(found[1]) == 0:
        raise InputError(f"a budget must be a time: {budget!r} came; write 90s, 10m or 2h.")
    return float(found[1]) * UNITS[found[2]]


def _new_folder(kind: str, data: str, out: str | Path | None) -> Path:
    if out is not None:
        folder = Path(out)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            raise InputError(
                f"the output folder must be new: {str(out)!r} exists; name another one, or --resume it."
            ) from None
        except OSError as error:
            raise InputError(
                f"the output folder must be writable: {out}: {error.strerror}; name another one."
            ) from error
        return folder
    stem = re.sub(r"[^\w.-]+", "-", Path(data).stem).strip("-.") or "data"
    number = 1
    while True:
        try:
            return _new_folder(kind, data, Path("runs") / f"{kind}-{stem}-{number}")
        except InputError:
            if not os.path.lexists(Path("runs") / f"{kind}-{stem}-{number}"):
                raise
            number += 1
