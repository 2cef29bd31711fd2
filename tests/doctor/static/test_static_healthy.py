"""No rule, not even a note, fires on programs that are right, however they are written."""

from pathlib import Path

import pytest

from vademecum._core.errors import InputError
from vademecum.doctor.static import STATIC_RULES, static, static_check

HEALTHY = sorted((Path(__file__).parent / "healthy").glob("*.txt"))


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_silence(path):
    assert [(f.rule, f.line, f.message) for f in static(path)] == []


def test_there_are_enough_of_them():
    assert len(HEALTHY) >= 25


def test_files_that_do_not_know_one_another_are_looked_at_apart():
    together = {(f.rule, f.file) for f in static(*HEALTHY)}
    assert together == set()


def test_a_network_and_its_loop_in_two_files(tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(4, 3)\n    def forward(self, x):\n        return self.fc(x).softmax(1)\n"
    )
    (tmp_path / "fit.py").write_text(
        "import torch\nfrom net import Net\ntorch.manual_seed(0)\nmodel = Net()\n"
        "loss = torch.nn.functional.cross_entropy(model(x), y)\n"
    )
    [finding] = static(tmp_path / "fit.py", tmp_path / "net.py")
    assert (finding.rule, Path(finding.file).name, finding.line) == ("redundant-softmax", "net.py", 7)
    assert "cross_entropy (fit.py, line 5)" in finding.message
    assert finding.diff == "- return self.fc(x).softmax(1)\n+ return self.fc(x)"
    assert static(tmp_path / "fit.py") == [], "a network that is not seen is taken to be right"


def test_a_syntax_error_is_said_with_its_line():
    with pytest.raises(InputError, match=r"train.py must be a Python program: line 2 .*'def f\(:'"):
        static_check("import torch\ndef f(:\n", file="train.py")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none.py must be a Python file that can be read"):
        static(tmp_path / "none.py")


def test_null_bytes_are_no_program():
    with pytest.raises(InputError, match="must be a Python program"):
        static_check("a = 1\0")


@pytest.mark.parametrize("text", ["", "\n", "x = 1", "# nothing", "def f(): ..."])
def test_programs_without_training(text):
    assert static_check(text) == []


def test_it_runs_nothing(tmp_path):
    script = tmp_path / "loud.py"
    script.write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\nraise SystemExit(3)\n")
    assert static(script) == []
    assert not (tmp_path / "trace").exists()


def test_names_that_run_in_circles():
    text = "import torch\ndef f(a):\n    return g(a)\ndef g(b):\n    return f(b)\nx = y\ny = x\nz = f(x)\n"
    text += "loss = torch.nn.functional.cross_entropy(f(z), y)\nclass A(A): pass\nmodel = model.to(model)\nmodel(x)\n"
    assert static_check(text) == []


def test_ids_are_unique_and_in_kebab_case():
    assert len(set(STATIC_RULES)) == len(STATIC_RULES) >= 20
    assert all(rule == rule.lower() and "_" not in rule for rule in STATIC_RULES)


@pytest.mark.parametrize("terms", [900, 5000])
def test_an_expression_too_deep_to_follow_is_said(terms):
    long = "-".join(["a"] * terms)
    text = (
        f"import torch\nx = torch.relu({long})\nfor y in x:\n    loss = -({long})\n    ({long}).backward()\n"
    )
    with pytest.raises(InputError, match="nested too deeply"):
        static_check(text, file="made.py")


def test_a_fault_is_told_once_however_often_its_result_is_used():
    text = "import torch.nn.functional as F\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))\n"
    text += "a = F.cross_entropy(net(x), y)\nb = F.cross_entropy(net(u), v)\n"
    assert [(f.rule, f.line) for f in static_check(text)] == [("redundant-softmax", 3)]
