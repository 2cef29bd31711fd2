"""Rules on loops, modes, layers and data: each wrong program is found, its cured twin is left in peace."""

import pytest

from vademecum.doctor.static import static_check

HEAD = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, Dataset, random_split, Subset
from sklearn.preprocessing import StandardScaler, LabelEncoder
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split, KFold

torch.manual_seed(0)
"""
MODEL = """
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
TRAIN = """
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""
CLASS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(torch.relu(self.trunk(x)))
"""


def found(program, *, notes=False):
    keep = {"error", "warning", "note"} if notes else {"error", "warning"}
    return [f.rule for f in static_check(HEAD + program) if f.severity in keep]


def epochs(*parts):
    return MODEL + "for epoch in range(9):" + "".join(parts)


VALIDATE = """
    with torch.no_grad():
        for x, y in val_loader:
            right = (model(x).argmax(1) == y).float().mean()
"""

PAIRS = {
    "missing-zero-grad": [
        (epochs(TRAIN.replace("        optimizer.zero_grad()\n", "")), epochs(TRAIN)),
        (
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "")),
            epochs(TRAIN.replace("optimizer.zero_grad()", "model.zero_grad(set_to_none=True)")),
        ),
        (
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "")).replace("range(9):", "range(9):\n    optimizer.zero_grad()"),
            epochs(TRAIN.replace("optimizer.zero_grad()", "for p in model.parameters():\n            p.grad = None")),
        ),
        (
            MODEL + """
def step(x, y):
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
for x, y in loader:
    step(x, y)
""",
            MODEL + """
def step(x, y):
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
for x, y in loader:
    optimizer.zero_grad()
    step(x, y)
""",
        ),
        (
            """
def train_one_epoch(model, optimizer, loader):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
""",
            """
from mylib import finish_step
def train_one_epoch(model, optimizer, loader):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        finish_step(optimizer)
""",
        ),
        (
            """
from accelerate import Accelerator
accelerator = Accelerator()
model = nn.Linear(4, 3)
optimizer = torch.optim.AdamW(model.parameters())
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for x, y in loader:
    loss = F.cross_entropy(model(x), y)
    accelerator.backward(loss)
    optimizer.step()
""",
            """
from accelerate import Accelerator
accelerator = Accelerator()
model = nn.Linear(4, 3)
optimizer = torch.optim.AdamW(model.parameters())
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for x, y in loader:
    loss = F.cross_entropy(model(x), y)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
""",
        ),
    ],
    "zero-grad-before-step": [
        (
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "").replace("        optimizer.step", "        optimizer.zero_grad()\n        optimizer.step")),
            epochs(TRAIN),
        ),
        (
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "").replace("        optimizer.step", "        model.zero_grad()\n        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        optimizer.step")),
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "") + "        optimizer.zero_grad()\n"),
        ),
        (
            """
scaler = torch.amp.GradScaler()
model = nn.Linear(4, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    with torch.autocast("cpu"):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    opt.zero_grad()
    scaler.step(opt)
    scaler.update()
""",
            """
scaler = torch.amp.GradScaler()
model = nn.Linear(4, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    opt.zero_grad()
    with torch.autocast("cpu"):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
""",
        ),
        (
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "").replace("        optimizer.step", "        optimizer.zero_grad()\n        optimizer.step")),
            epochs(TRAIN.replace("        optimizer.zero_grad()\n", "").replace("        optimizer.step", "        kept = [p.grad for p in model.parameters()]\n        optimizer.zero_grad()\n        put_back(model, kept)\n        optimizer.step")),
        ),
    ],
    "missing-step": [
        (epochs(TRAIN.replace("        optimizer.step()\n", "")), epochs(TRAIN)),
        (
            epochs(TRAIN.replace("optimizer.step()", "scheduler.step()")).replace("for epoch", "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)\nfor epoch"),
            epochs(TRAIN.replace("optimizer.step()", "optimizer.step()\n        scheduler.step()")).replace("for epoch", "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)\nfor epoch"),
        ),
        (
            MODEL + """
def fit(model, opt):
    for x, y in loader:
        opt.zero_grad()
        criterion(model(x), y).backward()
fit(model, optimizer)
""",
            MODEL + """
def fit(model, opt):
    for x, y in loader:
        opt.zero_grad()
        criterion(model(x), y).backward()
        opt.step()
fit(model, optimizer)
""",
        ),
        (
            epochs(TRAIN.replace("        optimizer.step()\n", "")),
            epochs(TRAIN.replace("        optimizer.step()\n", "        finish(optimizer)\n")),
        ),
    ],
    "eval-mode-in-training": [
        (epochs(TRAIN, "    model.eval()\n", VALIDATE), epochs("\n    model.train()", TRAIN, "    model.eval()\n", VALIDATE)),
        (MODEL + "model.eval()\nfor epoch in range(9):" + TRAIN, epochs(TRAIN) + "model.eval()\n"),
        (
            MODEL + """
def validate(net):
    net.eval()
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum() for x, y in val_loader)
""" + "for epoch in range(9):" + TRAIN + "    validate(model)\n",
            MODEL + """
def validate(net):
    net.eval()
    with torch.no_grad():
        total = sum((net(x).argmax(1) == y).sum() for x, y in val_loader)
    net.train()
    return total
""" + "for epoch in range(9):" + TRAIN + "    validate(model)\n",
        ),
        (
            epochs(TRAIN.replace("optimizer.step()", "optimizer.step()\n        if i % 100 == 0:\n            model.eval()\n            show(model)"), VALIDATE),
            epochs(TRAIN.replace("optimizer.step()", "optimizer.step()\n        if i % 100 == 0:\n            model.eval()\n            show(model)\n            model.train()"), VALIDATE),
        ),
        (
            MODEL + """
def fit(model, opt, loader):
    for epoch in range(3):
        for x, y in loader:
            opt.zero_grad()
            criterion(model(x), y).backward()
            opt.step()
        model.train(False)
        show(model)
fit(model, optimizer, loader)
""",
            MODEL + """
def run(model, opt, loader, training):
    model.train(training)
    for x, y in loader:
        loss = criterion(model(x), y)
        if training:
            opt.zero_grad()
            loss.backward()
            opt.step()
for epoch in range(3):
    run(model, optimizer, loader, True)
    run(model, optimizer, val_loader, False)
""",
        ),
        (
            epochs(TRAIN, "    model.eval()\n", VALIDATE),
            epochs(TRAIN, "    model.eval()\n", VALIDATE).replace("nn.Dropout(0.2)", "nn.ReLU()"),
        ),
        (
            epochs(TRAIN, "    model.eval()\n", VALIDATE),
            epochs(TRAIN, "    teacher.eval()\n").replace("criterion =", "teacher = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1))\ncriterion ="),
        ),
        (
            epochs(TRAIN, "    model.eval()\n", VALIDATE),
            MODEL + """
def run(loader, training):
    for x, y in loader:
        loss = criterion(model(x), y)
        if not training:
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
for epoch in range(3):
    model.train()
    run(train_loader, True)
    model.eval()
    run(val_loader, False)
""",
        ),
        (
            epochs("\n    model.eval()", TRAIN),
            epochs("\n    model.train()\n    if fixed_statistics:\n        model.eval()", TRAIN),
        ),
        (
            epochs(TRAIN, "    model.eval()\n", VALIDATE).replace(
                "for epoch", "if fast:\n    optimizer = torch.optim.Adam(model.parameters())\nfor epoch"
            ),
            epochs("\n    model.train()", TRAIN, "    model.eval()\n", VALIDATE).replace(
                "for epoch", "if fast:\n    optimizer = torch.optim.Adam(model.parameters())\nfor epoch"
            ),
        ),
    ],
    "train-mode-in-validation": [
        (epochs(TRAIN, VALIDATE), epochs("\n    model.train()", TRAIN, "    model.eval()\n", VALIDATE)),
        (epochs(TRAIN, VALIDATE), epochs(TRAIN, VALIDATE).replace("nn.Dropout(0.2)", "nn.Tanh()")),
        (
            epochs(TRAIN) + "with torch.inference_mode():\n    test_loss = criterion(model(x_test), y_test)\n",
            epochs(TRAIN) + "model.eval()\nwith torch.inference_mode():\n    test_loss = criterion(model(x_test), y_test)\n",
        ),
        (
            MODEL + """
@torch.no_grad()
def accuracy(net, loader):
    return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
""" + "for epoch in range(9):" + TRAIN + "    accuracy(model, val_loader)\n",
            MODEL + """
@torch.no_grad()
def accuracy(net, loader):
    net.eval()
    n = sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
    net.train()
    return n
""" + "for epoch in range(9):" + TRAIN + "    accuracy(model, val_loader)\n",
        ),
        (
            epochs(TRAIN, VALIDATE),
            epochs(TRAIN, """
    with torch.no_grad():
        draws = torch.stack([model(x_val).softmax(1) for _ in range(20)])
        sure = (draws.mean(0).argmax(1) == y_val).float().mean()
"""),
        ),
        (
            epochs(TRAIN, VALIDATE),
            epochs(
                TRAIN,
                "        with torch.no_grad():\n            seen = (model(x).argmax(1) == y).float().mean()\n",
            ),
        ),
    ],
    "dropout-active-in-eval": [
        (
            CLASS.replace("self.trunk(x))", "F.dropout(self.trunk(x), 0.5))"),
            CLASS.replace("self.trunk(x))", "F.dropout(self.trunk(x), 0.5, training=self.training))"),
        ),
        (
            CLASS.replace("self.trunk(x))", "F.dropout(self.trunk(x)))"),
            CLASS.replace("self.trunk(x))", "F.dropout(self.trunk(x), 0.5, self.training))"),
        ),
        (
            CLASS.replace("self.trunk(x))", "nn.Dropout(0.5)(self.trunk(x)))"),
            CLASS.replace("        return", "        if self.training:\n            x = F.dropout(x, 0.1)\n        return"),
        ),
        (
            CLASS.replace("self.trunk(x))", "F.dropout2d(self.trunk(x), 0.5))"),
            CLASS.replace("self.trunk(x))", "F.alpha_dropout(self.trunk(x), 0.5))"),
        ),
    ],
    "unregistered-layers": [
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.trunk = [nn.Linear(4, 8) for _ in range(3)]"),
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.trunk = nn.ModuleList([nn.Linear(4, 8) for _ in range(3)])"),
        ),
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.trunk = []\n        for i in range(3):\n            self.trunk.append(nn.Linear(4, 4))"),
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "layers = [nn.Linear(4, 4), nn.ReLU()]\n        self.trunk = nn.Sequential(*layers)"),
        ),
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.trunk = {'a': nn.Linear(4, 8), 'b': nn.Linear(4, 8)}"),
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.acts = [nn.ReLU(), nn.Tanh()]\n        self.trunk = nn.Linear(4, 8)"),
        ),
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "layers = [nn.Linear(4, 4), nn.Linear(4, 8)]\n        self.trunk = layers"),
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.a = nn.Linear(4, 4)\n        self.b = nn.Linear(4, 8)\n        self.trunk = [self.a, self.b]"),
        ),
        (
            CLASS + "class Deep(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.blocks = [Net() for _ in range(3)]\n",
            CLASS + "class Deep(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.blocks = [Net() for _ in range(3)]\n"
            "        for i, block in enumerate(self.blocks):\n            self.add_module(str(i), block)\n",
        ),
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.trunk = [nn.Linear(4, 8) for _ in range(3)]"),
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.hidden = [teacher]\n        self.trunk = nn.Linear(4, 8)"),
        ),
        (
            CLASS.replace("self.trunk = nn.Linear(4, 8)", "self.parts = [nn.Linear(4, 8), nn.Linear(8, 8)]"),
            CLASS.replace(
                "self.trunk = nn.Linear(4, 8)",
                "self.parts = [nn.Linear(4, 8), nn.Linear(8, 8)]\n        self.trunk = nn.Sequential(*self.parts)",
            ),
        ),
    ],
    "optimizer-wrong-parameters": [
        (
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.parameters())\nmodel = Net()\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.parameters())\nmodel = torch.compile(model)\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
        ),
        (
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.parameters())\nmodel = Net().to('cpu')\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.parameters())\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\nmodel = Net()\n",
        ),
        (
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.head.parameters())\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
            CLASS + "model = Net()\nmodel.trunk.requires_grad_(False)\nopt = torch.optim.Adam(model.head.parameters())\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
        ),
        (
            CLASS + "model = Net()\nopt = torch.optim.Adam(model.head.parameters())\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
            CLASS + "model = Net()\nmodel.load_state_dict(torch.load('a.pt'))\nopt = torch.optim.Adam(model.head.parameters())\nfor x, y in loader:\n"
            "    opt.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n    opt.step()\n",
        ),
    ],
    "leaky-preprocessing": [
        (
            "X = StandardScaler().fit_transform(X)\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
            "X_train, X_test, y_train, y_test = train_test_split(X, y)\nscaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)\n",
        ),
        (
            "pca = PCA(8)\nZ = pca.fit_transform(X)\nZ_train, Z_test, y_train, y_test = train_test_split(Z, y)\n",
            "y = LabelEncoder().fit_transform(y)\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
        ),
        (
            "scaler = StandardScaler()\nscaler.fit(X)\nX_train, X_test = train_test_split(X)\nX_train = scaler.transform(X_train)\n",
            "scaler = StandardScaler()\nX_train, X_test = train_test_split(X)\nscaler.fit(X_train)\nX_train = scaler.transform(X_train)\n",
        ),
        (
            "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.fit_transform(X_test)\n",
            "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)\n",
        ),
        (
            "X = SelectKBest(k=20).fit_transform(X, y)\nX = torch.tensor(X)\nn = 800\nX_train, X_val = X[:n], X[n:]\n",
            "n = 800\nX_train, X_val = X[:n], X[n:]\nselect = SelectKBest(k=20).fit(X_train, y[:n])\nX_train = select.transform(X_train)\n",
        ),
        (
            "X = SimpleImputer().fit_transform(X)\ndata = TensorDataset(torch.tensor(X), y)\ntrain, val = random_split(data, [800, 200])\n",
            "X = StandardScaler().fit_transform(X)\nloader = DataLoader(TensorDataset(torch.tensor(X), y), shuffle=True)\n",
        ),
        (
            "X = (X - X.mean(0)) / (X.std(0) + 1e-8)\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
            "X = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
        ),
        (
            "scaler = StandardScaler().fit(np.concatenate([X_train, X_test]))\n",
            "scaler = StandardScaler().fit(np.concatenate([X_train, X_more]))\n",
        ),
        (
            "X = PCA(4).fit_transform(X)\nfor tr, va in KFold(5).split(X):\n    fit(X[tr])\n",
            "for tr, va in KFold(5).split(X):\n    fit(PCA(4).fit_transform(X[tr]))\n",
        ),
        (
            "P = PCA(9)\nX_train = P.fit_transform(X_train)\nX_test = PCA(9).fit_transform(X_test)\n",
            "shown = PCA(2).fit_transform(test_embeddings)\n",
        ),
    ],
    "train-val-overlap": [
        (
            "train_loader = DataLoader(data, 32, shuffle=True)\nval_loader = DataLoader(data, 32)\n",
            "train_loader = DataLoader(train_data, 32, shuffle=True)\nval_loader = DataLoader(val_data, 32)\n",
        ),
        (
            "train_loader = DataLoader(data, 32, shuffle=True)\nval_loader = DataLoader(data, 32)\n",
            "train_loader = DataLoader(data, 32, sampler=a)\nval_loader = DataLoader(data, 32, sampler=b)\n",
        ),
        (
            "from imblearn.over_sampling import SMOTE\nX, y = SMOTE().fit_resample(X, y)\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
            "from imblearn.over_sampling import SMOTE\nX_train, X_test, y_train, y_test = train_test_split(X, y)\nX_train, y_train = SMOTE().fit_resample(X_train, y_train)\n",
        ),
        (
            "X = np.concatenate([X, X + noise])\ny = np.concatenate([y, y])\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
            "X = np.concatenate([X, Z])\nX_train, X_test, y_train, y_test = train_test_split(X, y)\n",
        ),
        (
            "X_train = X[:1200]\nX_val = X[1000:]\n",
            "X_train = X[:1200]\nX_val = X[1200:]\n",
        ),
        (
            "X_train, X_val = X[:n_train], X[:n_val]\n",
            "X_train, X_val, X_test = X[:n], X[n:m], X[m:]\n",
        ),
        (
            "X_val, y_val = X_train[:200], y_train[:200]\nloader = DataLoader(TensorDataset(X_train, y_train), 32, shuffle=True)\n",
            "X_val, y_val = X_train[:200], y_train[:200]\nX_train, y_train = X_train[200:], y_train[200:]\nloader = DataLoader(TensorDataset(X_train, y_train), 32, shuffle=True)\n",
        ),
        (
            "val_acc = evaluate(model, train_loader)\n",
            "train_acc = evaluate(model, train_loader)\nval_acc = evaluate(model, val_loader)\n",
        ),
        (
            "val_acc = evaluate(model, train_loader)\n",
            "val_score = cross_val_score(model, X_train, y_train)\nval_loss = fit(model, train_loader)\n",
        ),
        (
            "from transformers import Trainer\ntrainer = Trainer(model=model, train_dataset=data, eval_dataset=data)\n",
            "from transformers import Trainer\ntrainer = Trainer(model=model, train_dataset=data['train'], eval_dataset=data['test'])\n",
        ),
        (
            "import lightning as L\nL.Trainer().fit(lit, loader, loader)\n",
            "import lightning as L\nL.Trainer().fit(lit, loader, other)\n",
        ),
        (
            "from torchvision.datasets import MNIST\ntest_set = MNIST('d', train=True, download=True)\nloader = DataLoader(test_set)\n",
            "from torchvision.datasets import MNIST\nval_set = MNIST('d', train=True, download=True)\nval_part = Subset(val_set, idx)\n",
        ),
        (
            "train_loader = DataLoader(data, 32, shuffle=True)\nval_loader = DataLoader(data, 32, sampler=b)\n",
            "train_loader = DataLoader(data, 32, shuffle=True)\ntrain_eval_loader = DataLoader(data, 32)\n",
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "place"), [(rule, i) for rule, pairs in PAIRS.items() for i in range(len(pairs))]
)
def test_pairs(rule, place):
    wrong, right = PAIRS[rule][place]
    assert set(found(wrong)) == {rule}
    assert found(right) == []


