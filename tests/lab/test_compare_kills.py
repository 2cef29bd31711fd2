"""Real workers, killed for real: nothing is lost, nothing counts twice, and the figures are those of an undisturbed run."""

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from vademecum.lab.compare import Comparison, compare
from vademecum.lab.trials import Trials

from ._postgres import server

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]

VARY, SEEDS, GRACE = ["norm=none,batch,layer"], 3, 3.0
KEYS = {f"run/{arm}/{seed}" for arm in range(3) for seed in range(SEEDS)}
DRIVER = """
import json, sys
from vademecum.lab import Console, Recipe
from vademecum.lab.compare import compare, describe
from vademecum.lab.study import join
if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    recipe, joined = order.pop("recipe"), order.pop("join", None)
    if joined:
        join(order["storage"], joined, workers=order["workers"], seconds=float("inf"), console=Console(sys.stdout),
             describe=describe, again="", grace=order["grace"])
    else:
        compare(Recipe.from_toml(recipe) if recipe else None, console=Console(sys.stdout), **order)
"""


def start(folder: Path, recipe: str = "", **order: object) -> subprocess.Popen[str]:
    (folder / "driver.py").write_text(DRIVER)
    with (folder / "said").open("a") as said:
        return subprocess.Popen(
            [sys.executable, "driver.py", json.dumps({"recipe": recipe, "grace": GRACE, **order})],
            cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True, stdout=said, stderr=said,
        )  # fmt: skip


def ended_well(process: subprocess.Popen[str], folder: Path) -> None:
    assert process.wait(300) == 0, (folder / "said").read_text()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers that a command has started, and no process of theirs."""
    found = []
    for child in psutil.Process(process.pid).children():
        try:
            if "vademecum.lab.worker" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def rows(folder: Path) -> dict[str, dict[str, str]]:
    """``trials.csv`` by key; each key may stand there once."""
    read = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert max(Counter(row["key"] for row in read).values()) == 1
    return {row["key"]: row for row in read}


def same_figures(one: Path, other: Path) -> None:
    first, second = rows(one), rows(other)
    assert set(first) == set(second) == KEYS
    for key, row in first.items():
        for name in ("score", "validation", "val_loss", "learning_rate", "best_epoch"):
            assert row[name] == second[key][name], (key, name)  # to the last bit


@pytest.fixture(scope="module")
def recipe(blobs):
    from vademecum.lab import Recipe

    return Recipe(data=str(blobs), target="kind", epochs=3, learning_rate=0.01, dropout=0.3, batch_size=16)


@pytest.fixture(scope="module")
def undisturbed(recipe, tmp_path_factory) -> Comparison:
    return compare(recipe, VARY, seeds=SEEDS, out=tmp_path_factory.mktemp("undisturbed") / "study", workers=2)


def test_kills_of_workers_lose_nothing_and_double_nothing(recipe, undisturbed, tmp_path) -> None:
    process = start(tmp_path, recipe.to_toml(), vary=VARY, seeds=SEEDS, out="study", workers=3)
    draw, killed = random.Random(0), 0
    while process.poll() is None:
        time.sleep(draw.uniform(0.2, 2.5))
        alive = workers_of(process)
        if killed < 8 and alive:
            os.kill(draw.choice(alive).pid, signal.SIGKILL)
            killed += 1
    ended_well(process, tmp_path)
    assert killed >= 3
    same_figures(tmp_path / "study", undisturbed.folder)
    assert not (tmp_path / "study" / "scratch").exists()


def test_a_kill_of_everything_is_resumed(recipe, undisturbed, tmp_path) -> None:
    process = start(tmp_path, recipe.to_toml(), vary=VARY, seeds=SEEDS, out="study", workers=2)
    for attempt in range(3):
        wait_for_outcomes(tmp_path / "study", attempt + 1)
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        for number in family:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        process = start(tmp_path, resume="study", workers=2)
    ended_well(process, tmp_path)
    same_figures(tmp_path / "study", undisturbed.folder)


def wait_for_outcomes(folder: Path, count: int) -> None:
    """Until so many trials have come out."""
    give_up = time.monotonic() + 200
    while time.monotonic() < give_up:
        time.sleep(0.2)
        if (folder / "facts.json").exists():
            address = f"file:{folder / 'trials.sqlite3'}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as database:
                found = database.execute("select count(*) from trial_user_attributes where key = 'outcome'")
                if found.fetchone()[0] >= count:
                    return
    raise AssertionError(f"{count} trials have not come out")


def test_four_workers_share_a_postgresql_server_and_survive_kills(recipe, undisturbed, tmp_path) -> None:
    with server() as url:
        first = start(tmp_path, recipe.to_toml(), vary=VARY, seeds=SEEDS, out="study", workers=2, storage=url)
        give_up = time.monotonic() + 200
        while not (tmp_path / "study" / "facts.json").exists() and time.monotonic() < give_up:
            time.sleep(0.2)
        written = (tmp_path / "study" / "compare.toml").read_text()
        assert url.partition("ada:")[2].partition("@")[0] not in written  # no password on the disk
        name = written.partition('study = "')[2].partition('"')[0]
        second = start(tmp_path, join=name, workers=2, storage=url)
        draw, killed = random.Random(1), 0
        while first.poll() is None:
            time.sleep(draw.uniform(0.5, 2.5))
            alive = [
                worker
                for process in (first, second)
                if process.poll() is None
                for worker in workers_of(process)
            ]
            if killed < 4 and len(alive) > 2:
                os.kill(draw.choice(alive).pid, signal.SIGKILL)
                killed += 1
        ended_well(first, tmp_path)
        ended_well(second, tmp_path)
        assert killed
        same_figures(tmp_path / "study", undisturbed.folder)
        names = {row["worker"].rpartition("-")[0] for row in rows(tmp_path / "study").values()}
        assert len(names) == 2  # both commands did some of it
        assert set(Trials(url, name).outcomes()) == KEYS
