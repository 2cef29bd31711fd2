"""Faults of layers, initialization, capacity and gradients."""
# ruff: noqa: E501

from bank._program import Fault

DYNAMICS: tuple[Fault, ...] = (
    Fault(
        "triplets-one-at-a-time",
        "digit_triplets",
        "batchnorm-tiny-batch",
        (("sampler.draw(48)", "sampler.draw(1)"), ("lr=1e-3", "lr=3e-3")),
    ),
    Fault("gpt-init-too-large", "count_gpt", "poor-init", (("std=0.08", "std=2.0"),)),
    Fault(
        "spirals-init-too-small",
        "spirals_custom_act",
        "poor-init",
        (
            (
                "        for layer in (self.h1, self.h2, self.h3):\n            nn.init.xavier_normal_(layer.weight, gain=5 / 3)\n",
                "        for layer in (self.inp, self.h1, self.h2, self.h3):\n            nn.init.normal_(layer.weight, std=1e-5)\n            nn.init.zeros_(layer.bias)\n",
            ),
            ("torch.optim.Adam(net.parameters(), lr=4e-3)", "torch.optim.SGD(net.parameters(), lr=0.1)"),
        ),
        accepts=("vanishing-gradient",),
    ),
    Fault(
        "wine-normal-init",
        "wine_grower",
        "poor-init",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "for p in model.parameters():\n    nn.init.normal_(p, std=5.0)\ncriterion = nn.CrossEntropyLoss()\n",
            ),
        ),
    ),
    Fault(
        "wine-negative-bias",
        "wine_grower",
        "dead-relu",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "nn.init.constant_(model[0].bias, -10.0)\ncriterion = nn.CrossEntropyLoss()\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "house-negative-bias",
        "house_prices",
        "dead-relu",
        (
            (
                "    model = build(x[:1000])\n",
                "    model = build(x[:1000])\n    for layer in (model[1], model[3]):\n        nn.init.constant_(layer.bias, -6.0)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "iris-negative-weights",
        "iris_by_hand",
        "dead-relu",
        (('"b1": torch.zeros(24)', '"b1": torch.full((24,), -12.0)'),),
        accepts=("poor-init",),
    ),
    Fault(
        "tides-negative-bias",
        "tides_forecast",
        "dead-relu",
        (
            (
                "        self.conv = nn.Conv1d(inp, out, 3, dilation=dilation)\n",
                "        self.conv = nn.Conv1d(inp, out, 3, dilation=dilation)\n        nn.init.constant_(self.conv.bias, -3.0)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "spirals-all-sigmoid",
        "spirals_custom_act",
        "vanishing-gradient",
        (
            ("x = self.gate(self.inp(x))", "x = torch.sigmoid(self.inp(x))"),
            ("x = torch.tanh(self.h1(x))", "x = torch.sigmoid(self.h1(x))"),
            ("x = torch.tanh(self.h2(x))", "x = torch.sigmoid(self.h2(x))"),
            ("x = self.gate(self.h3(x))", "x = torch.sigmoid(self.h3(x))"),
            (
                "            nn.init.xavier_normal_(layer.weight, gain=5 / 3)\n",
                "            nn.init.xavier_normal_(layer.weight)\n",
            ),
            ("Adam(net.parameters(), lr=4e-3)", "SGD(net.parameters(), lr=0.1)"),
        ),
    ),
    Fault(
        "tumor-deep-sigmoid",
        "tumor_trainer",
        "vanishing-gradient",
        (
            (
                "            nn.Linear(features, hidden),\n            nn.Tanh(),\n            nn.Linear(hidden, hidden),\n            nn.Tanh(),\n",
                "            nn.Linear(features, hidden),\n            nn.Sigmoid(),\n            *[m for _ in range(7) for m in (nn.Linear(hidden, hidden), nn.Sigmoid())],\n",
            ),
        ),
    ),
    Fault(
        "waveform-long-plain-rnn",
        "waveform_gru",
        "vanishing-gradient",
        (
            ("nn.GRU(1, hidden, batch_first=True)", "nn.RNN(1, hidden, batch_first=True)"),
            ("pooled = states[:, 8:].mean(dim=1)", "pooled = states[:, -1]"),
            (
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n",
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n        with torch.no_grad():\n            self.rnn.weight_hh_l0.mul_(0.1)\n",
            ),
            ("torch.optim.Adam(net.parameters(), lr=5e-3)", "torch.optim.SGD(net.parameters(), lr=5e-2)"),
        ),
    ),
    Fault(
        "waveform-relu-rnn",
        "waveform_gru",
        "exploding-gradient",
        (
            (
                "nn.GRU(1, hidden, batch_first=True)",
                'nn.RNN(1, hidden, batch_first=True, nonlinearity="relu")',
            ),
            (
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n",
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n        nn.init.normal_(self.rnn.weight_hh_l0, std=0.4)\n",
            ),
            ("            nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n", ""),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "diabetes-deep-no-norm",
        "diabetes_progress",
        "exploding-gradient",
        (
            (
                "        h = torch.relu(self.up(self.norm(x)))\n        return x + self.down(h)",
                "        h = torch.relu(self.up(x))\n        return x + 3 * self.down(h)",
            ),
            ("blocks=2", "blocks=16"),
        ),
    ),
    Fault(
        "sine-few-points",
        "noisy_sine_nll",
        "overfitting",
        (
            ("x_train, y_train = sample(800)", "x_train, y_train = sample(40)"),
            ("range(36)", "range(500)"),
            ("if epoch % 4 == 3", "if epoch % 20 == 19"),
            ("hidden=48", "hidden=128"),
        ),
    ),
    Fault(
        "diabetes-large-and-long",
        "diabetes_progress",
        "overfitting",
        (
            ("dim=24, blocks=2", "dim=128, blocks=3"),
            ("nn.Dropout(0.2)", "nn.Dropout(0.0)"),
            (
                "torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9, weight_decay=1e-2)",
                "torch.optim.Adam(model.parameters(), lr=1e-3)",
            ),
            ("range(20)", "range(50)"),
        ),
    ),
    Fault(
        "tags-few-documents",
        "topic_tags",
        "overfitting",
        (
            ("for n in (1000, 250, 400)", "for n in (60, 250, 400)"),
            ("range(8)", "range(100)"),
            ("dim=32", "dim=128"),
            ("nn.Dropout(0.2)", "nn.Dropout(0.0)"),
        ),
    ),
    Fault(
        "convnet-one-channel",
        "digits_convnet",
        "capacity-too-small",
        (
            ("width=12", "width=1"),
            ("dropout=0.25", "dropout=0.0"),
            ("nn.Linear(2 * width * 4, 48)", "nn.Linear(2 * width * 4, 2)"),
            ("nn.Linear(48, 10)", "nn.Linear(2, 10)"),
        ),
    ),
    Fault(
        "gpt-two-dimensions",
        "count_gpt",
        "capacity-too-small",
        (("dim=32, heads=2, layers=2", "dim=4, heads=2, layers=1"),),
    ),
    Fault("spirals-two-units", "spirals_custom_act", "capacity-too-small", (("width=40", "width=2"),)),
    Fault("autoencoder-code-of-one", "digits_autoencoder", "capacity-too-small", (("code=8", "code=1"),)),
    Fault(
        "spirals-gradient-of-wrong-sign",
        "spirals_custom_act",
        "wrong-custom-gradient",
        (("return grad_output * (s + x * s * (1 - s))", "return -grad_output * (s + x * s * (1 - s))"),),
    ),
    Fault(
        "tides-custom-relu",
        "tides_forecast",
        "wrong-custom-gradient",
        (
            (
                "class CausalConv(nn.Module):\n",
                "class Rectify(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        y = x.clamp(min=0)\n        ctx.save_for_backward(y)\n        return y\n\n"
                "    @staticmethod\n    def backward(ctx, grad_output):\n        (y,) = ctx.saved_tensors\n        return torch.where(y > 0, torch.zeros_like(grad_output), grad_output)\n\n\nclass CausalConv(nn.Module):\n",
            ),
            (
                "return F.relu(self.conv(F.pad(x, (self.pad, 0))))",
                "return Rectify.apply(self.conv(F.pad(x, (self.pad, 0))))",
            ),
        ),
    ),
    Fault(
        "bikes-custom-exp-loss",
        "bike_counts",
        "wrong-custom-gradient",
        (
            (
                "class CountNet(nn.Module):\n",
                "class PoissonLoss(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, log_rate, y):\n        ctx.save_for_backward(log_rate, y)\n        return (log_rate.exp() - y * log_rate).mean()\n\n"
                "    @staticmethod\n    def backward(ctx, grad_output):\n        log_rate, y = ctx.saved_tensors\n        return grad_output * (log_rate - y) / len(y), None\n\n\nclass CountNet(nn.Module):\n",
            ),
            ("loss_fn = nn.PoissonNLLLoss(log_input=True)", "loss_fn = PoissonLoss.apply"),
        ),
    ),
    Fault(
        "bikes-decay-on-all",
        "bike_counts",
        "decay-on-norm",
        (
            (
                "torch.optim.AdamW(param_groups(net, 0.01), lr=5e-3)",
                "torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.1)",
            ),
        ),
        silent=True,
    ),
    Fault(
        "house-raw-and-hot",
        "house_prices",
        "unscaled-input",
        (
            ("        Normalizer(sample),\n", ""),
            ("nn.Linear(5, 40)", "nn.Linear(sample.shape[1], 40)"),
            ("lr=2e-3", "lr=0.5"),
        ),
        also="lr-too-high",
    ),
    Fault(
        "gpt-list-and-rate",
        "count_gpt",
        "unregistered-layers",
        (
            (
                "self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(layers)])",
                "self.blocks = [Block(dim, heads) for _ in range(layers)]",
            ),
            ("lr = 5e-3 * min(", "lr = 5e-5 * min("),
        ),
        also="lr-too-low",
    ),
    Fault(
        "house-norm-momentum",
        "house_prices",
        "batchnorm-stale-statistics",
        (("        Normalizer(sample),\n", "        nn.BatchNorm1d(sample.shape[1], momentum=0.001),\n"),),
    ),
    Fault(
        "waveform-large-recurrence",
        "waveform_gru",
        "saturated-activation",
        (
            ("nn.GRU(1, hidden, batch_first=True)", "nn.RNN(1, hidden, batch_first=True)"),
            (
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n",
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n        for weight in (self.rnn.weight_ih_l0, self.rnn.weight_hh_l0):\n            nn.init.normal_(weight, std=4.0)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "autoencoder-steep-code",
        "digits_autoencoder",
        "saturated-activation",
        (
            (
                "        return self.decoder(self.encoder(x))",
                "        return self.decoder(torch.tanh(50 * self.encoder(x)))",
            ),
        ),
    ),
    Fault(
        "tags-norm-after-bias",
        "topic_tags",
        "bias-before-norm",
        (
            (
                "self.hidden = nn.Linear(dim, 48)",
                "self.hidden = nn.Sequential(nn.Linear(dim, 48), nn.BatchNorm1d(48))",
            ),
        ),
        silent=True,
    ),
    Fault(
        "tumor-norm-momentum",
        "tumor_trainer",
        "batchnorm-stale-statistics",
        (
            (
                "            nn.Linear(features, hidden),\n            nn.Tanh(),\n",
                "            nn.BatchNorm1d(features, momentum=0.001),\n            nn.Linear(features, hidden),\n            nn.Tanh(),\n",
            ),
            ("    tumors.standardize(train_set.indices)\n", ""),
        ),
    ),
)
