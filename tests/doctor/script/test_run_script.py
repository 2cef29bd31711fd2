"""A script runs as it does by itself, is seen whole, and leaves nothing behind."""

import json
import math
import textwrap

import pytest
import torch
from torch import nn

from vademecum._core.errors import InputError
from vademecum.doctor.cures import Cure
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule
from vademecum.doctor.script import Outcome, run, run_script
from vademecum.doctor.script.ending import from_dump
from vademecum.doctor.script.listen import Listener

BEGIN = """
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(60, 5), torch.arange(60) % 3
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
STEP = """
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
TRAIN = BEGIN + "for step in range(10):" + STEP


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a script where it runs, and run it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "GRACE", 1.0)

    def script(text, *args, **options) -> Outcome:
        file = tmp_path / "train.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return run_script(file, args, **{"experiments": False, **options})

    return script


@pytest.mark.parametrize("fresh", [False, True])
def test_it_runs_as_by_itself(script, tmp_path, fresh):
    (tmp_path / "beside.py").write_text("NUMBER = 3\n", encoding="utf-8")
    outcome = script(
        """
        import json, sys, beside
        seen = {"argv": sys.argv, "path": sys.path[0], "name": __name__, "main": sys.modules["__main__"].__file__}
        seen["number"] = beside.NUMBER
        """
        + textwrap.indent(TRAIN, " " * 8)
        + """
        print(json.dumps(seen))
        """,
        "--lr",
        "0.1",
        fresh=fresh,
    )
    place = str(tmp_path / "train.py")
    assert json.loads(outcome.output.strip().splitlines()[-1]) == {
        "argv": [place, "--lr", "0.1"],
        "path": str(tmp_path.resolve()),
        "name": "__main__",
        "main": place,
        "number": 3,
    }
    assert outcome.ending.kind == "finished"
    assert (outcome.report.steps, outcome.backwards, len(outcome.losses)) == (10, 10, 10)
    assert outcome.report.healthy
    assert outcome.restored + outcome.removed + outcome.problems == ()


def test_a_fork_and_a_new_interpreter_see_the_same(script):
    assert script(TRAIN, fresh=False).losses == script(TRAIN, fresh=True).losses


def test_findings_have_the_line_of_the_user(script):
    text = TRAIN.replace("model(x), y)", "model(x).softmax(1), y)")
    outcome = script(text)
    (finding,) = outcome.report.findings
    assert finding.rule == "redundant-softmax"
    assert text.splitlines()[finding.line - 1].strip().startswith("loss = ")


@pytest.mark.parametrize(("batches", "steps"), [(5, 200), (150, 300), (600, 500)])
def test_it_stops_after_two_epochs_or_200_steps(script, batches, steps):
    text = (
        BEGIN
        + f"data = torch.randn({batches}, 4, 5)\nfor step in range(5000):"
        + STEP.replace("model(x), y", f"model(data[step % {batches}]), y[:4]")
    )
    outcome = script(text)
    assert (outcome.ending.kind, outcome.report.steps) == ("enough", steps)


def test_what_is_evaluated_after_the_last_step_is_seen(script):
    text = (
        BEGIN
        + "for step in range(50):"
        + STEP
        + "    with torch.no_grad(): nn.functional.cross_entropy(model(x), y)"
    )
    outcome = script(text, steps=7)
    assert outcome.report.steps == 7
    assert [each.step for each in outcome.evaluations] == [1, 2, 3, 4, 5, 6, 7]
    assert all(math.isfinite(each.loss) for each in outcome.evaluations)


def test_an_epoch_is_known_by_its_examples_where_they_are_shuffled(script):
    text = "import itertools\nfor order in itertools.chain.from_iterable(torch.randperm(600).split(4) for _ in range(99)):"
    outcome = script(
        BEGIN
        + "data = torch.randn(600, 5)\n"
        + text
        + STEP.replace("model(x), y", "model(data[order]), y[:4]")
    )
    assert (outcome.ending.kind, outcome.report.steps) == ("enough", 300)


def test_a_loss_inside_the_step_is_seen_as_any_other(script):
    text = (
        BEGIN
        + """
for step in range(8):
    def closure():
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss
    optimizer.step(closure)
"""
    )
    outcome = script(text)
    assert outcome.report.steps == 8
    assert [finding.rule for finding in outcome.report.findings] == ["missing-zero-grad"]
    healthy = script(text.replace("loss.backward()", "optimizer.zero_grad(); loss.backward()"))
    assert healthy.report.healthy
    assert "missing-zero-grad" in healthy.report.checked
    lbfgs = script(
        text.replace("SGD(model.parameters(), lr=0.1)", "LBFGS(model.parameters())").replace(
            "loss.backward()", "optimizer.zero_grad(); loss.backward()"
        )
    )
    assert lbfgs.report.steps == 8
    assert lbfgs.backwards > 8
    assert lbfgs.report.healthy


