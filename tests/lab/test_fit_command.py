"""`vade fit` as a user runs it: real processes, their output, exit codes and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vademecum._core.errors import InputError
from vademecum.cli.app import app

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def vade(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "vademecum", "fit", *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def refused(*arguments: str) -> str:
    """The message with which the command ends; in this process, as only the words matter."""
    result = CliRunner().invoke(app, ["fit", *arguments])
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.slow
def test_piped_it_prints_lines_and_as_json_one_object(blobs, tmp_path) -> None:
    settings = [
        "--target",
        "kind",
        "--epochs",
        "2",
        "--set",
        "norm=layer",
        "dropout=0.5",
        "learning_rate=0.01",
    ]
    piped = vade(str(blobs), *settings, folder=tmp_path)
    assert (piped.returncode, piped.stderr) == (0, "")
    lines = [line for line in piped.stdout.splitlines() if line.startswith("train")]
    assert len(lines) == 2
    assert "epoch 2/2" in lines[1]
    assert "accuracy" in lines[1]
    assert "\x1b" not in piped.stdout
    assert "runs/blobs-1/report.html" in piped.stdout
    recipe = (tmp_path / "runs" / "blobs-1" / "recipe.toml").read_text()
    assert 'norm = "layer"' in recipe
    assert "dropout = 0.5" in recipe
    as_json = vade("--recipe", "runs/blobs-1/recipe.toml", "--json", folder=tmp_path)
    found = json.loads(as_json.stdout)
    assert found["run"] == "runs/blobs-2"
    assert found["evaluation"]["count"] == 48
    weights = [(tmp_path / "runs" / f"blobs-{n}" / "model.safetensors").read_bytes() for n in (1, 2)]
    assert weights[0] == weights[1]  # the recipe repeats the run bit for bit, in another process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_saves_and_says_how_to_go_on(blobs, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "vademecum", "fit", str(blobs), "--target", "kind", "--out", "run",
         "--set", "epochs=100000", "patience=0", "learning_rate=0.01"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    give_up = time.monotonic() + 100
    while not (tmp_path / "run" / "metrics.csv").exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "vade: stopped by SIGINT; go on with: vade fit --resume run"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "nrom=group"], ["recipe field", "'nrom'", "'norm'"]),
        (["--set", "norm=grp"], ["norm", "'grp'"]),
        (["--set", "norm=group", "dropout=2"], ["dropout", "2 came"]),
        (["no-such-file.csv"], ["no-such-file.csv"]),
        (["digits", "digits2"], ["one place of data"]),
        (["--resume", "nowhere"], ["recipe.toml", "nowhere"]),
        (["digits", "--resume", "nowhere"], ["--resume takes everything from the run"]),
        (["--recipe", "nowhere.toml"], ["nowhere.toml"]),
        (["--out", "."], ["must be new"]),
        (["--model", "mpl"], ["mlp, cnn or FILE:FUNCTION", "'mlp'"]),
        (["--model", "nets.py:make"], ["nets.py"]),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(*arguments)
    for word in words:
        assert word in message
    assert os.listdir(tmp_path) == []


NETS = """
from torch import nn
def wrong_shape(num_outputs): return nn.Sequential(nn.Flatten(), nn.Linear(64, num_outputs + 1))
def wrong_input(): return nn.Linear(3, 10)
def no_net(): return 3
def raises(input_shape): return 1 / 0
def wants_more(input_shape, depth): return nn.Identity()
def right(*, num_outputs, input_shape): return nn.Sequential(nn.Flatten(), nn.Linear(64, num_outputs))
def plain(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
value = 3
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("rihgt", ["'rihgt'", "did you mean 'right'"]),
        ("value", ["nets.py:value", "int"]),
        ("wrong_shape", ["expected (256, 10)", "found (256, 11)"]),
        ("wrong_input", ["(256, 1, 8, 8)", "RuntimeError"]),
        ("no_net", ["torch.nn.Module", "int"]),
        ("raises", ["ZeroDivisionError"]),
        ("wants_more", ["TypeError", "depth"]),
    ],
)
def test_a_wrong_function_is_named(tmp_path, monkeypatch, function, words) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETS)
    message = refused("--model", f"nets.py:{function}")
    for word in words:
        assert word in message
    assert "runs" not in os.listdir(tmp_path)


@pytest.mark.parametrize("function", ["right", "plain"])
def test_the_users_own_net_is_trained(tmp_path, monkeypatch, function) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETS)
    result = CliRunner().invoke(
        app,
        ["fit", "--model", f"nets.py:{function}", "--epochs", "1", "--set", "learning_rate=0.01", "--json"],
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["evaluation"]["count"] == 359


def test_a_file_that_does_not_run_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text("import nothing_of_this_name")
    assert "ModuleNotFoundError" in refused("--model", "nets.py:make")


def test_the_fields_are_listed() -> None:
    result = CliRunner().invoke(app, ["fit", "--fields"])
    assert result.exit_code == 0
    assert "learning_rate" in result.output
    assert "'auto'" in result.output
