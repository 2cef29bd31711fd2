"""``vade check`` and ``vade why``: every input that a user may give, good and bad, through the command line."""

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vademecum._core.errors import InputError
from vademecum._core.rules import all_rules
from vademecum.cli.app import app
from vademecum.doctor.script import run

BEGIN = """
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(60, 5), torch.arange(60) % 3
model = nn.Linear(5, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
STEP = """
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
LOOP = "for step in range(10):"
TRAIN = BEGIN + LOOP + STEP
SICK = TRAIN.replace("model(x), y", "model(x).softmax(1), y")


def vade(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check a text as a script, with options before it and arguments behind it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "GRACE", 1.0)

    def check(text: str, *options: str, args: tuple[str, ...] = ()) -> Result:
        Path("train.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return vade("check", *options, "train.py", *args)

    return check


def refusal(result: Result) -> str:
    """The sentence with which an input was refused; nothing else was said."""
    assert isinstance(result.exception, InputError), (result.exception, result.output)
    assert result.stdout == ""
    return str(result.exception)


def test_a_healthy_script_is_one_line_and_what_became_of_it(check):
    result = check(TRAIN)
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert "0 findings" in first
    assert second.startswith("10 steps in ")
    assert second.endswith("it came to its end.")


def test_a_sick_script_is_told_with_its_line(check):
    result = check(SICK)
    assert result.exit_code == 1
    line = next(i for i, text in enumerate(SICK.splitlines(), 1) if "softmax" in text)
    assert "redundant-softmax" in result.stdout
    assert f"train.py:{line}" in result.stdout


REFUSED = {
    "syntax": ("for x in", [], "train.py, line 1: invalid syntax"),
    "no Python": ("\0", [], "must be Python"),
    "arguments": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--data', required=True)\np.parse_args()\n"
        + TRAIN,
        [],
        "usage: train.py [-h] --data DATA",
    ),
    "import": ("import not_a_module_of_anybody\n" + TRAIN, [], "install what it imports"),
    "own error": (
        BEGIN + "def load(path):\n    return open(path)\nload('data.csv')\n" + TRAIN,
        [],
        "in load",
    ),
    "inside torch": (
        BEGIN + "torch.load('absent.pt')\n" + TRAIN,
        [],
        "failed before its first training step",
    ),
    "no training": ("print('hello')", [], "without a backward pass"),
    "only forward": (BEGIN + "model(x)", [], "without a backward pass"),
    "exit": ("import sys\nsys.exit()", [], "called sys.exit without a backward pass"),
    "exit with a word": ("import sys\nsys.exit('no data here')", [], "exit code 1 (no data here)"),
    "input": ("name = input('Which model? ')\n" + TRAIN, [], "asked for input ('Which model?')"),
    "slow": ("import time\ntime.sleep(60)", ["--seconds", "1"], "was still at train.py:2"),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", [], "ended by SIGKILL"),
    "gone": ("import os\nprint('so long', flush=True)\nos._exit(5)", [], "exit code 5"),
}