NOTES = {
    "memory-growth": [
        (epochs(TRAIN + "        total += loss\n").replace("range(9):", "range(9):\n    total = 0.0"),
         epochs(TRAIN + "        total += loss.item()\n").replace("range(9):", "range(9):\n    total = 0.0")),
        (epochs(TRAIN + "        total = total + loss * len(x)\n").replace("range(9):", "range(9):\n    total = 0"),
         epochs(TRAIN + "        total = total + loss.detach() * len(x)\n").replace("range(9):", "range(9):\n    total = 0")),
        (epochs(TRAIN + "        total += loss\n").replace("range(9):", "range(9):\n    total = 0.0"),
         MODEL + "for epoch in range(9):\n    total = 0\n    for x, y in loader:\n        loss = criterion(model(x), y)\n        total += loss\n"
         "    optimizer.zero_grad()\n    total.backward()\n    optimizer.step()\n"),
        (
            epochs(TRAIN + "        total += loss\n").replace("range(9):", "range(9):\n    total = 0.0"),
            MODEL + "total = 0\nfor x, y in loader:\n    loss = criterion(model(x), y)\n    total += loss\n    if due(x):\n"
            "        loss = total / 4\n        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
        ),
    ],
    "bias-before-norm": [
        (HEAD + "m = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())\n",
         HEAD + "m = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())\n"),
        (CLASS.replace("self.head = nn.Linear(8, 3)", "self.head = nn.BatchNorm1d(8)").replace("torch.relu(self.trunk(x))", "self.trunk(x)"),
         CLASS.replace("self.head = nn.Linear(8, 3)", "self.head = nn.LayerNorm(8)").replace("torch.relu(self.trunk(x))", "self.trunk(x)")),
    ],
    "unshuffled-data": [
        (epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(TensorDataset(a, b), batch_size=8)\nfor epoch"),
         epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(TensorDataset(a, b), batch_size=8, shuffle=True)\nfor epoch")),
        (epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(TensorDataset(a, b), batch_size=8, shuffle=False)\nfor epoch"),
         epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(TensorDataset(a, b), batch_size=8, sampler=s)\nfor epoch")),
        (epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(TensorDataset(a, b), batch_size=8)\nfor epoch"),
         epochs(TRAIN).replace("for epoch", "train_loader = DataLoader(stream, batch_size=8)\nfor epoch")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "place"), [(rule, i) for rule, pairs in NOTES.items() for i in range(len(pairs))]
)
def test_notes(rule, place):
    wrong, right = NOTES[rule][place]
    assert found(wrong, notes=True) == [rule]
    assert found(right, notes=True) == []
    assert all(f.severity == "note" for f in static_check(HEAD + wrong))


def test_missing_seed():
    program = (HEAD + epochs(TRAIN)).replace("torch.manual_seed(0)\n", "")
    [finding] = static_check(program)
    assert (finding.rule, finding.severity) == ("missing-seed", "note")
    assert (
        static_check(
            program.replace("import numpy as np", "import numpy as np\nrng = np.random.default_rng(0)")
        )
        == []
    )
    helper = "def step(loss, opt):\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n"
    assert static_check(helper) == [], "a file of helpers runs nothing"
