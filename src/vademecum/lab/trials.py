"""Trials in an Optuna storage, shared by any number of workers: each is done, and counted once, whoever dies.

The plan, a study attribute, is written once and says by key what there is to do. A row of the storage (an Optuna
trial) is one attempt at a key. Three attributes of it decide everything, each written whole in one transaction:

- ``claim``: key and worker; there from the row's first instant.
- ``beat``: a count that the worker raises every few seconds while it is alive.
- ``outcome``: what came out. **A key is done when a row of it has an outcome**; of several the first row counts.

A key is held while a running row of it still beats. To take a key a worker adds a row, *then* reads all rows: if an
earlier row holds the key, it gives its own up. Rows are numbered by the storage under a lock, so of two workers that
want the same key the later one sees the earlier. A row is dead when an observer has seen no new beat for `GRACE`
seconds of its own clock: no two clocks are compared. A worker that was believed dead cannot write any more; if it
could, the first row would count all the same. So nothing has to be put back into a queue, and nothing is lost between
taking out and putting back.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vademecum._core.errors import InputError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["BEAT", "GRACE", "Claim", "Trials", "without_password"]

BEAT = 2.0
"""Seconds between two signs of life."""
GRACE = 20.0
"""Seconds of silence after which a worker is taken for dead."""


@dataclass(frozen=True)
class Claim:
    """A key that a worker has taken.

    Attributes:
        key: of the plan.
        row: of the storage.
    """

    key: str
    row: int


class Trials:
    """The trials of one comparison or search.

    Args:
        url: of the storage: ``sqlite:///file`` or ``postgresql://user@host/database``.
        name: of the study.
        plan: what there is to do, as JSON holds it; None joins a study that is there.
        grace: seconds of silence after which a row is dead.

    Attributes:
        name: of the study.
        plan: as it was written first.

    Raises:
        InputError: Optuna is missing, the storage cannot be reached, or it has no such study.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     trials = Trials(f"sqlite:///{place}/trials.sqlite3", "example", {"keys": ["a", "b"]})
        ...     claim = trials.claim("a", worker="one")
        ...     late = trials.claim("a", worker="two")
        ...     _ = trials.record(claim, {"score": 0.5}), trials.claim("b", worker="two")
        ...     late, trials.outcomes(), trials.held()
        (None, {'a': {'score': 0.5}}, {'b': 'two'})
    """

    def __init__(
        self, url: str, name: str, plan: Mapping[str, Any] | None = None, *, grace: float = GRACE
    ) -> None:
        self.name, self._grace = name, grace
        self._storage = _open(url)
        self._beats: dict[int, tuple[int, float]] = {}  # row -> last beat seen, and when
        try:
            self._study = self._storage.get_study_id_from_name(name)
        except KeyError:
            if plan is None:
                known = ", ".join(sorted(s.study_name for s in self._storage.get_all_studies())) or "none"
                raise InputError(
                    f"the storage must hold the study that is joined: {name!r} is not there, but {known}; "
                    "take the name that the first vade printed."
                ) from None
            self._study = self._create()
        if plan is not None and "plan" not in self._storage.get_study_user_attrs(self._study):
            self._storage.set_study_user_attr(self._study, "plan", dict(plan))
        self.plan: dict[str, Any] = self._wait_for_plan()

    def claim(self, key: str, *, worker: str, about: Mapping[str, Any] | None = None) -> Claim | None:
        """Take a key, if it is neither done nor held.

        Args:
            key: of the plan.
            worker: who takes it.
            about: what a person who looks into the storage should see of the trial.

        Returns:
            The claim; None where somebody else was faster.
        """
        from optuna.trial import TrialState, create_trial

        row = self._storage.create_new_trial(
            self._study,
            create_trial(
                state=TrialState.RUNNING,
                user_attrs={"claim": {"key": key, "worker": worker}, "beat": 0, **(about or {})},
            ),
        )
        if self._first_holder(key) == row and key not in self.outcomes():
            return Claim(key, row)
        self._close(row)
        return None

    def beat(self, claim: Claim, count: int) -> bool:
        """Give a sign of life.

        Args:
            claim: that is being worked on.
            count: higher than the last one.

        Returns:
            Whether the claim still holds; False where somebody took this worker for dead.
        """
        return self._write(claim.row, "beat", count)

    def record(self, claim: Claim, outcome: Mapping[str, Any]) -> bool:
        """Write down what came out.

        Args:
            claim: that was worked on.
            outcome: as JSON holds it; its "score", where there is one, is what Optuna's own tools show.

        Returns:
            Whether it was written; False where somebody took this worker for dead.
        """
        written = self._write(claim.row, "outcome", dict(outcome))
        self._close(claim.row, score=outcome.get("score"))
        return written

    def release(self, claim: Claim, *, died: str = "") -> None:
        """Give a key back.

        Args:
            claim: that is not worked on any more.
            died: how the trial's process ended, where it was not the worker's doing.
        """
        if died:
            self._write(claim.row, "died", died)
        self._close(claim.row)

    def release_worker(self, worker: str) -> None:
        """Give back whatever a worker held that is known to be dead.

        Args:
            worker: its name.
        """
        for row in self._rows(running=True):
            if row.user_attrs["claim"]["worker"] == worker:
                self._close(row._trial_id)

    def outcomes(self) -> dict[str, Any]:
        """Read what came out so far.

        Returns:
            One outcome for each key that is done.
        """
        found: dict[str, Any] = {}
        for row in self._rows():
            if "outcome" in row.user_attrs:
                found.setdefault(row.user_attrs["claim"]["key"], row.user_attrs["outcome"])
        return found

    def held(self) -> dict[str, str]:
        """Read what is being worked on, and close the rows of the dead.

        Returns:
            The worker's name for each key that is held.
        """
        found: dict[str, str] = {}
        for row in self._rows(running=True):
            outcome = row.user_attrs.get("outcome")
            if self._dead(row):
                self._close(row._trial_id, score=outcome and outcome.get("score"))
            elif outcome is None:
                found.setdefault(row.user_attrs["claim"]["key"], row.user_attrs["claim"]["worker"])
        return found

    def deaths(self, key: str) -> list[str]:
        """Read how the processes of a trial died.

        Args:
            key: of the trial.

        Returns:
            One word for each attempt that ended so.
        """
        rows = (row.user_attrs for row in self._rows())
        return [row["died"] for row in rows if row["claim"]["key"] == key and "died" in row]

    def _rows(self, *, running: bool = False) -> "Sequence[FrozenTrial]":
        from optuna.trial import TrialState

        states = (TrialState.RUNNING,) if running else None
        return self._storage.get_all_trials(self._study, deepcopy=False, states=states)

    def _first_holder(self, key: str) -> int | None:
        rows = [row for row in self._rows(running=True) if row.user_attrs["claim"]["key"] == key]
        return min((row._trial_id for row in rows if not self._dead(row)), default=None)

    def _dead(self, row: "FrozenTrial") -> bool:
        """Whether this observer has seen a row keep silent for too long."""
        now, beat = time.monotonic(), row.user_attrs["beat"]
        seen, since = self._beats.get(row._trial_id, (None, now))
        if seen != beat:
            since = now
        self._beats[row._trial_id] = (beat, since)
        return now - since > self._grace

    def _write(self, row: int, name: str, value: Any) -> bool:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self._storage.set_trial_user_attr(row, name, value)
        except UpdateFinishedTrialError:
            return False
        return True

    def _close(self, row: int, *, score: float | None = None) -> None:
        """Set a row's state: for Optuna's own tools, and so that it is not looked at any more."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            if score is None:
                self._storage.set_trial_state_values(row, TrialState.FAIL)
            else:
                self._storage.set_trial_state_values(row, TrialState.COMPLETE, [score])
        except UpdateFinishedTrialError:
            return

    def _create(self) -> int:
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        try:
            return self._storage.create_new_study([StudyDirection.MAXIMIZE], self.name)
        except DuplicatedStudyError:
            return self._storage.get_study_id_from_name(self.name)

    def _wait_for_plan(self) -> dict[str, Any]:
        """Read the plan; whoever made the study may be about to write it."""
        give_up = time.monotonic() + self._grace
        while (plan := self._storage.get_study_user_attrs(self._study).get("plan")) is None:
            if time.monotonic() > give_up:
                raise InputError(
                    f"a study must hold a plan: {self.name!r} has none; it was not made by vade, or was killed "
                    "as it began. Start anew under another name."
                )
            time.sleep(0.1)
        return dict(plan)


