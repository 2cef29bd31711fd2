"""The healthy programs of the tuning half, each a temptation to a false alarm."""

from bank._program import Variant

HEALTHY: tuple[Variant, ...] = (
    # losses
    Variant(
        "log-softmax-and-nll",
        "digits_mlp",
        (
            (
                "        x = self.fc3(x)\n        return x",
                "        return torch.log_softmax(self.fc3(x), dim=-1)",
            ),
            ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ),
        trap="softmax next to a loss that expects it",
    ),
    Variant(
        "cross-entropy-of-log-softmax",
        "tokens_gru",
        (
            (
                "return self.fc(self.drop(pooled))",
                "return torch.log_softmax(self.fc(self.drop(pooled)), dim=1)",
            ),
        ),
        trap="log-softmax twice is the same once",
    ),
    Variant(
        "smoothed-and-weighted",
        "tokens_gru",
        (
            (
                "nn.CrossEntropyLoss()",
                "nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.2, 0.9, 1.0]), label_smoothing=0.1)",
            ),
        ),
        trap="the loss begins and ends above its usual figures",
    ),
    Variant(
        "sum-with-a-fitting-rate",
        "digits_cnn",
        (
            (
                "loss = F.cross_entropy(logits, labels)\n",
                'loss = F.cross_entropy(logits, labels, reduction="sum")\n',
            ),
            ("lr=0.05", "lr=0.001"),
            ("losses.append(loss.item())", "losses.append(loss.item() / len(labels))"),
        ),
        trap="sum reduction, learning rate chosen for it",
    ),
    Variant(
        "sigmoid-and-bce",
        "cancer_bce",
        (
            ("nn.Linear(32, 1),", "nn.Linear(32, 1),\n        nn.Sigmoid(),"),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
            ("torch.sigmoid(model(x))", "model(x)"),
        ),
        trap="sigmoid before the loss that wants it",
    ),
    Variant(
        "poisson-counts",
        "friedman_custom",
        (
            (
                "target = torch.tensor(target, dtype=torch.float32)[:, None]",
                "target = torch.tensor(target, dtype=torch.float32)[:, None]\n    torch.manual_seed(SEED + 9)\n    counts = torch.poisson((target / 4).exp())",
            ),
            ("    target = (target - mu) / sigma\n", ""),
            (
                "= target[:900], target[900:1100], target[1100:]",
                "= counts[:900], counts[900:1100], counts[1100:]",
            ),
            ('"--epochs", type=int, default=15', '"--epochs", type=int, default=35'),
            ("nn.MSELoss()", "nn.PoissonNLLLoss(log_input=True)"),
            (
                "return (1 - (model(x) - y).pow(2).mean() / y.var()).item()",
                "rate, log = model(x), lambda v: (v + 1).log()\n        return (1 - (log(rate.exp()) - log(y)).pow(2).mean() / log(y).var()).item()",
            ),
        ),
        trap="counts as targets, a log link, a negative loss",
    ),
    Variant(
        "regression-of-counts",
        "friedman_custom",
        (("    mu, sigma =", "    target = target.round()\n    mu, sigma ="),),
        trap="whole-number targets with squared error",
    ),
    Variant(
        "distillation",
        "digits_mlp",
        (
            (
                "model = Net()\ncriterion",
                "teacher = Net(hidden=128)\nteacher_optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)\nfor _ in range(150):\n    rows = torch.randint(0, len(X_train), (128,))\n    teacher_optimizer.zero_grad()\n    nn.functional.cross_entropy(teacher(X_train[rows]), y_train[rows]).backward()\n    teacher_optimizer.step()\nteacher.eval().requires_grad_(False)\n\nmodel = Net()\ncriterion",
            ),
            (
                "loss = criterion(out, yb)",
                "soft = torch.softmax(teacher(xb) / 2, dim=1)\n        loss = criterion(out / 2, soft) * 2 + criterion(out, yb)",
            ),
        ),
        trap="probabilities as targets, a frozen teacher, several losses",
    ),
    Variant(
        "scaled-logits-contrast",
        "metric_digits",
        (
            (
                "def triplet_loss(a, p, n):\n",
                "def info_nce(a, p):\n    logits = a @ p.t() / 0.2\n    return F.cross_entropy(logits, torch.arange(len(a)))\n\n\ndef triplet_loss(a, p, n):\n",
            ),
            (
                "        loss = triplet_loss(model(a), model(p), model(n))\n",
                "        loss = info_nce(model(a), model(p))\n",
            ),
        ),
        trap="a loss over the batch, N by N",
    ),
    Variant(
        "margin-and-hinge",
        "cancer_bce",
        (("loss = loss_fn(logits, t)", "loss = torch.clamp(1 - logits * (2 * t - 1), min=0).mean()"),),
        trap="a loss that is exactly zero for many rows",
    ),
    Variant(
        "loss-below-zero",
        "house_nll",
        (
            ("nn.GaussianNLLLoss()", 'nn.GaussianNLLLoss(reduction="sum")'),
            ("lr=3e-3", "lr=2e-3"),
            ("epoch_nll += loss.item() * len(rows)", "epoch_nll += loss.item()"),
            ("val_nll = nll(mean, y_val, var).item()", "val_nll = nll(mean, y_val, var).item() / n_val"),
            ("nll(mean, y_test, var).item():.3f", "nll(mean, y_test, var).item() / len(y_test):.3f"),
        ),
        trap="a sum, clipped and fed to Adam, negative at the end",
    ),
    Variant(
        "learned-temperature",
        "metric_digits",
        (
            ("model = Embedder()\n", "model = Embedder()\nlog_scale = nn.Parameter(torch.tensor(1.5))\n"),
            (
                "torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)",
                'torch.optim.Adam([{"params": model.parameters(), "weight_decay": 1e-4}, {"params": [log_scale], "lr": 1e-2}], lr=2e-3)',
            ),
            (
                "        loss = triplet_loss(model(a), model(p), model(n))\n",
                "        za, zp = model(a), model(p)\n        logits = log_scale.exp() * za @ zp.t()\n        loss = (F.cross_entropy(logits, torch.arange(64)) + F.cross_entropy(logits.t(), torch.arange(64))) / 2\n",
            ),
        ),
        trap="a trainable scalar outside the module, softmax over both axes",
    ),
    # optimizers and schedules
    Variant(
        "warm-restarts",
        "digits_cnn",
        (
            (
                "CosineAnnealingLR(optimizer, T_max=EPOCHS)",
                "CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)",
            ),
        ),
        trap="the rate falls to nothing and rises again",
    ),
    Variant(
        "linear-to-zero-per-batch",
        "tokens_gru",
        (
            (
                "lr=4e-3)\n",
                "lr=6e-3)\nscheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=320)\n",
            ),
            ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ),
        trap="a scheduler that does step each batch",
    ),
    Variant(
        "long-warm-up",
        "transformer_cls",
        (("warmup, total = 40, 320", "warmup, total = 120, 360"),),
        trap="a low rate for a third of the run",
    ),
    Variant(
        "high-but-stable", "digits_cnn", (("lr=0.05", "lr=0.4"),), trap="a high rate that batch norm bears"
    ),
    Variant(
        "heavy-momentum",
        "fraud_weights",
        (("lr=0.03, momentum=0.9", "lr=0.003, momentum=0.99"),),
        trap="momentum 0.99 with a small rate",
    ),
    Variant(
        "adam-large-eps",
        "digits_ae",
        (("lr=3e-3)", "lr=1e-2, eps=1e-3)"),),
        trap="small updates by a large eps",
    ),
    Variant(
        "plain-sgd-by-hand",
        "spiral_raw",
        (
            (
                "        opt.step()\n",
                "        with torch.no_grad():\n            for p in params:\n                p -= 0.3 * p.grad\n",
            ),
            ("opt = torch.optim.SGD(params, lr=0.15, momentum=0.9)\n", ""),
            ("        opt.zero_grad()\n", "        for p in params:\n            p.grad = None\n"),
            ("range(60)", "range(150)"),
        ),
        trap="no optimizer at all",
    ),
    Variant(
        "lbfgs",
        "diabetes_huber",
        (
            (
                "opt = torch.optim.RMSprop(net.parameters(), lr=2e-3, weight_decay=1e-3)",
                "opt = torch.optim.LBFGS(net.parameters(), lr=0.3, max_iter=4)",
            ),
            ("range(30)", "range(8)"),
            ("    nn.Dropout(0.1),\n", ""),
            ("step_size=10", "step_size=40"),
            ("shuffled.split(20)", "shuffled.split(len(shuffled))"),
            (
                "        pred = net(X[ids]).squeeze(-1)\n        loss = loss_fn(pred, t[ids])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
                "        def closure():\n            opt.zero_grad()\n            l2 = sum(p.pow(2).sum() for p in net.parameters())\n            loss = loss_fn(net(X[ids]).squeeze(-1), t[ids]) + 1e-2 * l2\n            loss.backward()\n            return loss\n\n        loss = opt.step(closure)\n",
            ),
        ),
        trap="closure, full batch, several backward passes a step",
    ),
    Variant(
        "clip-hard-with-adam",
        "sine_lstm",
        (("max_norm = 1.0", "max_norm = 0.05"),),
        trap="clipping nearly always, harmless under Adam",
    ),
    Variant(
        "exponential-average",
        "digits_mlp",
        (
            (
                "batch_size = 64\n",
                "averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.95))\nbatch_size = 64\n",
            ),
            (
                "        optimizer.step()\n",
                "        optimizer.step()\n        averaged.update_parameters(model)\n",
            ),
            (
                "    model.eval()\n    with torch.no_grad():\n        val_out = model(X_val)",
                "    averaged.eval()\n    with torch.no_grad():\n        val_out = averaged(X_val)",
            ),
            (
                "\nmodel.eval()\nwith torch.no_grad():\n    test_acc = (model(X_test)",
                "\nwith torch.no_grad():\n    test_acc = (averaged(X_test)",
            ),
        ),
        trap="a copy of the weights that no optimizer knows, evaluated in place of the model",
    ),
    Variant(
        "averaged-at-the-end",
        "digits_cnn",
        (
            (
                "    _, acc = evaluate(model, test_loader)",
                "    for _ in range(3):\n        train_one_epoch(model, train_loader, optimizer, swa_scheduler)\n        swa.update_parameters(model)\n    torch.optim.swa_utils.update_bn(train_loader, swa)\n    _, acc = evaluate(swa, test_loader)",
            ),
            (
                "    for epoch in range(EPOCHS):\n",
                "    swa = torch.optim.swa_utils.AveragedModel(model)\n    swa_scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.02)\n    for epoch in range(EPOCHS):\n",
            ),
        ),
        trap="train-mode passes without gradient, a rate that rises at the end",
    ),
    Variant(
        "four-accumulated",
        "shapes_multilabel",
        (("ACCUMULATE = 2", "ACCUMULATE = 4"), ("lr=4e-3", "lr=6e-3"), ("range(7)", "range(9)")),
        trap="four backward passes a step",
    ),
    Variant(
        "two-optimizers",
        "char_lm",
        (
            (
                "optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)",
                "embedding_ids = {id(p) for p in (*model.wte.parameters(), *model.wpe.parameters())}\noptimizer = torch.optim.AdamW([p for p in model.parameters() if id(p) not in embedding_ids], lr=3e-3, weight_decay=0.05)\nembedding_optimizer = torch.optim.Adam([p for p in model.parameters() if id(p) in embedding_ids], lr=6e-3)",
            ),
            (
                "    optimizer.zero_grad(set_to_none=True)\n",
                "    optimizer.zero_grad(set_to_none=True)\n    embedding_optimizer.zero_grad()\n",
            ),
            ("    optimizer.step()\n", "    optimizer.step()\n    embedding_optimizer.step()\n"),
        ),
        trap="each optimizer misses what the other has",
    ),
    # layers and graph
    Variant(
        "tied-weights",
        "char_lm",
        (
            (
                "self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)\n",
                "self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)\n        nn.init.normal_(self.wte.weight, std=0.2)\n        self.lm_head.weight = self.wte.weight\n",
            ),
            ("lr=3e-3", "lr=6e-3"),
            ("range(240)", "range(400)"),
        ),
        trap="one tensor in two places",
    ),
    Variant(
        "built-in-causal-attention",
        "char_lm",
        (
            (
                '        att = (q @ k.transpose(-2, -1)) / math.sqrt(C // n_head)\n        att = att.masked_fill(~self.mask[:T, :T], float("-inf"))\n        att = F.softmax(att, dim=-1)\n        y = (att @ v)',
                "        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n        y = y",
            ),
        ),
        trap="no mask to be seen",
    ),
    Variant(
        "zero-initialized-branches",
        "accelerate_digits",
        (
            (
                "        self.linear = nn.Linear(width, width)\n",
                "        self.linear = nn.Linear(width, width)\n        nn.init.zeros_(self.linear.weight)\n        nn.init.zeros_(self.linear.bias)\n",
            ),
        ),
        trap="zero weights that learn all the same",
    ),
    Variant(
        "zero-initialized-head",
        "transformer_cls",
        (
            (
                "        self.head = nn.Linear(DIM, 2)\n",
                "        self.head = nn.Linear(DIM, 2)\n        nn.init.zeros_(self.head.weight)\n",
            ),
        ),
        trap="no gradient below the head at the first step",
    ),
    Variant(
        "frozen-batch-norm",
        "digits_cnn",
        (
            (
                "def train_one_epoch(model, loader, optimizer, scheduler):\n    model.train()\n",
                "def train_one_epoch(model, loader, optimizer, scheduler, freeze_bn=False):\n    model.train()\n    if freeze_bn:\n        for m in model.modules():\n            if isinstance(m, nn.BatchNorm2d):\n                m.eval()\n",
            ),
            (
                "train_one_epoch(model, train_loader, optimizer, scheduler)\n",
                "train_one_epoch(model, train_loader, optimizer, scheduler, freeze_bn=epoch >= 4)\n",
            ),
        ),
        trap="batch norm in eval while training, on purpose",
    ),
    Variant(
        "frozen-embedding",
        "tokens_gru",
        (
            (
                "        self.gru =",
                "        nn.init.orthogonal_(self.embedding.weight)\n        self.embedding.weight.requires_grad_(False)\n        self.gru =",
            ),
        ),
        trap="a frozen random embedding that serves",
    ),
    Variant(
        "low-rank-adapters",
        "finetune_head",
        (
            (
                "class Backbone(nn.Module):",
                "class LoRALinear(nn.Module):\n    def __init__(self, base, rank=4):\n        super().__init__()\n        self.base = base\n        self.lora_a = nn.Parameter(torch.randn(rank, base.in_features) * 0.1)\n        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))\n\n    def forward(self, x):\n        return self.base(x) + x @ self.lora_a.t() @ self.lora_b.t()\n\n\nclass Backbone(nn.Module):",
            ),
            (
                "head = nn.Sequential(nn.Linear(64, 32)",
                "backbone.fc = LoRALinear(backbone.fc)\nhead = nn.Sequential(nn.Linear(64, 32)",
            ),
        ),
        trap="two linear maps in a row, one zero, most of the net frozen",
    ),
    Variant(
        "unused-auxiliary-head",
        "shapes_multilabel",
        (
            (
                "        self.head = nn.Linear(channels, 3)\n",
                "        self.head = nn.Linear(channels, 3)\n        self.pretraining_head = nn.Linear(channels, 8)  # used by another script\n",
            ),
        ),
        trap="a head without gradient",
    ),
    Variant(
        "bottleneck-linear",
        "digits_ae",
        (("nn.Linear(48, code))", "nn.Linear(48, 24), nn.Linear(24, code))"),),
        trap="two linear layers in a row, a bottleneck by design",
    ),
    Variant(
        "straight-through",
        "digits_ae",
        (
            (
                "return self.decoder(self.encoder(x))",
                "code = torch.tanh(self.encoder(x))\n        hard = torch.round(code * 7) / 7\n        return self.decoder(code + (hard - code).detach())",
            ),
        ),
        trap="rounding and a detach, with a path around them",
    ),
    Variant(
        "gradient-reversal",
        "house_nll",
        (
            (
                "class MeanVariance(nn.Module):",
                "class Reverse(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x.view_as(x)\n\n    @staticmethod\n    def backward(ctx, grad):\n        return -0.1 * grad\n\n\nclass MeanVariance(nn.Module):",
            ),
            (
                "        self.var_head = nn.Linear(width, 1)\n",
                "        self.var_head = nn.Linear(width, 1)\n        self.adversary = nn.Linear(width, 1)\n",
            ),
            (
                "loss = nll(mean, y_train[rows], var)",
                "guess = model.adversary(Reverse.apply(model.body(x_train[rows]))).squeeze(1)\n        loss = nll(mean, y_train[rows], var) + F.mse_loss(guess, x_train[rows, 1])",
            ),
        ),
        trap="a backward that is not the derivative, on purpose",
    ),
    Variant(
        "half-asleep-relu",
        "digits_mlp",
        (
            (
                "        self.dropout = nn.Dropout(drop)\n",
                "        nn.init.constant_(self.fc1.bias, -0.3)\n        self.dropout = nn.Dropout(drop)\n",
            ),
            ("hidden=96", "hidden=256"),
        ),
        trap="many zeros after ReLU, few dead units",
    ),
    Variant(
        "deep-with-norm",
        "cancer_bce",
        (
            (
                "        nn.Linear(64, 32),\n",
                "        *[m for _ in range(5) for m in (nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU())],\n        nn.Linear(64, 32),\n",
            ),
        ),
        trap="seven layers, kept alive by norms",
    ),
    Variant(
        "mc-dropout",
        "digits_mlp",
        (
            (
                "\nmodel.eval()\nwith torch.no_grad():\n    test_acc = (model(X_test)",
                "\nmodel.train()  # Monte Carlo dropout\nwith torch.no_grad():\n    test_acc = (torch.stack([model(X_test).softmax(-1) for _ in range(20)]).mean(0)",
            ),
        ),
        trap="dropout on while predicting, on purpose",
    ),
    Variant(
        "two-heads-two-losses",
        "digits_mlp",
        (
            (
                "        self.fc3 = nn.Linear(hidden, 10)\n",
                "        self.fc3 = nn.Linear(hidden, 10)\n        self.recon = nn.Linear(hidden, 64)\n",
            ),
            (
                "        x = self.fc3(x)\n        return x",
                "        self.image = self.recon(x)\n        x = self.fc3(x)\n        return x",
            ),
            (
                "loss = criterion(out, yb)",
                "loss = criterion(out, yb) + 0.5 * nn.functional.mse_loss(model.image, xb)",
            ),
        ),
        trap="two losses",
    ),
    Variant(
        "gates-of-sigmoid",
        "sine_lstm",
        (("self.lstm = nn.LSTM(", "self.lstm = nn.GRU("), ("lr=5e-3", "lr=8e-3")),
        trap="gates near their ends",
    ),
    Variant(
        "gradient-penalty",
        "gan_ring",
        (
            (
                "        d_opt.zero_grad()\n",
                "        inside = real.clone().requires_grad_()\n        slope = torch.autograd.grad(discriminator(inside).sum(), inside, create_graph=True)[0]\n        d_loss = d_loss + 0.05 * slope.pow(2).sum(1).mean()\n        d_opt.zero_grad()\n",
            ),
        ),
        trap="an input that asks for gradients, a backward through a backward",
    ),
    Variant(
        "hinge-gan",
        "gan_ring",
        (
            (
                "d_loss = bce(discriminator(real), ones) + bce(discriminator(fake), zeros)",
                "d_loss = torch.relu(1 - discriminator(real)).mean() + torch.relu(1 + discriminator(fake)).mean()",
            ),
            ("g_loss = bce(discriminator(fake), ones)", "g_loss = -discriminator(fake).mean()"),
        ),
        trap="a loss without a lower bound, of either sign",
    ),
    # data
    Variant(
        "full-batch",
        "wine_trainer",
        (("batch_size=8", "batch_size=256"), ("max_epochs=40", "max_epochs=150")),
        trap="the same batch every step, rightly",
    ),
    Variant(
        "batch-of-one",
        "cancer_bce",
        (
            ("batch_size=16, shuffle=True", "batch_size=1, shuffle=True"),
            ("lr=1e-3", "lr=2e-4"),
            ("range(12)", "range(2)"),
        ),
        trap="batches of one, with layer norm",
    ),
    Variant(
        "fixed-order",
        "tokens_gru",
        (("batch_size=32, shuffle=True, collate_fn=collate", "batch_size=32, collate_fn=collate"),),
        trap="unshuffled, of data that came shuffled",
    ),
    Variant(
        "physical-units",
        "house_nll",
        (
            ("features = (features - center) / spread\n", ""),
            (
                "        self.body = nn.Sequential(nn.Linear(5, width)",
                '        self.register_buffer("center", torch.tensor(center))\n        self.register_buffer("spread", torch.tensor(spread))\n        self.body = nn.Sequential(nn.Linear(5, width)',
            ),
            ("h = self.body(x)", "h = self.body((x - self.center) / self.spread)"),
        ),
        trap="raw inputs, scaled by the model",
    ),
    Variant(
        "norm-first",
        "wine_trainer",
        (
            (
                "        self.inp = nn.Linear(in_features, width)\n",
                "        self.norm = nn.BatchNorm1d(in_features)\n        self.inp = nn.Linear(in_features, width)\n",
            ),
            ("x = F.relu(self.inp(x))", "x = F.relu(self.inp(self.norm(x)))"),
            ("make_loader(scaler.transform(x_tr)", "make_loader(x_tr"),
            ("make_loader(scaler.transform(x_va)", "make_loader(x_va"),
            ("make_loader(scaler.transform(x_te)", "make_loader(x_te"),
            ("batch_size=8,", "batch_size=16, drop_last=shuffle,"),
            ("lr=0.05", "lr=0.02"),
        ),
        trap="raw inputs, scaled by a first batch norm",
    ),
    Variant(
        "augmented",
        "digits_cnn",
        (
            (
                "        logits = model(images)\n        loss = F.cross_entropy(logits, labels)\n",
                "        shift = torch.randint(-1, 2, (2,)).tolist()\n        images = torch.roll(images, shift, dims=(2, 3)) + 0.1 * torch.randn_like(images)\n        logits = model(images)\n        loss = F.cross_entropy(logits, labels)\n",
            ),
        ),
        trap="training data noisier than validation data",
    ),
    Variant(
        "noisy-labels",
        "digits_mlp",
        (
            (
                "y_train = torch.from_numpy(y_train).long()\n",
                "y_train = torch.from_numpy(y_train).long()\nwrong = torch.rand(len(y_train)) < 0.15\ny_train[wrong] = torch.randint(0, 10, (int(wrong.sum()),))\n",
            ),
            ("epochs = 20", "epochs = 12"),
        ),
        trap="training accuracy bounded, validation better than training",
    ),
    Variant(
        "balanced-sampler",
        "fraud_weights",
        (
            (
                "torch.randperm(len(ytr)).split(64)",
                "torch.multinomial(class_weights[ytr], len(ytr), replacement=True).split(64)",
            ),
            ("weight=class_weights)", "weight=None)"),
        ),
        trap="imbalance, handled by sampling",
    ),
    Variant(
        "stream-of-waves",
        "sine_lstm",
        (
            ("        permutation = torch.randperm(x_train.size(0))\n", ""),
            (
                "for start in range(0, x_train.size(0), 40):\n            index = permutation[start : start + 40]\n",
                "for _ in range(20):\n            x_train, y_train = make_waves(40, generator)\n",
            ),
            ("model(x_train[index])", "model(x_train)"),
            ("y_train[index])", "y_train)"),
        ),
        trap="data made as they are needed, never seen twice",
    ),
    Variant(
        "iterable-data",
        "accelerate_digits",
        (
            (
                "def dataset(x, y):",
                "class Stream(torch.utils.data.IterableDataset):\n    def __init__(self, data):\n        self.data = data\n\n    def __iter__(self):\n        for i in torch.randperm(len(self.data)).tolist():\n            yield self.data[i]\n\n    def __len__(self):\n        return len(self.data)\n\n\ndef dataset(x, y):",
            ),
            (
                "DataLoader(dataset(x_train, y_train), shuffle=True, batch_size",
                "DataLoader(Stream(dataset(x_train, y_train)), batch_size",
            ),
        ),
        trap="no sampler to look at",
    ),
    Variant(
        "mixup",
        "accelerate_digits",
        (
            (
                "            outputs = model(inputs)\n            loss = loss_fct(outputs, targets)\n",
                "            lam, other = torch.distributions.Beta(0.3, 0.3).sample(), torch.randperm(len(inputs))\n            outputs = model(lam * inputs + (1 - lam) * inputs[other])\n            loss = lam * loss_fct(outputs, targets) + (1 - lam) * loss_fct(outputs, targets[other])\n",
            ),
        ),
        trap="rows mixed on purpose, soft targets",
    ),
    # habits
    Variant(
        "best-weights-kept",
        "digits_mlp",
        (
            (
                "for epoch in range(epochs):\n",
                'best, best_state = float("inf"), None\nfor epoch in range(epochs):\n',
            ),
            (
                '    print(f"epoch {epoch + 1:2d}',
                '    if val_loss < best:\n        best, best_state = val_loss, {k: v.clone() for k, v in model.state_dict().items()}\n    print(f"epoch {epoch + 1:2d}',
            ),
            ("\nmodel.eval()\nwith", "\nmodel.load_state_dict(best_state)\nmodel.eval()\nwith"),
        ),
        trap="weights put back at the end",
    ),
    Variant(
        "stopped-early",
        "house_nll",
        (
            (
                "    scheduler.step(val_nll)\n",
                '    scheduler.step(val_nll)\n    best = min(best, val_nll)\n    if epoch > 15 and val_nll > best + 0.2:\n        print("stopped")\n        break\n',
            ),
            ("for epoch in range(25):\n", 'best = float("inf")\nfor epoch in range(25):\n'),
        ),
        trap="fewer epochs than said",
    ),
    Variant(
        "no-validation",
        "digits_ae",
        (
            ("    ae.eval()\n    with torch.no_grad():\n        val = mse(ae(val_x), val_x).item()\n", ""),
            (', "val mse", val)', ")"),
        ),
        trap="no validation pass at all",
    ),
    Variant(
        "loaded-and-tested",
        "finetune_head",
        (
            (
                "fit(model, trainable, new_train, new_val, epochs=10, lr=5e-3)\n",
                "fit(model, trainable, new_train, new_val, epochs=10, lr=5e-3)\nweights = {k: v.clone() for k, v in model.state_dict().items()}\nmodel = nn.Sequential(Backbone(), nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5)))\nmodel.load_state_dict(weights)\n",
            ),
        ),
        trap="a second model that is only evaluated",
    ),
    Variant(
        "backbone-unfrozen-later",
        "finetune_head",
        (
            (
                "epochs=10, lr=5e-3)\n",
                "epochs=6, lr=5e-3)\nbackbone.requires_grad_(True)\nfit(model, model.parameters(), new_train, new_val, epochs=4, lr=5e-4)\n",
            ),
        ),
        trap="frozen first, trained afterwards with a low rate",
    ),
    Variant(
        "kl-warm-up",
        "digits_vae",
        (
            (
                "def loss_function(recon, x, mu, logvar):",
                "def loss_function(recon, x, mu, logvar, beta=1.0):",
            ),
            ("return (bce + kld) / x.size(0)", "return (bce + beta * kld) / x.size(0)"),
            (
                "def epoch_pass(model, loader, optimizer=None):",
                "def epoch_pass(model, loader, optimizer=None, beta=1.0):",
            ),
            (
                "loss_function(recon, x, mu, logvar)\n            if",
                "loss_function(recon, x, mu, logvar, beta)\n            if",
            ),
            (
                'epoch_pass(model, loaders["train"], optimizer)',
                'epoch_pass(model, loaders["train"], optimizer, beta=min(1.0, epoch / 8))',
            ),
        ),
        trap="a loss that rises because its weight does",
    ),
    Variant(
        "free-running-mean",
        "digits_vae",
        (
            (
                "        z = self.reparameterize(mu, logvar)\n",
                "        z = self.reparameterize(mu, logvar) if self.training else mu\n",
            ),
        ),
        trap="noise in training alone, by hand",
    ),
    Variant(
        "compiled",
        "digits_mlp",
        (("model = Net()\n", 'model = torch.compile(Net(), backend="aot_eager")\n'),),
        trap="a compiled module",
    ),
    Variant(
        "plateau-that-ends",
        "transformer_cls",
        (
            ("torch.randn(1, LENGTH, DIM) * 0.1", "torch.randn(1, LENGTH, DIM) * 0.02"),
            ("lr=3e-3, betas", "lr=2.5e-3, betas"),
            ("warmup, total = 40, 320", "warmup, total = 80, 320"),
        ),
        trap="no progress for the first third",
    ),
    Variant(
        "bfloat16-lm",
        "char_lm",
        (
            (
                "    _, loss = model(xb, yb)\n",
                '    with torch.autocast("cpu", dtype=torch.bfloat16):\n        _, loss = model(xb, yb)\n',
            ),
        ),
        trap="low precision",
    ),
    Variant(
        "teacher-by-momentum",
        "metric_digits",
        (
            (
                "model = Embedder()\n",
                "model, target_net = Embedder(), Embedder()\ntarget_net.load_state_dict(model.state_dict())\ntarget_net.requires_grad_(False)\n",
            ),
            (
                "        loss = triplet_loss(model(a), model(p), model(n))\n",
                "        with torch.no_grad():\n            for slow, fast in zip(target_net.parameters(), model.parameters()):\n                slow.lerp_(fast, 0.1)\n        loss = triplet_loss(model(a), target_net(p), target_net(n))\n",
            ),
        ),
        trap="a net without gradient beside the one that learns",
    ),
    Variant(
        "window-normalized",
        "sine_lstm",
        (
            (
                "        states, _ = self.lstm(window)\n        return self.head(states[:, -1])",
                "        level, size = window.mean(1, keepdim=True), window.std(1, keepdim=True) + 1e-3\n        states, _ = self.lstm((window - level) / size)\n        return self.head(states[:, -1]) * size[:, 0] + level[:, 0]",
            ),
        ),
        trap="each window scaled by itself",
    ),
    Variant("hard-task", "friedman_custom", (("noise=0.5", "noise=0.9"),), trap="noise that bounds the fit"),
)
