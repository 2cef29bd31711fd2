"""The healthy programs of the held-out half beyond its bases: each tempts a false alarm."""
# ruff: noqa: E501

from bank._program import Variant

HEALTHY: tuple[Variant, ...] = (
    Variant(
        "wine-log-softmax-nll",
        "wine_grower",
        (
            ("    nn.Linear(16, 3),\n", "    nn.Linear(16, 3),\n    nn.LogSoftmax(dim=1),\n"),
            ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ),
        "log-softmax before NLL",
    ),
    Variant(
        "wine-label-smoothing",
        "wine_grower",
        (("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.1)"),),
        "label smoothing raises the loss",
    ),
    Variant(
        "convnet-probabilities-log",
        "digits_convnet",
        (
            (
                "loss = F.cross_entropy(scores, labels)",
                "loss = F.nll_loss(F.softmax(scores, dim=1).clamp(min=1e-7).log(), labels)",
            ),
        ),
        "softmax, then log, then NLL: right, if clumsy",
    ),
    Variant(
        "fraud-class-weights",
        "fraud_sampler",
        (
            ("batch_size=64, sampler=sampler)", "batch_size=64, shuffle=True)"),
            (
                "    loss_fn = nn.CrossEntropyLoss()\n",
                "    loss_fn = nn.CrossEntropyLoss(weight=frequency.sum() / (2 * frequency))\n",
            ),
            ("lr=2e-3", "lr=3e-3"),
        ),
        "imbalance handled by weights",
    ),
    Variant(
        "fraud-focal",
        "fraud_sampler",
        (
            (
                "            loss = loss_fn(output, targets)\n",
                '            ce = nn.functional.cross_entropy(output, targets, reduction="none")\n            loss = ((1 - torch.exp(-ce)) ** 2 * ce).mean()\n',
            ),
            ("    loss_fn = nn.CrossEntropyLoss()\n", ""),
        ),
        "focal loss",
    ),
    Variant(
        "tumor-positive-weight",
        "tumor_trainer",
        (("nn.BCEWithLogitsLoss()", "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(0.6))"),),
        "pos_weight",
    ),
    Variant(
        "convnet-summed-with-small-rate",
        "digits_convnet",
        (
            ("F.cross_entropy(scores, labels)", 'F.cross_entropy(scores, labels, reduction="sum")'),
            ("lr=0.03", "lr=0.001"),
        ),
        "sum reduction with a fitting rate",
    ),
    Variant(
        "autoencoder-warm-restarts",
        "digits_autoencoder",
        (("CosineAnnealingLR(optimizer, T_max=epochs)", "CosineAnnealingWarmRestarts(optimizer, T_0=5)"),),
        "warm restarts",
    ),
    Variant(
        "convnet-one-cycle",
        "digits_convnet",
        (
            (
                "torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)",
                "torch.optim.lr_scheduler.OneCycleLR(\n        optimizer, max_lr=0.1, epochs=EPOCHS, steps_per_epoch=len(train_loader)\n    )",
            ),
            (
                "            running += loss.item()\n        scheduler.step()\n",
                "            running += loss.item()\n            scheduler.step()\n",
            ),
        ),
        "scheduler per batch, rate near zero at the end",
    ),
    Variant(
        "lm-cosine-to-zero",
        "grammar_lm",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "criterion = nn.CrossEntropyLoss()\nscheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)\n",
            ),
            ("    optimizer.step()\n", "    optimizer.step()\n    scheduler.step()\n"),
            ("lr=4e-3", "lr=7e-3"),
        ),
        "cosine to zero",
    ),
    Variant(
        "lm-tied-weights",
        "grammar_lm",
        (
            (
                "        self.lm_head = nn.Linear(n_embd, vocab)\n",
                "        self.lm_head = nn.Linear(n_embd, vocab, bias=False)\n        nn.init.normal_(self.tok.weight, std=0.1)\n        self.lm_head.weight = self.tok.weight\n",
            ),
            ("steps = 220", "steps = 340"),
        ),
        "tied weights",
    ),
    Variant(
        "lm-dropout-and-manual-train",
        "grammar_lm",
        (("dropout=0.0", "dropout=0.05"), ("steps = 220", "steps = 300")),
        "mode set back after each estimate",
    ),
    Variant(
        "transfer-frozen-batch-norm",
        "digits_transfer",
        (
            (
                "for parameter in backbone.parameters():\n    parameter.requires_grad = False\n",
                "for module in backbone.modules():\n    if isinstance(module, nn.BatchNorm1d):\n        module.requires_grad_(False)\n",
            ),
            (
                "torch.optim.SGD(student.classifier.parameters(), lr=0.05, momentum=0.9)",
                "torch.optim.Adam((p for p in student.parameters() if p.requires_grad), lr=1e-3)",
            ),
        ),
        "batch norm in eval mode and frozen, on purpose",
    ),
    Variant(
        "transfer-low-rank",
        "digits_transfer",
        (
            (
                "        self.classifier = nn.Linear(64, classes)\n\n    def forward(self, x):\n        return self.classifier(self.backbone(x))\n",
                "        self.classifier = nn.Linear(64, classes)\n        self.lora_down = nn.Linear(64, 4, bias=False)\n        self.lora_up = nn.Linear(4, 64, bias=False)\n        nn.init.zeros_(self.lora_up.weight)\n\n"
                "    def forward(self, x):\n        h = self.backbone(x)\n        return self.classifier(h + self.lora_up(self.lora_down(h)))\n",
            ),
            (
                "torch.optim.SGD(student.classifier.parameters(), lr=0.05, momentum=0.9)",
                "torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=0.05, momentum=0.9)",
            ),
        ),
        "low-rank branch that starts at zero; two linear layers in a row",
    ),
    Variant(
        "transfer-teacher-distills",
        "digits_transfer",
        (
            (
                "student = Net(backbone, 4)\n",
                "student = Net(backbone, 4)\nsmall = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))\nsmall_optimizer = torch.optim.Adam(small.parameters(), lr=4e-3)\n",
            ),
            (
                'print("score", accuracy(student, x_test, y_test))',
                "student.eval()\nfor _ in range(30):\n    small.train()\n    for rows in torch.randperm(len(x_few)).split(16):\n        with torch.no_grad():\n            soft = (student(x_few[rows]) / 2).softmax(dim=1)\n"
                '        distance = nn.functional.kl_div((small(x_few[rows]) / 2).log_softmax(dim=1), soft, reduction="batchmean")\n        small_optimizer.zero_grad()\n        distance.backward()\n        small_optimizer.step()\n'
                'print("score", accuracy(small, x_test, y_test))',
            ),
        ),
        "soft targets from a teacher without gradient",
    ),
    Variant(
        "tags-frozen-embedding",
        "topic_tags",
        (
            (
                "    model = Tagger()\n",
                "    model = Tagger()\n    vectors = torch.zeros(VOCAB, 32)\n    for tag in range(TAGS):\n        vectors[150 + 25 * tag : 175 + 25 * tag] = torch.randn(32)\n    model.embedding = nn.Embedding.from_pretrained(vectors + 0.1 * torch.randn(VOCAB, 32), freeze=True, padding_idx=PAD)\n",
            ),
        ),
        "embeddings frozen on purpose",
    ),
    Variant(
        "diabetes-zero-branches",
        "diabetes_progress",
        (
            (
                "        self.down = nn.Linear(2 * dim, dim)\n",
                "        self.down = nn.Linear(2 * dim, dim)\n        nn.init.zeros_(self.down.weight)\n        nn.init.zeros_(self.down.bias)\n",
            ),
        ),
        "residual branches that start at zero",
    ),
    Variant(
        "gpt-rezero",
        "count_gpt",
        (
            (
                "        self.ln_2 = nn.LayerNorm(dim)\n",
                "        self.ln_2 = nn.LayerNorm(dim)\n        self.gain = nn.Parameter(torch.zeros(2))\n",
            ),
            ("x = x + self.attn(self.ln_1(x))", "x = x + 10 * self.gain[0] * self.attn(self.ln_1(x))"),
            ("return x + self.mlp(self.ln_2(x))", "return x + 10 * self.gain[1] * self.mlp(self.ln_2(x))"),
        ),
        "gains that start at zero",
    ),
    Variant(
        "house-wide-sparse-relu",
        "house_prices",
        (
            (
                "        nn.Linear(5, 40),\n        nn.ReLU(),\n        nn.Linear(40, 40),\n",
                "        nn.Linear(5, 200),\n        nn.ReLU(),\n        nn.Linear(200, 40),\n",
            ),
            (
                "    criterion = nn.HuberLoss(delta=1.0)\n",
                "    nn.init.constant_(model[1].bias, -0.5)\n    criterion = nn.HuberLoss(delta=1.0)\n",
            ),
        ),
        "half of the units off at any time",
    ),
    Variant(
        "wine-small-batch",
        "wine_grower",
        (("batch_size = 16", "batch_size = 4"), ("lr=0.05", "lr=0.01")),
        "batches of four, noisy",
    ),
    Variant(
        "wine-full-batch",
        "wine_grower",
        (("batch_size = 16", "batch_size = len(X_train)"), ("range(40)", "range(150)")),
        "the same batch each step, since it is all of the data",
    ),
    Variant(
        "diabetes-batch-of-one",
        "diabetes_progress",
        (
            (
                "np.array_split(rng.permutation(train_rows), 10)",
                "np.array_split(rng.permutation(train_rows)[:60], 60)",
            ),
            ("lr=0.003", "lr=0.001"),
        ),
        "batches of one, with layer norm",
    ),
    Variant(
        "vae-mean-per-sample",
        "digits_vae",
        (
            ("    return bce + kld\n", "    return (bce + kld) / len(x)\n"),
            (
                "test_loss += elbo_loss(recon, data, mu, logvar).item()",
                "test_loss += elbo_loss(recon, data, mu, logvar).item() * len(data)",
            ),
            ("train_loss += loss.item()", "train_loss += loss.item() * len(data)"),
        ),
        "a loss of several nats per sample",
    ),
    Variant(
        "vae-annealed",
        "digits_vae",
        (
            ("    return bce + kld\n", "    return bce + beta * kld\n"),
            ("def elbo_loss(recon, x, mu, logvar):", "def elbo_loss(recon, x, mu, logvar, beta=1.0):"),
            (
                "        loss = elbo_loss(recon, data, mu, logvar)\n",
                "        loss = elbo_loss(recon, data, mu, logvar, min(1.0, epoch / 6))\n",
            ),
        ),
        "the weight of the divergence grows; samples in evaluation too",
    ),
    Variant(
        "fraud-monte-carlo-dropout",
        "fraud_sampler",
        (
            (
                "    with torch.no_grad():\n        predicted = model(x).argmax(dim=1)\n",
                "    model.dropout.train()  # Monte Carlo dropout: the mean of twenty passes\n    with torch.no_grad():\n        predicted = torch.stack([model(x).softmax(dim=1) for _ in range(20)]).mean(0).argmax(dim=1)\n",
            ),
        ),
        "dropout in evaluation on purpose",
    ),
    Variant(
        "gan-two-critic-steps",
        "ring_gan",
        (
            (
                "for i in range(500):\n",
                "for i in range(500):\n    critic.zero_grad()\n    with torch.no_grad():\n        early = generator(torch.randn(batch, LATENT))\n    (criterion(critic(ring(batch)), real_label) + criterion(critic(early), fake_label)).backward()\n    d_opt.step()\n",
            ),
        ),
        "more steps for one of two optimizers",
    ),
    Variant(
        "tides-accumulation",
        "tides_forecast",
        (
            (
                "        for past, future in train_loader:\n            optimizer.zero_grad()\n",
                "        optimizer.zero_grad()\n        for k, (past, future) in enumerate(train_loader):\n",
            ),
            (
                "            loss = criterion(forecast, future)\n            loss.backward()\n            optimizer.step()\n",
                "            loss = criterion(forecast, future)\n            (loss / 2).backward()\n            if k % 2 == 1:\n                optimizer.step()\n                optimizer.zero_grad()\n",
            ),
            ("range(6)", "range(9)"),
        ),
        "gradient accumulation",
    ),
    Variant(
        "waveform-tight-clipping",
        "waveform_gru",
        (("clip_grad_norm_(net.parameters(), 1.0)", "clip_grad_norm_(net.parameters(), 0.05)"),),
        "clipping on nearly every step, harmless under Adam",
    ),
    Variant(
        "mixer-average-of-weights",
        "digits_mixer_bf16",
        (
            (
                "net = Mixer()\n",
                "net = Mixer()\nema = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))\n",
            ),
            ("        sched.step()\n", "        sched.step()\n        ema.update_parameters(net)\n"),
            ("    net.eval()\n", "    ema.eval()\n"),
            ("return (net(images[rows]).argmax(-1)", "return (ema(images[rows]).argmax(-1)"),
        ),
        "a moving average of the weights, never optimized",
    ),
    Variant(
        "convnet-swa",
        "digits_convnet",
        (
            (
                "    for epoch in range(EPOCHS):\n",
                "    averaged = torch.optim.swa_utils.AveragedModel(model)\n    for epoch in range(EPOCHS):\n",
            ),
            (
                "        scheduler.step()\n",
                "        scheduler.step()\n        if epoch >= 4:\n            averaged.update_parameters(model)\n",
            ),
            (
                '    print("score", accuracy(model, test_loader))',
                '    torch.optim.swa_utils.update_bn(train_loader, averaged)\n    print("score", accuracy(averaged, test_loader))',
            ),
        ),
        "update_bn runs the model in training mode without gradient",
    ),
    Variant(
        "shapes-unused-head",
        "shapes_accelerate",
        (
            (
                "        self.head = nn.Linear(96, 4)\n",
                "        self.head = nn.Linear(96, 4)\n        self.unused_pretraining_head = nn.Linear(96, 8)\n",
            ),
        ),
        "a head left unused on purpose",
    ),
    Variant(
        "house-batch-norm-input",
        "house_prices",
        (("        Normalizer(sample),\n", "        nn.BatchNorm1d(sample.shape[1]),\n"),),
        "physical inputs, batch norm first",
    ),
    Variant(
        "house-log-inputs",
        "house_prices",
        (
            (
                "        return (x - self.shift) / self.scale",
                "        return (torch.log1p(x) - self.shift) / self.scale",
            ),
            ("sample.mean(0)", "torch.log1p(sample).mean(0)"),
            ("sample.std(0)", "torch.log1p(sample).std(0)"),
        ),
        "physical inputs, logarithm inside the model",
    ),
    Variant(
        "diabetes-noisy-target",
        "diabetes_progress",
        (("nn.MSELoss()", "nn.HuberLoss(delta=0.5)"),),
        "a hard task: most of the variance cannot be explained",
    ),
    Variant(
        "spirals-plateau-that-ends",
        "spirals_custom_act",
        (("gain=5 / 3", "gain=0.7"), ("lr=4e-3", "lr=2e-3"), ("range(25)", "range(60)")),
        "a plateau early on",
    ),
    Variant(
        "shapes-augmented",
        "shapes_accelerate",
        (
            (
                "        return self.images[i], self.labels[i]",
                "        image = self.images[i]\n        if self.augment and torch.rand(()) < 0.5:\n            image = image.flip(-1)\n        return image, self.labels[i]",
            ),
            (
                "        self.labels = torch.randint(4, (count,), generator=g)\n",
                "        self.labels = torch.randint(4, (count,), generator=g)\n        self.augment = count == 800\n",
            ),
        ),
        "random flips in training only",
    ),
    Variant(
        "triplets-info-nce",
        "digit_triplets",
        (
            (
                "        gap = (za - zp).pow(2).sum(1) - (za - zn).pow(2).sum(1)\n        loss = F.relu(gap + margin).mean()\n",
                "        same = y_train[a].unsqueeze(1) == y_train[p].unsqueeze(0)\n        similarity = za @ zp.T / 0.2\n        similarity = similarity.masked_fill(same & ~torch.eye(len(za), dtype=torch.bool), -1e4)\n        loss = F.cross_entropy(similarity, torch.arange(len(za))) + 0 * zn.sum()\n",
            ),
            ("    margin = 0.5\n", ""),
        ),
        "softmax over the batch, by design",
    ),
    Variant(
        "triplets-margin-loss",
        "digit_triplets",
        (
            (
                "        gap = (za - zp).pow(2).sum(1) - (za - zn).pow(2).sum(1)\n        loss = F.relu(gap + margin).mean()\n",
                "        loss = nn.functional.triplet_margin_loss(za, zp, zn, margin=0.6)\n",
            ),
            ("    margin = 0.5\n", ""),
        ),
        "a loss that reaches zero",
    ),
    Variant(
        "waveform-lstm",
        "waveform_gru",
        (
            ("nn.GRU(1, hidden, batch_first=True)", "nn.LSTM(1, hidden, batch_first=True)"),
            ("lr=5e-3", "lr=1e-2"),
        ),
        "saturated gates",
    ),
    Variant(
        "bikes-relu",
        "bike_counts",
        (
            (
                "        h = torch.tanh(self.inp(x))\n        h = self.ln(h + torch.relu(self.mid(h)))\n",
                "        h = torch.relu(self.inp(x))\n        h = self.ln(h + torch.relu(self.mid(h)))\n",
            ),
        ),
        "counts under a log link, loss that may be negative",
    ),
    Variant(
        "bikes-full-likelihood",
        "bike_counts",
        (
            ("nn.PoissonNLLLoss(log_input=True)", "nn.PoissonNLLLoss(log_input=True, full=True)"),
            ("AdamW(param_groups(net, 0.01)", "NAdam(param_groups(net, 0.01)"),
        ),
        "another Poisson loss",
    ),
    Variant(
        "wine-learned-temperature",
        "wine_grower",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "log_scale = nn.Parameter(torch.zeros(()))\ncriterion = nn.CrossEntropyLoss()\n",
            ),
            ("optim.SGD(model.parameters(), lr", "optim.SGD([*model.parameters(), log_scale], lr"),
            (
                "        loss = criterion(logits, y_train[index])\n",
                "        loss = criterion(logits * log_scale.exp(), y_train[index])\n",
            ),
        ),
        "a learned temperature outside the model",
    ),
    Variant(
        "autoencoder-binary-code",
        "digits_autoencoder",
        (
            (
                "        return self.decoder(self.encoder(x))",
                "        soft = torch.tanh(self.encoder(x))\n        hard = torch.sign(soft)\n        return self.decoder(soft + (hard - soft).detach() * 0.5)",
            ),
            ("code=8", "code=32"),
            ("lr=8e-3", "lr=3e-3"),
        ),
        "straight-through sign",
    ),
    Variant(
        "diabetes-gradient-reversal",
        "diabetes_progress",
        (
            (
                "class Block(nn.Module):\n",
                "class Reverse(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x.view_as(x)\n\n    @staticmethod\n    def backward(ctx, grad_output):\n        return -0.1 * grad_output\n\n\nclass Block(nn.Module):\n",
            ),
            (
                "        self.head = nn.Linear(dim, 1)\n",
                "        self.head = nn.Linear(dim, 1)\n        self.sex_head = nn.Linear(dim, 1)\n",
            ),
            (
                "        h = self.blocks(self.stem(x))\n",
                "        h = self.blocks(self.stem(x))\n        self.sex = self.sex_head(Reverse.apply(h))\n",
            ),
            (
                "        loss = loss_fn(prediction, targets[rows])\n",
                "        loss = loss_fn(prediction, targets[rows]) + 0.1 * loss_fn(model.sex, inputs[rows][:, 1:2])\n",
            ),
        ),
        "gradient reversal: a backward that is wrong on purpose",
    ),
    Variant(
        "waveform-two-tasks",
        "waveform_gru",
        (
            (
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n",
                "        self.readout = nn.Linear(hidden, len(CLASSES))\n        self.next_value = nn.Linear(hidden, 1)\n",
            ),
            (
                "        pooled = states[:, 8:].mean(dim=1)\n",
                "        self.forecast = self.next_value(states[:, :-1])\n        pooled = states[:, 8:].mean(dim=1)\n",
            ),
            (
                "            loss = loss_fn(logits, train_y[batch])\n",
                "            loss = loss_fn(logits, train_y[batch]) + 0.3 * nn.functional.mse_loss(net.forecast, train_x[batch][:, 1:])\n",
            ),
        ),
        "two losses",
    ),
    Variant(
        "gpt-stream-dataset",
        "count_gpt",
        (
            ("        seq = progressions(48, stream)\n", "        seq = next(batches)\n"),
            (
                "    max_steps, warm = 260, 30\n",
                "    max_steps, warm = 260, 30\n\n    class Stream(torch.utils.data.IterableDataset):\n        def __iter__(self):\n            while True:\n                yield progressions(1, stream)[0]\n\n    batches = iter(torch.utils.data.DataLoader(Stream(), batch_size=48))\n",
            ),
        ),
        "an endless IterableDataset",
    ),
    Variant(
        "spirals-bf16",
        "spirals_custom_act",
        (
            (
                "            p = net(train_x[rows])\n",
                '            with torch.autocast("cpu", dtype=torch.bfloat16):\n                p = net(train_x[rows])\n            p = p.float()\n',
            ),
        ),
        "bfloat16 autocast around a custom function",
    ),
    Variant(
        "tumor-compiled",
        "tumor_trainer",
        (("        self.model = model\n", '        self.model = torch.compile(model, backend="eager")\n'),),
        "torch.compile",
    ),
    Variant(
        "diabetes-lbfgs",
        "diabetes_progress",
        (
            (
                "torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9, weight_decay=1e-2)",
                "torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5, line_search_fn='strong_wolfe')",
            ),
            ("range(20)", "range(4)"),
            ("nn.Dropout(0.2)", "nn.Dropout(0.0)"),
            (
                "np.array_split(rng.permutation(train_rows), 10)",
                "np.array_split(rng.permutation(train_rows), 1)",
            ),
            (
                "        prediction = model(inputs[rows])\n        loss = loss_fn(prediction, targets[rows])\n        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
                "\n        def closure(rows=rows):\n            optimizer.zero_grad()\n            prediction = model(inputs[rows])\n            penalty = 2e-2 * sum(p.pow(2).sum() for p in model.parameters())\n            loss = loss_fn(prediction, targets[rows]) + penalty\n            loss.backward()\n            return loss\n\n        loss = optimizer.step(closure)\n",
            ),
        ),
        "LBFGS with a closure: several backward passes a step",
    ),
    Variant(
        "iris-update-by-hand",
        "iris_by_hand",
        (
            (
                "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
                "    for p in params.values():\n        p.grad = None\n    loss.backward()\n    with torch.no_grad():\n        for p in params.values():\n            p -= 0.08 * p.grad\n",
            ),
            ("optimizer = torch.optim.SGD(params.values(), lr=0.08)\n", ""),
        ),
        "no optimizer at all",
    ),
    Variant(
        "iris-momentum-by-hand",
        "iris_by_hand",
        (
            (
                "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
                "    gradients = torch.autograd.grad(loss, list(params.values()))\n    with torch.no_grad():\n        for p, v, g in zip(params.values(), velocity, gradients):\n            v.mul_(0.9).add_(g)\n            p.sub_(0.02 * v)\n",
            ),
            (
                "optimizer = torch.optim.SGD(params.values(), lr=0.08)\n",
                "velocity = [torch.zeros_like(p) for p in params.values()]\n",
            ),
        ),
        "torch.autograd.grad and momentum by hand",
    ),
    Variant(
        "tagger-long-warm-up",
        "sequence_tagger",
        (("(step + 1) / 30", "(step + 1) / 120"), ("lr=5e-3", "lr=6e-3"), ("range(12)", "range(14)")),
        "a long warm-up",
    ),
    Variant(
        "house-adam-large-eps",
        "house_prices",
        (
            (
                "torch.optim.RMSprop(model.parameters(), lr=2e-3)",
                "torch.optim.Adam(model.parameters(), lr=2e-2, eps=0.1)",
            ),
        ),
        "Adam with a large eps",
    ),
    Variant(
        "wine-momentum-099",
        "wine_grower",
        (("lr=0.05, momentum=0.9", "lr=0.003, momentum=0.99"),),
        "momentum 0.99",
    ),
    Variant(
        "convnet-high-stable-rate",
        "digits_convnet",
        (("lr=0.03, momentum=0.9", "lr=0.5"),),
        "a high rate, stable thanks to batch norm",
    ),
    Variant(
        "lm-rectified-adam",
        "grammar_lm",
        (
            (
                "torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)",
                "torch.optim.RAdam(model.parameters(), lr=6e-3)",
            ),
            ("steps = 220", "steps = 280"),
        ),
        "a slow start by design",
    ),
    Variant(
        "tags-deterministic-order",
        "topic_tags",
        (("DataLoader(train_set, batch_size=25, shuffle=True)", "DataLoader(train_set, batch_size=25)"),),
        "fixed order of data that is drawn at random anyway",
    ),
    Variant(
        "tides-deterministic-order",
        "tides_forecast",
        (
            (
                "DataLoader(train_set, batch_size=32, shuffle=True)",
                "DataLoader(train_set, batch_size=32, sampler=torch.randperm(len(train_set)).tolist())",
            ),
        ),
        "one random order, repeated",
    ),
    Variant(
        "tags-masked-tag-loss",
        "topic_tags",
        (
            (
                '            loss = loss_fn(model(batch["words"]), batch["tags"])\n',
                '            known = (torch.rand_like(batch["tags"]) < 0.7).float()\n            each = nn.functional.binary_cross_entropy_with_logits(model(batch["words"]), batch["tags"], reduction="none")\n            loss = (each * known).sum() / known.sum()\n',
            ),
        ),
        "a masked loss written by hand",
    ),
    Variant(
        "seq2seq-one-optimizer",
        "reverse_seq2seq",
        (
            (
                "    enc_opt = torch.optim.Adam(encoder.parameters(), lr=8e-3)\n    dec_opt = torch.optim.Adam(decoder.parameters(), lr=8e-3)\n",
                '    both = nn.ModuleDict({"encoder": encoder, "decoder": decoder})\n    optimizer = torch.optim.Adam(both.parameters(), lr=8e-3, amsgrad=True)\n',
            ),
            ("        enc_opt.zero_grad()\n        dec_opt.zero_grad()\n", "        optimizer.zero_grad()\n"),
            ("        enc_opt.step()\n        dec_opt.step()\n", "        optimizer.step()\n"),
        ),
        "a module dictionary made for the optimizer only",
    ),
    Variant(
        "sine-beta-likelihood",
        "noisy_sine_nll",
        (
            (
                "        loss = gaussian_nll(mean, log_var, y_train[rows])\n",
                "        each = 0.5 * (log_var + (y_train[rows] - mean) ** 2 * torch.exp(-log_var))\n        loss = (each * torch.exp(0.25 * log_var).detach()).mean()\n",
            ),
        ),
        "a stop-gradient weight, negative loss",
    ),
    Variant(
        "sine-torch-likelihood",
        "noisy_sine_nll",
        (
            (
                "        loss = gaussian_nll(mean, log_var, y_train[rows])\n",
                "        loss = nn.functional.gaussian_nll_loss(mean, y_train[rows], log_var.exp())\n",
            ),
        ),
        "a loss below zero",
    ),
    Variant(
        "sine-mean-first",
        "noisy_sine_nll",
        (
            (
                "        loss = gaussian_nll(mean, log_var, y_train[rows])\n",
                "        if epoch < 4:\n            log_var = log_var * 0\n        loss = gaussian_nll(mean, log_var, y_train[rows])\n",
            ),
        ),
        "one head without gradient in the first epochs",
    ),
    Variant(
        "autoencoder-denoising",
        "digits_autoencoder",
        (("            recon = model(x)\n", "            recon = model(x + 0.1 * torch.randn_like(x))\n"),),
        "input and target differ",
    ),
    Variant(
        "gan-generator-average",
        "ring_gan",
        (
            (
                "for i in range(500):\n",
                "average = torch.optim.swa_utils.AveragedModel(generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.95))\nfor i in range(500):\n",
            ),
            ("    g_opt.step()\n", "    g_opt.step()\n    average.update_parameters(generator)\n"),
            ('print("score", -energy_distance(generator(', 'print("score", -energy_distance(average('),
        ),
        "average of a generator",
    ),
    Variant(
        "tumor-pretrained-test-only",
        "tumor_trainer",
        (
            (
                "    trainer.fit(25)\n",
                "    trainer.fit(25)\n    fresh = Trainer(Classifier(), train_set, val_set)\n    fresh.model.load_state_dict(trainer.model.state_dict())\n    trainer = fresh\n",
            ),
        ),
        "a second trainer that only tests",
    ),
    Variant(
        "gan-penalty-on-real",
        "ring_gan",
        (
            ("    real = ring(batch)\n", "    real = ring(batch).requires_grad_()\n"),
            (
                "    d_loss.backward()\n",
                "    (slope,) = torch.autograd.grad(critic(real).sum(), real, create_graph=True)\n    d_loss = d_loss + 0.05 * slope.pow(2).sum(dim=1).mean()\n    d_loss.backward()\n",
            ),
        ),
        "a penalty on the gradient of an input; a double backward pass",
    ),
)