def test_its_time_is_up(script):
    outcome = script(BEGIN + "import time\nwhile True:\n    time.sleep(0.1)" + STEP, seconds=5, fresh=False)
    assert outcome.ending.kind == "time"
    assert 0 < outcome.report.steps < 200  # a step takes a tenth of a second at least


def test_a_script_that_swallows_everything_is_ended(script):
    body = textwrap.indent(STEP, "    ")
    outcome = script(
        BEGIN + "while True:\n    try:" + body + "    except BaseException:\n        pass\n", steps=5
    )
    assert (outcome.ending.kind, outcome.report.steps) == ("enough", 5)


def test_seeds_are_moved_and_the_same_seed_is_the_same_run(script):
    losses = {seed: [script(TRAIN, seed=seed).losses for _ in range(2)] for seed in (0, 1)}
    assert losses[0][0] == losses[0][1]
    assert losses[1][0] == losses[1][1]
    assert losses[0][0] != losses[1][0]
    torch.manual_seed(1)
    x, y = torch.randn(60, 5), torch.arange(60) % 3
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    loss = nn.functional.cross_entropy(model(x), y)
    torch.testing.assert_close(losses[1][0][0][1], float(loss.detach()))


def test_a_script_without_a_seed_is_the_same_each_time(script):
    text = TRAIN.replace("torch.manual_seed(0)\n", "")
    assert script(text).losses == script(text).losses


def test_cures_are_in_force_while_the_script_runs(script):
    still = script(TRAIN, cures=[Cure("rate", {"factor": 0.0})])
    assert len({value for _, value in still.losses}) == 1
    assert len({value for _, value in script(TRAIN).losses}) == 10


def test_the_files_are_as_before(script, tmp_path):
    (tmp_path / "old.pt").write_bytes(b"weights of long ago")
    (tmp_path / "log.csv").write_text("a,b\n")
    (tmp_path / "gone.txt").write_text("still here")
    (tmp_path / "moved.txt").write_text("in its place")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in.txt").write_text("inside")
    (tmp_path / "read.txt").write_text("only read")
    (tmp_path / "link").symlink_to("read.txt")

    def state():
        found = {}
        for path in sorted(tmp_path.rglob("*")):
            link = path.is_symlink()
            found[path.name] = (
                path.readlink() if link else path.stat().st_mtime_ns if path.is_file() else None
            )
            if path.is_file():
                found[path.name] = (found[path.name], path.read_bytes())
        return found

    outcome = None
    text = TRAIN + textwrap.dedent("""
        import os, shutil, pathlib
        from safetensors.torch import save_file
        open("read.txt").read()
        torch.save(model.state_dict(), "old.pt")
        torch.save(model.state_dict(), pathlib.Path("new.pt"))
        save_file(model.state_dict(), "new.safetensors")
        with open("log.csv", "a") as file: file.write("1,2\\n")
        os.remove("gone.txt")
        os.rename("moved.txt", "elsewhere.txt")
        pathlib.Path("link").unlink()
        shutil.rmtree("folder")
        os.makedirs("runs/1")
        torch.save(model, "runs/1/model.pt")
        pathlib.Path("runs/1/part").write_text("x")
        os.replace("runs/1/part", "runs/1/whole")
        """)
    (tmp_path / "train.py").write_text(text)
    before = state()
    outcome = run_script(tmp_path / "train.py")
    assert outcome.ending.kind == "finished", outcome.output
    assert state() == before
    named = [{path.rpartition("/")[2] for path in paths} for paths in (outcome.restored, outcome.removed)]
    assert named == [
        {"old.pt", "log.csv", "gone.txt", "moved.txt", "in.txt", "link"},
        {"new.pt", "new.safetensors", "elsewhere.txt", "runs"},
    ]
    assert not outcome.problems


