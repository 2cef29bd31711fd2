"""Scripts of other trainers, unchanged, under ``run_script``."""

import math
import textwrap

import pytest

from vademecum.doctor.script import run_script

pytestmark = pytest.mark.peer

LIGHTNING = """
import lightning
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

lightning.seed_everything(0)
x = torch.randn(400, 10)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        scores = self(x)
        self.log("val_loss", F.cross_entropy(scores, y))
        self.log("val_acc", (scores.argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


train = DataLoader(TensorDataset(x[:300], y[:300]), batch_size=20, shuffle=True)
val = DataLoader(TensorDataset(x[300:], y[300:]), batch_size=50)
trainer = lightning.Trainer(max_epochs=6, accelerator="cpu", gradient_clip_val=1.0)
trainer.fit(Net(), train, val)
"""

TRANSFORMERS = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
config = BertConfig(
    vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_labels=3
)
model = BertForSequenceClassification(config)


class Data(torch.utils.data.Dataset):
    def __init__(self, count, seed):
        self.x = torch.randint(1, 50, (count, 12), generator=torch.Generator().manual_seed(seed))
        self.y = self.x[:, 0] % 3

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"input_ids": self.x[i], "attention_mask": torch.ones(12, dtype=torch.long), "labels": self.y[i]}


args = TrainingArguments(
    "out", num_train_epochs=4, per_device_train_batch_size=16, eval_strategy="epoch", save_strategy="epoch",
    report_to=[], use_cpu=True, learning_rate=1e-3,
)
Trainer(model=model, args=args, train_dataset=Data(320, 0), eval_dataset=Data(64, 1)).train()
"""


def checked(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(text, encoding="utf-8")
    outcome = run_script(script)
    assert outcome.ending.kind == "finished", (outcome.ending, outcome.output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.py"]
    return outcome, script


def line_of(finding, script):
    """The text of the line that a finding names."""
    assert finding.file == str(script)
    return script.read_text(encoding="utf-8").splitlines()[finding.line - 1].strip()


def test_a_lightning_script(tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    outcome, _ = checked(tmp_path, monkeypatch, LIGHTNING)
    assert outcome.report.healthy, outcome.report.findings
    assert outcome.report.steps == 90
    assert "missing-zero-grad" in outcome.report.checked
    assert [each.step for each in outcome.evaluations] == [0, 15, 30, 45, 60, 75, 90]
    assert outcome.evaluations[-1].accuracy > outcome.evaluations[0].accuracy + 0.2
    assert outcome.evaluations[-1].loss < outcome.evaluations[0].loss
    assert any(path.endswith("lightning_logs") for path in outcome.removed)

    outcome, script = checked(
        tmp_path, monkeypatch, LIGHTNING.replace("return self.net(x)", "return self.net(x).softmax(1)")
    )
    assert outcome.report.findings[0].rule == "redundant-softmax"
    assert line_of(outcome.report.findings[0], script) == "return self.net(x).softmax(1)"


def test_a_transformers_script(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    outcome, _ = checked(tmp_path, monkeypatch, TRANSFORMERS)
    assert outcome.report.healthy, outcome.report.findings
    assert outcome.report.steps == 80
    assert [each.step for each in outcome.evaluations] == [20, 40, 60, 80]
    assert all(math.isfinite(each.loss) for each in outcome.evaluations)
    assert [path.rpartition("/")[2] for path in outcome.removed] == ["out"]

    wrong = textwrap.dedent("""
        class Net(BertForSequenceClassification):
            def forward(self, input_ids=None, attention_mask=None, labels=None):
                scores = super().forward(input_ids, attention_mask).logits.softmax(1)
                return {"loss": torch.nn.functional.cross_entropy(scores, labels), "logits": scores}
        """)
    text = TRANSFORMERS.replace("\nmodel = BertForSequenceClassification(", wrong + "\nmodel = Net(")
    outcome, script = checked(tmp_path, monkeypatch, text)
    assert outcome.report.findings[0].rule == "redundant-softmax"
    assert (
        line_of(outcome.report.findings[0], script)
        == "scores = super().forward(input_ids, attention_mask).logits.softmax(1)"
    )
