"""Rules on what is before and behind the loss: each wrong program is found at its line, its cured twin is left in peace."""

from textwrap import dedent

import pytest

from vademecum.doctor.static import static_check

HEAD = """
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
"""

LOOP = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    LOSS
    loss.backward()
    optimizer.step()
"""

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 10)
        self.act = nn.LAYER

    def forward(self, x):
        x = F.relu(self.fc1(x.view(-1, 64)))
        RETURN

model = Net()
"""


def rules(program, *, keep=("error", "warning")):
    return [f.rule for f in static_check(dedent(program)) if f.severity in keep]


def net(give, layer="Softmax(dim=1)"):
    return HEAD + NET.replace("RETURN", give).replace("LAYER", layer)


def loop(loss):
    return LOOP.replace("LOSS", loss)


CE, BCE = "loss = F.cross_entropy(model(x), y)", "loss = nn.BCEWithLogitsLoss()(model(x), y)"

SOFTMAX = {
    "as it is returned": (net("return F.softmax(self.fc2(x), dim=1)") + loop(CE), net("return self.fc2(x)") + loop(CE)),
    "a layer": (net("return self.act(self.fc2(x))") + loop(CE), net("return self.fc2(x)") + loop(CE)),
    "by a name": (
        net("x = self.fc2(x)\n        x = torch.softmax(x, -1)\n        return x") + loop(CE),
        net("x = self.fc2(x)\n        p = torch.softmax(x, -1)\n        return x") + loop(CE),
    ),
    "a method": (net("return self.fc2(x).softmax(dim=1)") + loop(CE), net("return self.fc2(x)") + loop(CE)),
    "sequential": (
        HEAD + "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)).to('cpu')\ncriterion = nn.CrossEntropyLoss()"
        + loop("loss = criterion(model(x), y)"),
        HEAD + "model = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(dim=1))\ncriterion = nn.CrossEntropyLoss()"
        + loop("loss = criterion(model(x), y)"),
    ),
    "a list of layers": (
        HEAD + "layers = [nn.Linear(4, 4)]\nlayers.append(nn.Softmax(dim=1))\nmodel = nn.Sequential(*layers)" + loop(CE),
        HEAD + "layers = [nn.Linear(4, 4)]\nlayers.append(nn.Linear(4, 3))\nmodel = nn.Sequential(*layers)" + loop(CE),
    ),
    "in the loop": (
        net("return self.fc2(x)") + loop("out = model(x)\n    probs = F.softmax(out, 1)\n    loss = F.cross_entropy(probs, y)"),
        net("return self.fc2(x)") + loop("out = model(x)\n    probs = F.softmax(out, 1)\n    loss = F.cross_entropy(out, y)"),
    ),
    "in a function that trains": (
        net("return self.act(self.fc2(x))") + """
def fit(net, loader, loss_fn, opt):
    for x, y in loader:
        opt.zero_grad()
        out = net(x)
        loss_fn(out, y).backward()
        opt.step()

def main():
    net = Net().to('cpu')
    fit(net, loader, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()))
main()
""",
        net("return self.fc2(x)") + """
def fit(net, loader, loss_fn, opt):
    for x, y in loader:
        opt.zero_grad()
        out = net(x)
        loss_fn(out, y).backward()
        opt.step()

def main():
    net = Net().to('cpu')
    fit(net, loader, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()))
main()
""",
    ),
    "lightning": (
        HEAD + """
import pytorch_lightning as pl
class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self(x), y)
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
""",
        HEAD + """
import pytorch_lightning as pl
class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 3))
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self(x), y)
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
""",
    ),
    "one of two outputs": (
        net("h = self.fc2(x)\n        return F.softmax(h, 1), h") + loop("p, h = model(x)\n    loss = F.cross_entropy(p, y)"),
        net("h = self.fc2(x)\n        return F.softmax(h, 1), h") + loop("p, h = model(x)\n    loss = F.cross_entropy(h, y)"),
    ),
    "a trainer class": (
        net("return self.act(self.fc2(x))") + """
class Trainer:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters())
    def run(self):
        for x, y in self.loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
Trainer(Net(), loader).run()
""",
        net("return self.fc2(x)") + """
class Trainer:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters())
    def run(self):
        for x, y in self.loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
Trainer(Net(), loader).run()
""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOFTMAX)
def test_redundant_softmax(name):
    wrong, right = SOFTMAX[name]
    assert rules(wrong) == ["redundant-softmax"]
    assert rules(right) == []


SILENT = {
    "only outside of training": net("x = self.fc2(x)\n        return x if self.training else F.softmax(x, 1)") + loop(CE),
    "in a branch": net("x = self.fc2(x)\n        if not self.training:\n            x = F.softmax(x, 1)\n        return x") + loop(CE),
    "the target": net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), F.softmax(teacher(x), 1))"),
    "attention": net("a = F.softmax(self.fc1(x), 1)\n        return self.fc2(a * x)") + loop(CE),
    "sharpened again": net("return 30 * F.softmax(self.fc2(x), 1)") + loop(CE),
    "logarithm": net("return torch.log(F.softmax(self.fc2(x), 1) + 1e-9)") + loop(CE),
    "another name of the same": net("return self.fc2(x)") + loop(
        "out = model(x)\n    loss = F.cross_entropy(out, y)\n    out = F.softmax(out, 1)"),
    "only before the loop": net("return self.fc2(x)") + """
out = F.softmax(model(x), 1)
for x, y in loader:
    loss = F.cross_entropy(out, y)
    out = model(x)
""",
    "two nets": net("return self.act(self.fc2(x))") + "other = nn.Linear(64, 10)\n"
        + loop("loss = F.cross_entropy(other(x), y)"),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_softmax_that_is_right(name):
    assert rules(SILENT[name]) == []


def test_softmax_says_the_floor_of_the_loss_and_the_diff():
    [finding] = static_check(net("return F.softmax(self.fc2(x), dim=1)") + loop(CE))
    assert finding.severity == "error"
    assert "1.461" in finding.message
    assert finding.evidence["classes"] == 10
    assert finding.diff == "- return F.softmax(self.fc2(x), dim=1)\n+ return self.fc2(x)"
    assert finding.disproof
    assert finding.reference == "bridle1990probabilistic"


PAIRS = {
    "redundant-sigmoid": [
        (net("return torch.sigmoid(self.fc2(x))") + loop(BCE), net("return self.fc2(x)") + loop(BCE)),
        (net("return self.act(self.fc2(x)).squeeze(1)", "Sigmoid()") + loop(BCE), net("return self.fc2(x).squeeze(1)") + loop(BCE)),
        (
            net("return self.fc2(x)") + loop("loss = F.binary_cross_entropy_with_logits(model(x).sigmoid()[:, 0], y)"),
            net("return self.fc2(x)") + loop("loss = F.binary_cross_entropy_with_logits(model(x)[:, 0], y)"),
        ),
    ],
    "redundant-softmax": [
        (net("return torch.sigmoid(self.fc2(x))") + loop(CE), net("return torch.tanh(self.fc2(x))") + loop(CE)),
    ],
    "missing-log-softmax": [
        (
            net("return self.fc2(x)") + loop("loss = F.nll_loss(model(x), y)"),
            net("return F.log_softmax(self.fc2(x), dim=1)") + loop("loss = F.nll_loss(model(x), y)"),
        ),
        (
            net("return self.act(self.fc2(x))") + "loss_fn = nn.NLLLoss()" + loop("loss = loss_fn(model(x), y)"),
            net("return self.act(self.fc2(x))") + "loss_fn = nn.NLLLoss()" + loop("loss = loss_fn(model(x).log(), y)"),
        ),
        (
            net("return self.fc2(x)") + loop("loss = F.nll_loss(model(x), y)"),
            net("return self.act(self.fc2(x))", "LogSoftmax(dim=-1)") + loop("loss = F.nll_loss(model(x), y)"),
        ),
        (
            net("return self.fc2(x)") + loop("loss = F.nll_loss(model(x), y)"),
            net("return helper(self.fc2(x))") + loop("loss = F.nll_loss(model(x), y)"),
        ),
        (
            net("return self.act(self.fc2(x)) + 1e-9") + loop("loss = F.nll_loss(model(x), y)"),
            net("return (self.act(self.fc2(x)) + 1e-9).log()") + loop("loss = F.nll_loss(model(x), y)"),
        ),
    ],
    "missing-output-activation": [
        (
            net("return self.fc2(x)") + loop("loss = F.binary_cross_entropy(model(x), y)"),
            net("return torch.sigmoid(self.fc2(x))") + loop("loss = F.binary_cross_entropy(model(x), y)"),
        ),
        (
            net("return self.fc2(x)") + "crit = nn.BCELoss()" + loop("loss = crit(model(x).view(-1), y)"),
            net("return self.fc2(x)") + "crit = nn.BCELoss()" + loop("loss = crit(torch.sigmoid(model(x)).view(-1), y)"),
        ),
    ],
    "wrong-softmax-dim": [
        (
            net("return F.log_softmax(self.fc2(x), dim=0)") + loop("loss = F.nll_loss(model(x), y)"),
            net("return F.log_softmax(self.fc2(x), dim=1)") + loop("loss = F.nll_loss(model(x), y)"),
        ),
        (
            net("return self.act(self.fc2(x))", "LogSoftmax(dim=0)") + loop("loss = nn.NLLLoss()(model(x), y)"),
            net("return self.act(self.fc2(x))", "LogSoftmax(1)") + loop("loss = nn.NLLLoss()(model(x), y)"),
        ),
        (
            net("return torch.softmax(self.fc2(x), 0)") + loop("loss = F.mse_loss(model(x), y)"),
            net("return torch.softmax(self.fc2(x), 0).unsqueeze(0)") + loop("loss = F.mse_loss(model(x), y)"),
        ),
    ],
    "single-logit-softmax": [
        (
            HEAD + "model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1), nn.Softmax(dim=-1))",
            HEAD + "model = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1), nn.Softmax(dim=1))",
        ),
        (
            HEAD + "model = nn.Sequential(nn.Linear(4, 1), nn.Softmax(dim=1))" + loop("loss = F.binary_cross_entropy(model(x), y)"),
            HEAD + "model = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))" + loop("loss = F.binary_cross_entropy(model(x), y)"),
        ),
        (
            HEAD + "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))" + loop(CE),
            HEAD + "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))" + loop(CE),
        ),
        (
            HEAD + "head = nn.Linear(4, 1)\np = F.softmax(head(x), dim=-1)",
            HEAD + "head = nn.Linear(4, 1)\na = F.softmax(head(x), dim=1)\npooled = (a * x).sum(1)",
        ),
    ],
    "flipped-loss-sign": [
        (net("return self.fc2(x)") + loop("loss = -F.cross_entropy(model(x), y)"), net("return self.fc2(x)") + loop(CE)),
        (
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y) * -1"),
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y) * 1"),
        ),
        (
            net("return F.log_softmax(self.fc2(x), 1)") + loop("out = model(x)\n    loss = out[range(len(y)), y].mean()"),
            net("return F.log_softmax(self.fc2(x), 1)") + loop("out = model(x)\n    loss = -out[range(len(y)), y].mean()"),
        ),
        (
            net("return F.log_softmax(self.fc2(x), 1)") + loop("loss = F.nll_loss(-model(x), y)"),
            net("return F.log_softmax(self.fc2(x), 1)") + loop("loss = F.nll_loss(model(x), y)"),
        ),
        (
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y)").replace("loss.backward()", "(-loss).backward()"),
            net("return self.fc2(x)") + loop("loss = -F.cross_entropy(model(x), y)").replace("lr=0.1", "lr=0.1, maximize=True"),
        ),
    ],
    "loss-detached": [
        (
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y).detach().requires_grad_()"),
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y)\n    shown = loss.detach()"),
        ),
        (
            net("return self.fc2(x)") + loop("out = model(x)\n    loss = torch.tensor(F.cross_entropy(out, y).item(), requires_grad=True)"),
            net("return self.fc2(x)") + loop("out = model(x)\n    loss = F.cross_entropy(out, y)\n    total = loss.item()"),
        ),
        (
            net("return self.fc2(x)") + loop("out = model(x).detach()\n    loss = F.cross_entropy(out, y)"),
            net("return self.fc2(x)") + loop("out = model(x.detach())\n    loss = F.cross_entropy(out, y)"),
        ),
        (
            net("return self.fc2(x)") + loop("out = model(x)\n    loss = F.cross_entropy(out.data, y)"),
            net("return self.fc2(x)") + loop("out = model(x)\n    loss = F.mse_loss(out.detach(), other(x))"),
        ),
        (
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y).item()"),
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x), y) + penalty.detach()"),
        ),
        (
            HEAD + """
import lightning as L
class Lit(L.LightningModule):
    def training_step(self, batch, i):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        return loss.detach()
""",
            HEAD + """
import lightning as L
class Lit(L.LightningModule):
    def training_step(self, batch, i):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("loss", loss.item())
        return loss
""",
        ),
    ],
    "label-shift": [
        (
            HEAD + "from transformers import AutoModelForCausalLM\nlm = AutoModelForCausalLM.from_pretrained('x')\n"
            "out = lm(input_ids=ids[:, :-1], labels=ids[:, 1:])",
            HEAD + "from transformers import AutoModelForCausalLM\nlm = AutoModelForCausalLM.from_pretrained('x')\n"
            "out = lm(input_ids=ids, labels=ids)",
        ),
        (
            net("return self.fc2(x)") + "mask = torch.triu(torch.ones(8, 8), 1)\n"
            + loop("logits = model(x)\n    loss = F.cross_entropy(logits.view(-1, 10), x.view(-1))"),
            net("return self.fc2(x)") + "mask = torch.triu(torch.ones(8, 8), 1)\n"
            + loop("logits = model(x)\n    loss = F.cross_entropy(logits.view(-1, 10), y.view(-1))"),
        ),
        (
            net("return self.fc2(x)") + "mask = torch.triu(torch.ones(8, 8), 1)\n"
            + loop("loss = F.cross_entropy(model(x).transpose(1, 2), x)"),
            net("return self.fc2(x)") + loop("loss = F.cross_entropy(model(x).transpose(1, 2), x)"),
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "place"), [(rule, i) for rule, pairs in PAIRS.items() for i in range(len(pairs))]
)
def test_pairs(rule, place):
    wrong, right = PAIRS[rule][place]
    assert set(rules(wrong)) == {rule}
    assert rules(right) == []


@pytest.mark.parametrize(
    "loss",
    [
        "loss = -F.cross_entropy(model(x), y)\n    extra = torch.optim.SGD(other.parameters(), lr=1)",
        "loss = -reward(model(x))",
        "loss = (log_prob * advantage).mean()",
    ],
)
def test_a_sign_that_may_be_meant(loss):
    assert "flipped-loss-sign" not in rules(net("return self.fc2(x)") + loop(loss))