@pytest.mark.parametrize(("text", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_unusable_scripts_are_refused_in_a_sentence(check, text, options, said):
    sentence = refusal(check(text, *options))
    assert said in sentence
    assert "train.py" in sentence


def test_only_the_lines_of_the_user_are_shown(check):
    sentence = refusal(check("import torch\ntorch.load('absent.pt')\n"))
    assert "site-packages" not in sentence
    assert "line 2, in <module>\n    torch.load('absent.pt')" in sentence
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'absent.pt'" in sentence


@pytest.mark.parametrize("place", ["absent.py", "."])
def test_no_file(place):
    assert "must be a file that exists" in refusal(vade("check", place))


def test_arguments_are_the_scripts(check):
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--steps', type=int)\n" + TRAIN
    text = text.replace("range(10)", "range(p.parse_args().steps)")
    assert check(text, args=("--steps", "4")).stdout.splitlines()[1].startswith("4 steps")
    assert check(text, "--steps", "3", args=("--steps", "6")).stdout.splitlines()[1].startswith("3 steps")


def test_a_training_that_fails_is_a_finding(check):
    text = SICK + "    if step == 6: raise ValueError('the disk is full')\n"
    result = check(text)
    assert result.exit_code == 1
    assert "redundant-softmax" in result.stdout
    assert "run-failed" in result.stdout
    assert f"train.py:{len(text.splitlines())} ended it with ValueError: the disk is full" in result.stdout


def test_a_training_that_hangs_is_a_finding(check):
    text = "import threading\n" + TRAIN + "    if step == 6: threading.Event().wait()\n"
    result = check(text, "--seconds", "4")
    assert result.exit_code == 1
    assert "training-hangs" in result.stdout
    assert (
        f"After 7 steps nothing happened any more: the script stood at train.py:{len(text.splitlines())}"
        in result.stdout
    )


def test_a_script_that_ends_itself_after_training(check):
    assert check(TRAIN + "import sys\nsys.exit(0)\n").exit_code == 0
    result = check(TRAIN + "import sys\nsys.exit(3)\n")
    assert result.exit_code == 1
    assert "exit code 3" in result.stdout


def test_much_output_is_kept_short(check):
    result = check(TRAIN + "    for _ in range(20_000): print('x' * 100)\n")
    assert result.exit_code == 0
    assert len(result.stdout) < 1000
    sentence = refusal(check("for i in range(50_000): print('line', i)"))
    assert "line 49999" in sentence
    assert "line 49000" not in sentence


def test_output_is_shown_where_it_is_wanted(check, capfd):
    assert check("print('from the script')\n" + TRAIN, "--show-output").stdout.startswith("from the script\n")


def test_files_are_put_back_and_named(check):
    Path("model.pt").write_bytes(b"old")
    result = check(TRAIN + "torch.save(model.state_dict(), 'model.pt')\nopen('log.txt', 'w').write('new')\n")
    assert result.exit_code == 0
    assert Path("model.pt").read_bytes() == b"old"
    assert not Path("log.txt").exists()
    assert "Put back as before: model.pt." in result.stdout
    assert "New, and taken away again: log.txt." in result.stdout


def test_programs_read_it_and_it_is_shown_again(check):
    result = check(SICK, "--format", "json", "--output", "report.json")
    assert (result.exit_code, result.stdout) == (1, "")
    saved = json.loads(Path("report.json").read_text())
    assert saved["findings"][0]["rule"] == "redundant-softmax"
    assert saved["run"]["ending"] == "finished"
    again = vade("check", "report.json")
    assert again.exit_code == 1
    assert "redundant-softmax" in again.stdout
    Path("report.json").write_text("{")
    assert "must be JSON" in refusal(vade("check", "report.json"))
    Path("report.json").write_text("{}")
    assert "that vademecum wrote" in refusal(vade("check", "report.json"))


def test_other_formats(check):
    log = json.loads(check(SICK, "--format", "sarif").stdout)
    assert log["runs"][0]["results"][0]["ruleId"] == "redundant-softmax"
    assert check(SICK, "--format", "github").stdout.startswith("::error file=train.py,line=")
    assert "--format must be one of" in refusal(check(SICK, "--format", "html"))


def test_an_output_that_cannot_be_written_is_refused(check):
    assert "folder of a file to write must exist" in refusal(check(SICK, "--output", "no/such/place.txt"))


def test_known_findings_are_silent(check):
    assert check(SICK, "--write-baseline", "known.json").exit_code == 0
    assert check(SICK, "--baseline", "known.json").exit_code == 0
    assert check("import os\n" + SICK, "--baseline", "known.json").exit_code == 0
    twice = SICK.replace("    optimizer.zero_grad()\n", "")
    result = check(twice, "--baseline", "known.json")
    assert result.exit_code == 1
    assert "missing-zero-grad" in result.stdout
    assert "redundant-softmax" not in result.stdout


def test_rules_are_chosen_and_ignored(check):
    both = SICK.replace("    optimizer.zero_grad()\n", "")
    only = check(both, "--only", "missing-zero-grad").stdout
    assert "missing-zero-grad" in only
    assert "redundant-softmax" not in only
    ignored = check(SICK, "--ignore", "redundant-softmax=an exercise")
    assert ignored.exit_code == 0
    assert "1 silenced" in ignored.stdout
    assert "RULE=REASON" in refusal(check(SICK, "--ignore", "redundant-softmax"))
    assert "did you mean 'redundant-softmax'" in refusal(check(SICK, "--only", "redundant-softmx"))


def test_a_function(check, tmp_path):
    text = BEGIN + "def build():\n    return model, optimizer, nn.CrossEntropyLoss(), [(x, y)]\n"
    Path("net.py").write_text(text)
    result = vade("check", "--steps", "5", "net.py:build")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "5 steps" in result.stdout
    assert "has no function 'bild'" in refusal(vade("check", "net.py:bild"))
    assert "takes no arguments" in refusal(vade("check", "net.py:build", "more"))
    assert "must be a file that exists" in refusal(vade("check", "nat.py:build"))


def test_texts_are_read_and_not_run(check):
    Path("train.py").write_text("raise SystemExit('it was run')\n" + SICK)
    result = vade("check", "--static", "train.py")
    assert result.exit_code == 1
    assert "redundant-softmax" in result.stdout
    assert "needs files" in refusal(vade("check", "--static"))


def test_patients():
    listed = vade("check", "--patients").stdout
    named = [rule.name for rule in all_rules().values() if rule.patient is not None]
    assert [line.split()[0] for line in listed.splitlines()[: len(named)]] == named
    assert "did you mean 'missing-zero-grad'" in refusal(vade("check", "--patient", "missing-zero-grads"))


def test_without_a_script_three_faults_are_told_and_cured():
    result = vade("check")
    assert result.exit_code == 0
    sick, _, healed = result.stdout.partition("The same script, cured")
    for name in ("redundant-softmax", "missing-zero-grad", "unscaled-input"):
        assert name in sick
    assert "0 findings" in healed
    before, after = (float(word) for word in healed.split("held-out accuracy: ")[1].split()[::2][:2])
    assert before < 0.5 < 0.9 < after


def test_one_patient():
    result = vade("check", "--patient", "redundant-softmax")
    assert result.exit_code == 0
    assert "redundant-softmax" in result.stdout.partition("The same script, cured")[0]


def test_why():
    listed = vade("why").stdout
    assert all(rule.name in listed for rule in all_rules().values())
    text = vade("why", "redundant_softmax").stdout
    for part in (
        "Softmax before cross-entropy",
        "Wrong:",
        "Right:",
        "Fails where:",
        "bridle1990probabilistic",
    ):
        assert part in text
    assert "with the fault:  held-out accuracy" in text
    assert "the doctor says: redundant-softmax" in text
    assert "the doctor says: nothing" in text
    value = json.loads(vade("why", "missing-zero-grad", "--json").stdout)
    assert value["experiment"]["told_before"] == ["missing-zero-grad"]
    assert value["experiment"]["told_after"] == []
    assert json.loads(vade("why", "missing-zero-grad", "--no-run", "--json").stdout)["experiment"] is None
    assert "did you mean 'missing-zero-grad'" in refusal(vade("why", "missing-zero-gradient"))
