"""`vade compare` and `vade search` as a user runs them: real processes, output, exit codes, and what is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vademecum.lab import Recipe
from vademecum.lab.trial import TrialProcess, run

from ._outcomes import outcome, study
from .test_compare import plan_of

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
QUICK = ["--target", "kind", "--epochs", "2", "--set", "learning_rate=0.01", "batch_size=32"]


def vade(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "vademecum", *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_comparison_tunes_runs_and_says_what_can_be_concluded(blobs, tmp_path) -> None:
    arguments = ["--vary", "norm=batch,none", "--seeds", "2", "--tune", "lr=log:1e-3..1e-1", "--tries", "2"]
    end = vade("compare", str(blobs), *QUICK, *arguments, folder=tmp_path)
    assert (end.returncode, end.stderr) == (0, "")
    assert "8/8" in end.stdout
    assert "At 2 seeds, norm=none differs from norm=batch" in end.stdout
    assert "runs/compare-blobs-1/report.html" in end.stdout
    assert "\x1b" not in end.stdout
    again = vade("compare", "--resume", "runs/compare-blobs-1", "--json", folder=tmp_path)
    found = json.loads(again.stdout)
    assert found["result"]["seeds"] == [0, 1]
    assert all(arm["learning_rate"] in {0.001, 0.1} for arm in found["result"]["arms"])
    assert all(arm["memory_mib"]["resident"] > 50 for arm in found["result"]["arms"])


@pytest.mark.slow
def test_a_search_writes_a_recipe_that_fit_takes(blobs, tmp_path) -> None:
    arguments = ["--space", "lr=log:1e-4..1e-1", "--sampler", "random", "--trials", "3", "--workers", "2"]
    end = vade("search", str(blobs), *QUICK, *arguments, "--json", folder=tmp_path)
    assert (end.returncode, end.stderr) == (0, "")
    assert len(json.loads(end.stdout)["result"]["tries"]) == 3
    recipe = Recipe.from_toml((tmp_path / "runs" / "search-blobs-1" / "best.toml").read_text())
    assert 1e-4 <= recipe.learning_rate <= 1e-1
    fit = vade("fit", "--recipe", "runs/search-blobs-1/best.toml", "--json", folder=tmp_path)
    assert json.loads(fit.stdout)["evaluation"]["count"] == 48


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_leaves_a_state_that_goes_on(blobs, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "vademecum", "compare", str(blobs), "--target", "kind", "--vary", "norm=batch,none",
         "--seeds", "2", "--set", "epochs=100000", "patience=0", "learning_rate=0.01", "--out", "study"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    give_up = time.monotonic() + 200
    while not list(tmp_path.glob("study/scratch/*/*/metrics.csv")) and time.monotonic() < give_up:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers and trials hear it too
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert said.strip() == "vade: stopped by SIGINT; go on with: vade compare --resume study"
    from vademecum.lab.study import Study

    found = Study.open("compare", tmp_path / "study")
    assert (found.trials.outcomes(), found.trials.held()) == ({}, {})  # nothing is held: it can go on at once
    assert not list((tmp_path / "study").glob("scratch/*/*"))


@pytest.mark.slow
def test_a_spent_budget_begins_no_trial(tmp_path) -> None:
    from vademecum.lab.compare import compare

    plan = plan_of()
    done = {
        plan.key(arm, seed): outcome(0.5, seed=seed, wall_seconds=1e4)
        for arm in range(3)
        for seed in range(2)
    }
    study("compare", plan, {**done, plan.key(0, 2): outcome(0.5, seed=2)}, tmp_path / "study")
    found = compare(resume=tmp_path / "study", budget="1h")
    assert found.result["seeds"] == [0, 1]
    assert sum(len(arm["missing"]) for arm in found.result["arms"]) == 8
    assert "8 of 15 trials were not reached" in found.report.read_text()


def test_a_trial_that_diverges_has_failed_and_one_on_other_data_is_refused(quick, tmp_path) -> None:
    wild = quick.changed({"optimizer": "sgd", "learning_rate": 100.0, "norm": "none", "epochs": 3})
    assert "must stay finite" in run(wild, tmp_path / "a", test=True)["failed"]
    from vademecum._core.errors import InputError

    with pytest.raises(InputError, match="same data"):
        run(quick.changed({"epochs": 1}), tmp_path / "b", test=True, fingerprint="other")
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_chooses_does_not_tell_the_test_score(quick, tmp_path) -> None:
    recipe = quick.changed({"epochs": 1})
    chosen, judged = (run(recipe, tmp_path / "a", test=test) for test in (False, True))
    assert chosen["score"] == chosen["validation"] == judged["validation"]
    assert judged["score"] not in {v for v in chosen.values() if isinstance(v, float)}
    assert chosen["split"] == judged["split"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_trial_whose_process_is_killed_says_so(quick, tmp_path) -> None:
    process = TrialProcess(quick.changed({"epochs": 100_000, "patience": 0}), tmp_path / "a", test=True)
    while not (tmp_path / "a" / "metrics.csv").exists():
        assert process.outcome(0.1) is None
    os.kill(process._process.pid, signal.SIGKILL)
    found = None
    while found is None:
        found = process.outcome(1.0)
    assert found == {"died": "its process ended with SIGKILL"}
    assert list(tmp_path.iterdir()) == []