def without_password(url: str) -> str:
    """Blot the password out of a storage's address.

    Args:
        url: as the user gave it.

    Returns:
        The address that may be shown.

    Example:
        >>> without_password("postgresql://ada:secret@host/db")
        'postgresql://ada:***@host/db'
    """
    scheme, there, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    # A file's path may hold both characters, and begins with a slash.
    return f"{scheme}{there}{name}:***{at}{place}" if at and colon and "/" not in name else url


def _open(url: str) -> "BaseStorage":
    try:
        from optuna import logging, storages
    except ModuleNotFoundError:
        raise InputError(
            "comparing and searching need Optuna: it is not installed; pip install 'vademecum[search]'."
        ) from None
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    logging.set_verbosity(logging.WARNING)
    scheme, there, rest = url.partition("://")
    if there and scheme in {"postgresql", "postgres"}:
        url = f"postgresql+psycopg://{rest}"
    # A connection for each transaction: none is left open, none grows stale, and few are needed. Writers of SQLite
    # wait for one another.
    options: dict[str, Any] = {"poolclass": NullPool}
    if scheme == "sqlite":
        options["connect_args"] = {"timeout": 120}
    try:
        # The cache reads a finished row once.
        return storages.get_storage(storages.RDBStorage(url, engine_kwargs=options))
    except ModuleNotFoundError as error:
        raise InputError(
            f"this storage needs a driver: {error}; pip install 'vademecum[search]' has PostgreSQL's."
        ) from None
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(
            f"the storage must be reachable: {without_password(url)}: {reason}; write sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE."
        ) from None
