"""Faults of layers, of their beginnings and their sizes; notes; and programs with two faults."""

from bank._program import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        "two-a-batch",
        "accelerate_digits",
        "batchnorm-tiny-batch",
        (('"epochs": 12, "batch_size": 48', '"epochs": 3, "batch_size": 2'),),
        accepts=("lr-too-high",),
    ),
    Fault(
        "momentum-of-keras-segment",
        "segment_bf16",
        "batchnorm-stale-statistics",
        (("nn.BatchNorm2d(cout)", "nn.BatchNorm2d(cout, momentum=0.001)"),),
    ),
    Fault(
        "momentum-of-keras-cnn",
        "digits_cnn",
        "batchnorm-stale-statistics",
        (
            ("nn.BatchNorm2d(16)", "nn.BatchNorm2d(16, momentum=1e-3)"),
            ("nn.BatchNorm2d(32)", "nn.BatchNorm2d(32, momentum=1e-3)"),
        ),
    ),
    Fault(
        "momentum-residual",
        "accelerate_digits",
        "batchnorm-stale-statistics",
        (
            ("self.norm = nn.BatchNorm1d(width)", "self.norm = nn.BatchNorm1d(width, momentum=1e-4)"),
            ("self.final = nn.BatchNorm1d(width)", "self.final = nn.BatchNorm1d(width, momentum=1e-4)"),
        ),
    ),
    Fault(
        "spiral-huge-init",
        "spiral_raw",
        "poor-init",
        (("torch.randn(fan_in, fan_out) * (2.0 / fan_in) ** 0.5", "torch.randn(fan_in, fan_out) * 2"),),
    ),
    Fault(
        "spiral-tiny-init",
        "spiral_raw",
        "poor-init",
        (("torch.randn(fan_in, fan_out) * (2.0 / fan_in) ** 0.5", "torch.randn(fan_in, fan_out) * 1e-4"),),
    ),
    Fault(
        "normal-init-wine",
        "wine_trainer",
        "poor-init",
        (
            (
                "    net = WineClassifier(x.shape[1], 3)\n",
                "    net = WineClassifier(x.shape[1], 3)\n    for p in net.parameters():\n        nn.init.normal_(p, std=4.0)\n",
            ),
        ),
    ),
    Fault(
        "normal-init-melody",
        "melody_rnn",
        "poor-init",
        (
            (
                "    model = MelodyModel(cfg)\n",
                "    model = MelodyModel(cfg)\n    for p in model.parameters():\n        torch.nn.init.normal_(p, std=3.0)\n",
            ),
        ),
        accepts=("saturated-activation",),
    ),
    Fault(
        "bias-minus-eight",
        "digits_mlp",
        "dead-relu",
        (
            (
                "        self.dropout = nn.Dropout(drop)\n",
                "        nn.init.constant_(self.fc1.bias, -8.0)\n        self.dropout = nn.Dropout(drop)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "bias-minus-five-wine",
        "wine_trainer",
        "dead-relu",
        (
            (
                "        self.out = nn.Linear(width, n_classes)\n",
                "        self.out = nn.Linear(width, n_classes)\n        self.mid.bias.data.fill_(-5.0)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "dead-embedder",
        "metric_digits",
        "dead-relu",
        (
            (
                "\n    def forward(self, x):\n        return F.normalize(",
                "\n        with torch.no_grad():\n            self.net[0].bias.sub_(10)\n\n    def forward(self, x):\n        return F.normalize(",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "tanh-saturated-diabetes",
        "diabetes_huber",
        "saturated-activation",
        (
            (
                "loss_fn = nn.HuberLoss(delta=1.0)\n",
                "for m in net:\n    if isinstance(m, nn.Linear):\n        nn.init.normal_(m.weight, std=10.0)\nloss_fn = nn.HuberLoss(delta=1.0)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "steep-sigmoid-spiral",
        "spiral_raw",
        "saturated-activation",
        (
            ("h1 = torch.relu(x @ W1 + b1)", "h1 = torch.sigmoid(100 * (x @ W1 + b1))"),
            ("h2 = torch.relu(h1 @ W2 + b2)", "h2 = torch.sigmoid(100 * (h1 @ W2 + b2))"),
        ),
    ),
    Fault(
        "eight-sigmoids-wine",
        "wine_trainer",
        "vanishing-gradient",
        (
            (
                "self.mid = nn.Linear(width, width)",
                "self.mid = nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(width, width), nn.Sigmoid())])",
            ),
            ("x = F.relu(self.mid(x))", "x = self.mid(x)"),
        ),
    ),
    Fault(
        "ten-sigmoids-friedman",
        "friedman_custom",
        "vanishing-gradient",
        (
            ("x = SmoothRamp.apply(layer(x))", "x = torch.sigmoid(layer(x))"),
            ('"--depth", type=int, default=3', '"--depth", type=int, default=10'),
        ),
    ),
    Fault(
        "twenty-residuals-no-norm",
        "accelerate_digits",
        "exploding-gradient",
        (
            ("x + self.linear(torch.relu(self.norm(x)))", "x + self.linear(torch.relu(x)) * 2"),
            ("depth=3", "depth=16"),
            ("self.head(torch.relu(self.final(x)))", "self.head(torch.relu(x))"),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "relu-recurrence",
        "sine_lstm",
        "exploding-gradient",
        (
            (
                "self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, batch_first=True)",
                'self.lstm = nn.RNN(input_size=1, hidden_size=hidden_size, nonlinearity="relu", batch_first=True)\n        nn.init.normal_(self.lstm.weight_hh_l0, std=0.6)',
            ),
            ("            nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n", ""),
            ("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.SGD(model.parameters(), lr=5e-3)"),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "thirty-digits",
        "digits_mlp",
        "overfitting",
        (
            ("hidden=96, drop=0.2", "hidden=1024, drop=0.0"),
            (
                "X_train = torch.from_numpy(X_train)\ny_train = torch.from_numpy(y_train).long()",
                "X_train = torch.from_numpy(X_train[:30])\ny_train = torch.from_numpy(y_train[:30]).long()",
            ),
            ("epochs = 20", "epochs = 100"),
        ),
    ),
    Fault(
        "diabetes-by-heart",
        "diabetes_huber",
        "overfitting",
        (
            ("nn.Linear(10, 24)", "nn.Linear(10, 256)"),
            ("nn.Linear(24, 12)", "nn.Linear(256, 256)"),
            ("nn.Linear(12, 1)", "nn.Linear(256, 1)"),
            ("    nn.Dropout(0.1),\n", ""),
            (", weight_decay=1e-3", ""),
            ("step_size=10, gamma=0.5", "step_size=300, gamma=0.5"),
            ("range(30)", "range(300)"),
            ("order[:280], order", "order[:50], order"),
        ),
    ),
    Fault(
        "friedman-by-heart",
        "friedman_custom",
        "overfitting",
        (
            ("noise=0.5", "noise=5.0"),
            ('"--width", type=int, default=40', '"--width", type=int, default=256'),
            ('"--epochs", type=int, default=15', '"--epochs", type=int, default=60'),
            ("TensorDataset(x_train, y_train)", "TensorDataset(x_train[:200], y_train[:200])"),
        ),
    ),
    Fault("two-units", "digits_mlp", "capacity-too-small", (("hidden=96", "hidden=2"),)),
    Fault(
        "spiral-two-units",
        "spiral_raw",
        "capacity-too-small",
        (("init(2, 64)", "init(2, 2)"), ("init(64, 64)", "init(2, 2)"), ("init(64, 1)", "init(2, 1)")),
    ),
    Fault("one-number-code", "digits_ae", "capacity-too-small", (("code=12", "code=1"),)),
    Fault(
        "backward-sign",
        "friedman_custom",
        "wrong-custom-gradient",
        (
            (
                "return grad_output * (s + x * s * (1 - s))",
                "return grad_output * (s - x * s * (1 - s)) * (1 - 2 * s)",
            ),
        ),
    ),
    Fault(
        "backward-forgets-chain",
        "friedman_custom",
        "wrong-custom-gradient",
        (("return grad_output * (s + x * s * (1 - s))", "return s + x * s * (1 - s)"),),
    ),
    Fault(
        "relu-by-hand",
        "spiral_raw",
        "wrong-custom-gradient",
        (
            (
                "def forward(x):\n",
                "class MyReLU(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, inp):\n        ctx.save_for_backward(inp)\n        return inp.clamp(min=0)\n\n    @staticmethod\n    def backward(ctx, grad):\n        (inp,) = ctx.saved_tensors\n        grad = grad.clone()\n        grad[inp > 0] = 0\n        return grad\n\n\ndef forward(x):\n",
            ),
            ("h1 = torch.relu(x @ W1 + b1)", "h1 = MyReLU.apply(x @ W1 + b1)"),
            ("h2 = torch.relu(h1 @ W2 + b2)", "h2 = MyReLU.apply(h1 @ W2 + b2)"),
        ),
    ),
    Fault(
        "bias-under-norm",
        "digits_cnn",
        "bias-before-norm",
        (
            ("nn.Conv2d(1, 16, 3, padding=1, bias=False)", "nn.Conv2d(1, 16, 3, padding=1)"),
            ("nn.Conv2d(16, 32, 3, padding=1, bias=False)", "nn.Conv2d(16, 32, 3, padding=1)"),
        ),
        silent=True,
    ),
    Fault(
        "decay-on-gains",
        "digits_cnn",
        "decay-on-norm",
        (
            (
                "torch.optim.SGD(param_groups(model, 5e-4), lr",
                "torch.optim.SGD(model.parameters(), weight_decay=5e-4, lr",
            ),
        ),
        silent=True,
    ),
    Fault(
        "unscaled-and-hot",
        "diabetes_huber",
        "unscaled-input",
        (("X = (X - x_mean) / x_std\n", ""), ("lr=2e-3", "lr=1.0")),
        also="lr-too-high",
    ),
    Fault(
        "no-clearing-and-double-softmax",
        "fraud_weights",
        "missing-zero-grad",
        (("        opt.zero_grad()\n", ""), ("return self.c(x)", "return F.softmax(self.c(x), dim=-1)")),
        also="redundant-softmax",
    ),
    Fault(
        "swapped-labels-and-no-eval",
        "digits_mlp",
        "labels-mismatched",
        (
            (
                "X_train = torch.from_numpy(X_train)\n",
                "np.random.shuffle(X_train)\nX_train = torch.from_numpy(X_train)\n",
            ),
            (
                "        running += loss.item() * len(idx)\n    model.eval()\n",
                "        running += loss.item() * len(idx)\n",
            ),
        ),
        also="train-mode-in-validation",
    ),
    Fault(
        "leaky-and-flat",
        "cancer_bce",
        "lr-too-low",
        (("lr=1e-3", "lr=1e-6"), ("scaler.fit_transform(x_train)", "scaler.fit(data).transform(x_train)")),
        also="leaky-preprocessing",
    ),
    Fault(
        "no-zero-grad-gan",
        "gan_ring",
        "missing-zero-grad",
        (("        g_opt.zero_grad()\n", ""), ("        d_opt.zero_grad()\n", "")),
    ),
)