def test_files_are_put_back_after_a_kill(script, tmp_path):
    (tmp_path / "kept.txt").write_text("before")
    outcome = script(
        "open('kept.txt', 'w').write('after')\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert outcome.ending.kind == "killed"
    assert "SIGKILL" in outcome.ending.text
    assert (tmp_path / "kept.txt").read_text() == "before"


def test_forked_workers_feed_and_write(script, tmp_path):
    (tmp_path / "seen.txt").write_text("before")
    text = (
        "class Data(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 60\n"
        "    def __getitem__(self, i):\n"
        "        open('seen.txt', 'a').write(str(i))\n"
        "        return x[i], y[i]\n"
        "for a, b in torch.utils.data.DataLoader(Data(), batch_size=10, num_workers=2):"
    )
    outcome = script(BEGIN + text + STEP.replace("model(x), y", "model(a), b"))
    assert (outcome.ending.kind, outcome.report.steps) == ("finished", 6)
    assert (tmp_path / "seen.txt").read_text() == "before"


def test_a_fork_of_the_scripts_own_says_nothing(script):
    text = "import os\nchild = os.fork()\nif child: os.waitpid(child, 0)\n"
    outcome = script(text + BEGIN + "for step in range(10 if child else 3):" + STEP)
    assert (outcome.ending.kind, outcome.report.steps) == ("finished", 10)


def test_a_compiled_model_is_read(script):
    text = TRAIN.replace("optimizer =", "model = torch.compile(model)\noptimizer =", 1)
    outcome = script(text.replace("model(x), y)", "model(x).softmax(1), y)"))
    assert [finding.rule for finding in outcome.report.findings] == ["redundant-softmax"]
    assert any("torch.compile" in note for note in outcome.notes)


def test_a_model_of_mappings(script):
    text = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.out = nn.Linear(5, 3)
            def forward(self, batch):
                scores = self.out(batch["x"])
                return {"loss": nn.functional.cross_entropy(scores.softmax(1), batch["y"]), "scores": scores}
        model = Net()
        optimizer = torch.optim.AdamW(model.parameters())
        for _ in range(8):
            loss = model({"x": x, "y": y})["loss"]
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        """
    outcome = script(BEGIN + textwrap.dedent(text))
    assert [finding.rule for finding in outcome.report.findings] == ["redundant-softmax"]


def test_accelerate(script):
    text = """
        from accelerate import Accelerator
        accelerator = Accelerator(cpu=True)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=10)
        model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
        for a, b in loader:
            loss = nn.functional.cross_entropy(model(a).softmax(1), b)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
        """
    outcome = script(BEGIN + textwrap.dedent(text))
    assert outcome.report.steps == 6
    assert [finding.rule for finding in outcome.report.findings] == ["redundant-softmax"]


def test_matplotlib_opens_no_window(script):
    text = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint(plt.get_backend())\n"
    assert script(TRAIN + text).output.strip().splitlines()[-1].lower() == "agg"


def test_a_function_is_trained(tmp_path):
    file = tmp_path / "build.py"
    file.write_text(
        BEGIN
        + textwrap.dedent("""
        def build():
            return model, optimizer, lambda out, y: nn.functional.cross_entropy(out.softmax(1), y), [(x, y)] * 3

        def mapped():
            return model, optimizer, lambda out, batch: nn.functional.cross_entropy(out, y), [{"input": x}]

        def wrong():
            return model
        """),
        encoding="utf-8",
    )
    outcome = run_script(file, function="build", steps=9)
    assert (outcome.ending.kind, outcome.report.steps) == ("enough", 9)
    assert [finding.rule for finding in outcome.report.findings] == ["redundant-softmax"]
    assert run_script(file, function="mapped", steps=4).report.healthy
    assert "must return" in run_script(file, function="wrong").ending.text
    assert "has no function 'absent'" in run_script(file, function="absent").ending.text


@pytest.mark.parametrize("content", [b"\x00\x01", b"x = = 1", b"\xff\xfe"])
def test_what_is_no_python_is_refused(tmp_path, content):
    file = tmp_path / "train.py"
    file.write_bytes(content)
    with pytest.raises(InputError, match="must be Python"):
        run_script(file)


def test_a_stack_where_python_stands_still():
    dump = (
        "Timeout (0:00:01)!\nThread 0x00007f (most recent call first):\n"
        f'  File "{threading_file()}", line 9 in wait\n'
        '  File "/home/me/train.py", line 12 in main\n  File "/home/me/train.py", line 30 in <module>\n'
    )
    ending = from_dump(dump)
    assert (ending.kind, ending.file, ending.line) == ("hung", "/home/me/train.py", 12)


def threading_file():
    import threading

    return threading.__file__


class TestListener:
    """Losses and accuracies without gradients."""

    @staticmethod
    def seen(figure):
        """What a recorder is told when a model is evaluated and something is computed of its scores."""
        from vademecum.doctor.recording.attach import attached_to_all

        recorder = Recorder(schedule=Schedule(thorough=True), find=True)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model, x, y = nn.Linear(4, 3), torch.randn(10, 4), torch.arange(10) % 3
        with attached_to_all(recorder), Listener(recorder), torch.no_grad():
            scores = model(x)
            expected = figure(scores, y)
        recorder.ends()
        (evaluation,) = recorder.record.evaluations
        return evaluation, expected, recorder.record.valid.y(), y

    @pytest.mark.parametrize(
        "figure",
        [
            nn.functional.cross_entropy,
            lambda s, y: nn.CrossEntropyLoss(reduction="sum")(s, y) / 10,
            lambda s, y: nn.NLLLoss(reduction="none")(s.log_softmax(1), y).mean(),
        ],
    )
    def test_losses(self, figure):
        evaluation, expected, told, y = self.seen(figure)
        torch.testing.assert_close(evaluation.loss, float(expected))
        assert math.isnan(evaluation.accuracy)
        torch.testing.assert_close(told, y)

    @pytest.mark.parametrize(
        "figure",
        [
            lambda s, y: (s.argmax(1) == y).float().mean(),
            lambda s, y: s.argmax(1, keepdim=True).eq(y.view(-1, 1)).sum() / 10,
            lambda s, y: (torch.max(s, 1)[1] == y).sum() / 10,
            lambda s, y: (y == s.topk(1).indices.squeeze(1).cpu()).double().mean(),
            lambda s, y: ((s[:, 0].sigmoid() > 0.5).long() == y.clamp_max(1)).double().mean(),
            lambda s, y: (s[:, 0].sigmoid().round() == y.clamp_max(1)).double().mean(),
        ],
    )
    def test_accuracies(self, figure):
        evaluation, expected, *_ = self.seen(figure)
        torch.testing.assert_close(evaluation.accuracy, float(expected))
        assert math.isnan(evaluation.loss)

    def test_other_comparisons_are_none(self):
        evaluation, *_ = self.seen(lambda s, y: (y == 1).float().mean() + (y == y.flip(0)).float().mean())
        assert math.isnan(evaluation.accuracy)

    def test_the_accuracy_of_a_training_batch_is_no_evaluation(self, script):
        text = (
            STEP + "    with torch.no_grad(): (model[0].weight.argmax(1) == torch.zeros(8)).float().mean()\n"
        )
        outcome = script(BEGIN + "for step in range(5):" + text)
        assert outcome.evaluations == ()


def test_experiments_follow_on_the_first_step_of_the_run(script):
    outcome = script(TRAIN.replace("range(10)", "range(80)"), experiments=True)
    assert outcome.ending.kind == "finished"
    assert outcome.report.healthy
    tried = {"gradients", "gradient-check", "rates", "accumulation", "batch-independence", "train-eval"}
    assert tried <= set(outcome.report.history["experiments"]) | set(outcome.report.not_checked)
    assert "gradients" in outcome.report.history["experiments"]
    assert outcome.losses == script(TRAIN.replace("range(10)", "range(80)")).losses


def test_experiments_say_why_they_were_not_made(script):
    other = """
        other = nn.Linear(5, 3)
        second = torch.optim.SGD(other.parameters(), lr=0.1)
        for step in range(5):
            for net, own in ((model, optimizer), (other, second)):
                loss = nn.functional.cross_entropy(net(x), y)
                own.zero_grad()
                loss.backward()
                own.step()
        """
    outcome = script(BEGIN + textwrap.dedent(other), experiments=True)
    assert "in turn" in outcome.report.not_checked["rates"]
    assert "experiments" not in outcome.report.history or not outcome.report.history["experiments"]
    assert "rates" not in script(TRAIN).report.not_checked  # not asked for


def test_a_table_of_the_data(script):
    data = script(TRAIN).report.history["data"]
    assert (data["rows"], data["columns"], data["duplicates"], data["passed"]) == (60, 5, 0, 10)
    assert data["classes"] == {"0": 20, "1": 20, "2": 20}
    assert abs(data["scale"]["mean"]) < 0.3


def test_a_run_that_goes_as_another_did_is_ended(script):
    losses = [value for _, value in script(TRAIN).losses]
    same = script(TRAIN, same=losses[:4])
    assert (same.ending.kind, len(same.losses)) == ("same", 4)
    idle = script(TRAIN, same=losses[:4], cures=[Cure("no_dropout")])
    assert idle.ending.kind == "same"
    other = script(TRAIN, same=losses[:4], cures=[Cure("rate", {"factor": 0.1})])
    assert (other.ending.kind, len(other.losses)) == ("finished", 10)


def test_a_backward_pass_of_the_users_own_is_told(script):
    own = """
class Turned(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -gradient

"""
    assert not script(TRAIN).report.history["own_backward"]
    turned = BEGIN + own + "for step in range(10):" + STEP.replace("model(x)", "Turned.apply(model(x))")
    assert script(turned).report.history["own_backward"]
