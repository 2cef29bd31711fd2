"""Faults of the loop, the optimizer and its settings."""
# ruff: noqa: E501

from bank._program import Fault

LOOP: tuple[Fault, ...] = (
    Fault(
        "transfer-optimizer-of-teacher",
        "digits_transfer",
        "optimizer-wrong-parameters",
        (
            (
                "torch.optim.SGD(student.classifier.parameters(),",
                "torch.optim.SGD(teacher.classifier.parameters(),",
            ),
        ),
    ),
    Fault(
        "seq2seq-optimizer-twice-encoder",
        "reverse_seq2seq",
        "optimizer-wrong-parameters",
        (
            (
                "dec_opt = torch.optim.Adam(decoder.parameters(), lr=8e-3)",
                "dec_opt = torch.optim.Adam(encoder.parameters(), lr=8e-3)",
            ),
        ),
    ),
    Fault(
        "wine-model-made-again",
        "wine_grower",
        "optimizer-wrong-parameters",
        (
            (
                "weight_decay=1e-4)\n\nbatch_size = 16\n",
                "weight_decay=1e-4)\n\nfor layer in model:\n    if isinstance(layer, nn.Linear):\n"
                "        layer.weight = nn.Parameter(torch.empty_like(layer.weight))\n"
                "        nn.init.kaiming_uniform_(layer.weight)\n\nbatch_size = 16\n",
            ),
        ),
    ),
    Fault(
        "fraud-optimizer-before-copy",
        "fraud_sampler",
        "optimizer-wrong-parameters",
        (
            (
                "    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)\n",
                "    optimizer = torch.optim.Adam(Detector().parameters(), lr=2e-3)\n",
            ),
        ),
    ),
    Fault(
        "gpt-only-vectors",
        "count_gpt",
        "optimizer-wrong-parameters",
        (
            (
                'groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]',
                'groups = [{"params": plain, "weight_decay": 0.0}]',
            ),
        ),
    ),
    Fault(
        "gan-generator-steps-critic",
        "ring_gan",
        "optimizer-wrong-parameters",
        (
            (
                "g_opt = torch.optim.Adam(generator.parameters()",
                "g_opt = torch.optim.Adam(critic.parameters()",
            ),
        ),
    ),
    Fault(
        "tides-no-zero-grad",
        "tides_forecast",
        "missing-zero-grad",
        (("            optimizer.zero_grad()\n", ""),),
    ),
    Fault(
        "diabetes-no-zero-grad",
        "diabetes_progress",
        "missing-zero-grad",
        (("        optimizer.zero_grad()\n", ""),),
    ),
    Fault("vae-no-zero-grad", "digits_vae", "missing-zero-grad", (("        optimizer.zero_grad()\n", ""),)),
    Fault("gan-critic-not-cleared", "ring_gan", "missing-zero-grad", (("    critic.zero_grad()\n", ""),)),
    Fault(
        "wine-cleared-too-early",
        "wine_grower",
        "zero-grad-before-step",
        (
            ("        optimizer.zero_grad()\n        logits", "        logits"),
            (
                "        loss.backward()\n        optimizer.step()",
                "        loss.backward()\n        optimizer.zero_grad()\n        optimizer.step()",
            ),
        ),
    ),
    Fault(
        "tagger-cleared-too-early",
        "sequence_tagger",
        "zero-grad-before-step",
        (
            (
                "        optimizer.step()\n        warmup.step()\n        optimizer.zero_grad()\n",
                "        optimizer.zero_grad()\n        optimizer.step()\n        warmup.step()\n",
            ),
        ),
    ),
    Fault(
        "tumor-cleared-too-early",
        "tumor_trainer",
        "zero-grad-before-step",
        (
            ("            self.optimizer.zero_grad()\n", ""),
            (
                "            loss.backward()\n",
                "            loss.backward()\n            self.model.zero_grad()\n",
            ),
        ),
    ),
    Fault("house-no-step", "house_prices", "missing-step", (("            optimizer.step()\n", ""),)),
    Fault("seq2seq-decoder-no-step", "reverse_seq2seq", "missing-step", (("        dec_opt.step()\n", ""),)),
    Fault(
        "convnet-accumulation-too-long",
        "digits_convnet",
        "missing-step",
        (
            (
                "        for images, labels in train_loader:\n            optimizer.zero_grad()\n",
                "        optimizer.zero_grad()\n        for i, (images, labels) in enumerate(train_loader):\n",
            ),
            (
                "            loss.backward()\n            optimizer.step()\n",
                "            loss.backward()\n            if (i + 1) % 32 == 32:\n                optimizer.step()\n                optimizer.zero_grad()\n",
            ),
        ),
    ),
    Fault(
        "iris-update-rebinds",
        "iris_by_hand",
        "parameters-not-updated",
        (
            (
                "    optimizer.step()\n",
                "    with torch.no_grad():\n        for p in params.values():\n            p = p - 0.08 * p.grad\n",
            ),
        ),
    ),
    Fault(
        "mixer-all-bfloat16",
        "digits_mixer_bf16",
        "parameters-not-updated",
        (
            ("net = Mixer()\n", "net = Mixer().bfloat16()\n"),
            (
                "opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.02)",
                "opt = torch.optim.SGD(net.parameters(), lr=1e-3)",
            ),
        ),
        accepts=("lr-too-low",),
        note="Updates below the precision of bfloat16 weights, at a rate that is low as well.",
    ),
    Fault(
        "lm-schedule-in-integers",
        "grammar_lm",
        "lr-zero",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "criterion = nn.CrossEntropyLoss()\nscheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // steps)\n",
            ),
            ("    optimizer.step()\n", "    optimizer.step()\n    scheduler.step()\n"),
        ),
    ),
    Fault(
        "transfer-group-at-zero",
        "digits_transfer",
        "lr-zero",
        (("lr=0.05, momentum=0.9", "lr=int(0.05), momentum=0.9"),),
    ),
    Fault(
        "convnet-decay-per-batch",
        "digits_convnet",
        "lr-decays-too-fast",
        (
            (
                "            running += loss.item()\n        scheduler.step()\n",
                "            running += loss.item()\n            scheduler.step()\n",
            ),
        ),
    ),
    Fault(
        "lm-exponential-per-step",
        "grammar_lm",
        "lr-decays-too-fast",
        (
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "criterion = nn.CrossEntropyLoss()\nscheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)\n",
            ),
            ("    optimizer.step()\n", "    optimizer.step()\n    scheduler.step()\n"),
        ),
    ),
    Fault(
        "autoencoder-step-decay-per-batch",
        "digits_autoencoder",
        "lr-decays-too-fast",
        (
            (
                "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)",
                "torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)",
            ),
            (
                "            epoch_loss += loss.item() * len(x)\n        schedule.step()\n",
                "            epoch_loss += loss.item() * len(x)\n            schedule.step()\n",
            ),
        ),
    ),
    Fault(
        "gpt-frozen-blocks",
        "count_gpt",
        "frozen-by-mistake",
        (
            (
                "    model = GPT()\n",
                "    model = GPT()\n    for p in model.blocks.parameters():\n        p.requires_grad = False\n",
            ),
            ("if p.dim() >= 2]", "if p.dim() >= 2 and p.requires_grad]"),
            ("if p.dim() < 2]", "if p.dim() < 2 and p.requires_grad]"),
        ),
    ),
    Fault(
        "waveform-frozen-rnn",
        "waveform_gru",
        "frozen-by-mistake",
        (("    net = Listener()\n", "    net = Listener()\n    net.rnn.requires_grad_(False)\n"),),
    ),
    Fault(
        "house-frozen-head",
        "house_prices",
        "frozen-by-mistake",
        (
            (
                "    criterion = nn.HuberLoss(delta=1.0)\n",
                "    for layer in list(model)[1:]:\n        layer.requires_grad_(False)\n    model[1].bias.requires_grad_(True)\n    criterion = nn.HuberLoss(delta=1.0)\n",
            ),
        ),
    ),
    Fault(
        "triplets-eval-in-training",
        "digit_triplets",
        "eval-mode-in-training",
        (
            (
                "    for step in range(241):\n        net.train()\n",
                "    net.train()\n    for step in range(241):\n",
            ),
        ),
        silent=True,
    ),
    Fault(
        "convnet-eval-in-training",
        "digits_convnet",
        "eval-mode-in-training",
        (
            (
                "    for epoch in range(EPOCHS):\n        model.train()\n",
                "    model.train()\n    for epoch in range(EPOCHS):\n",
            ),
            (
                "    optimizer = torch.optim.SGD",
                "    print(accuracy(model, val_loader))\n    optimizer = torch.optim.SGD",
            ),
        ),
        silent=True,
    ),
    Fault(
        "wine-eval-in-training",
        "wine_grower",
        "eval-mode-in-training",
        (("for epoch in range(40):\n    model.train()\n", "for epoch in range(40):\n"),),
        silent=True,
    ),
    Fault(
        "convnet-validates-in-train-mode",
        "digits_convnet",
        "train-mode-in-validation",
        (
            ("    model.eval()\n", ""),
            ("dropout=0.25", "dropout=0.6"),
            (
                "DataLoader(val, batch_size=100), DataLoader(test, batch_size=100)",
                "DataLoader(val, batch_size=1), DataLoader(test, batch_size=1)",
            ),
        ),
    ),
    Fault(
        "fraud-validates-in-train-mode",
        "fraud_sampler",
        "train-mode-in-validation",
        (("    model.eval()\n", ""), ("nn.Dropout(p=0.15)", "nn.Dropout(p=0.4)")),
        silent=True,
    ),
    Fault(
        "diabetes-tests-in-train-mode",
        "diabetes_progress",
        "train-mode-in-validation",
        (
            (
                "    model.eval()\n    with torch.no_grad():\n        val_loss",
                "    with torch.no_grad():\n        val_loss",
            ),
            ("model.eval()\nwith torch.no_grad():\n    answer", "with torch.no_grad():\n    answer"),
            ("nn.Dropout(0.2)", "nn.Dropout(0.75)"),
        ),
    ),
    Fault(
        "iris-dropout-always",
        "iris_by_hand",
        "dropout-active-in-eval",
        (("h = F.dropout(h, 0.1, training=training)", "h = F.dropout(h, 0.6)"),),
    ),
    Fault(
        "mixer-dropout-always",
        "digits_mixer_bf16",
        "dropout-active-in-eval",
        (
            (
                "        return x + F.dropout(y, p=0.1, training=self.training)",
                "        return x + F.dropout(y, p=0.3)",
            ),
            (
                "return self.head(self.norm(x).mean(dim=1))",
                "return self.head(F.dropout(self.norm(x).mean(dim=1)))",
            ),
        ),
    ),
    Fault(
        "diabetes-dropout-made-in-forward",
        "diabetes_progress",
        "dropout-active-in-eval",
        (("        return self.head(self.drop(h))", "        return self.head(nn.Dropout(0.75)(h))"),),
    ),
    Fault(
        "triplets-root-of-zero",
        "digit_triplets",
        "non-finite",
        (
            (
                "gap = (za - zp).pow(2).sum(1) - (za - zn).pow(2).sum(1)",
                "gap = (za - zp).pow(2).sum(1).sqrt() - (za - zn).pow(2).sum(1).sqrt()",
            ),
        ),
    ),
    Fault(
        "tags-empty-documents",
        "topic_tags",
        "non-finite",
        (
            (
                "        size = rng.integers(14, LENGTH + 1)\n",
                "        size = rng.integers(14, LENGTH + 1) * (rng.random() > 0.01)\n",
            ),
        ),
    ),
    Fault(
        "wine-missing-value",
        "wine_grower",
        "non-finite",
        (("scaler = StandardScaler()", 'X_train[7, 4] = float("nan")\nscaler = StandardScaler()'),),
    ),
    Fault(
        "spirals-log-by-hand",
        "spirals_custom_act",
        "non-finite",
        (
            (
                "loss = criterion(p, train_y[rows])",
                "target = train_y[rows]\n            loss = -(target * p.log() + (1 - target) * (1 - p).log()).mean()",
            ),
            ("lr=4e-3", "lr=1e-2"),
            ("self.out(x)).flatten()", "self.out(x) * 20).flatten()"),
        ),
    ),
    Fault(
        "bikes-divergence-of-zero",
        "bike_counts",
        "non-finite",
        (
            (
                "loss = loss_fn(log_rate, y[rows])",
                "loss = (y[rows] * (y[rows].log() - log_rate) - y[rows] + log_rate.exp()).mean()",
            ),
        ),
        silent=True,
    ),
    Fault(
        "tagger-mask-upside-down",
        "sequence_tagger",
        "other",
        (("        pad = ids == 0\n", "        pad = ids != 0\n"),),
        note="The padding mask is inverted: tokens attend to the padding alone.",
    ),
    Fault(
        "tumor-constant-column",
        "tumor_trainer",
        "non-finite",
        (
            (
                "        self.y = torch.as_tensor",
                "        self.x = torch.cat([self.x, torch.ones(len(self.x), 1)], dim=1)\n        self.y = torch.as_tensor",
            ),
            ("features=30", "features=31"),
        ),
        note="A column of one value: its standard deviation is zero.",
    ),
    Fault(
        "diabetes-summed-loss",
        "diabetes_progress",
        "loss-reduction-sum",
        (("nn.MSELoss()", 'nn.MSELoss(reduction="sum")'), ("lr=0.003", "lr=0.02")),
        accepts=("lr-too-high",),
    ),
    Fault(
        "convnet-summed-loss",
        "digits_convnet",
        "loss-reduction-sum",
        (
            ("F.cross_entropy(scores, labels)", 'F.cross_entropy(scores, labels, reduction="sum")'),
            ("lr=0.03", "lr=0.1"),
        ),
        accepts=("lr-too-high",),
    ),
    Fault(
        "wine-summed-loss",
        "wine_grower",
        "loss-reduction-sum",
        (("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="sum")'), ("lr=0.05", "lr=0.1")),
        accepts=("lr-too-high",),
    ),
    Fault(
        "iris-summed-loss",
        "iris_by_hand",
        "loss-reduction-sum",
        (
            ("F.nll_loss(logprobs, Ytr[ix])", 'F.nll_loss(logprobs, Ytr[ix], reduction="sum")'),
            ("lr=0.08", "lr=0.8"),
        ),
        accepts=("lr-too-high",),
    ),
    Fault(
        "transfer-clip-too-small",
        "digits_transfer",
        "clip-too-small",
        (
            (
                "    optimizer.zero_grad()\n        loss.backward()\n",
                "    optimizer.zero_grad()\n        loss.backward()\n        nn.utils.clip_grad_norm_(student.parameters(), 1e-3)\n",
            ),
        ),
    ),
    Fault(
        "diabetes-clip-too-small",
        "diabetes_progress",
        "clip-too-small",
        (
            (
                "        loss.backward()\n",
                "        loss.backward()\n        nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.01)\n",
            ),
        ),
    ),
    Fault(
        "convnet-clip-value",
        "digits_convnet",
        "clip-too-small",
        (
            (
                "            loss.backward()\n",
                "            loss.backward()\n            nn.utils.clip_grad_value_(model.parameters(), 1e-6)\n",
            ),
        ),
    ),
    Fault("wine-rate-too-high", "wine_grower", "lr-too-high", (("lr=0.05", "lr=3.0"),)),
    Fault("lm-rate-too-high", "grammar_lm", "lr-too-high", (("lr=4e-3", "lr=0.3"),)),
    Fault("tides-rate-too-high", "tides_forecast", "lr-too-high", (("lr=3e-3", "lr=0.5"),)),
    Fault(
        "seq2seq-rate-too-high",
        "reverse_seq2seq",
        "lr-too-high",
        (
            ("Adam(encoder.parameters(), lr=8e-3)", "Adam(encoder.parameters(), lr=0.2)"),
            ("Adam(decoder.parameters(), lr=8e-3)", "Adam(decoder.parameters(), lr=0.2)"),
        ),
    ),
    Fault("wine-rate-too-low", "wine_grower", "lr-too-low", (("lr=0.05", "lr=1e-5"),)),
    Fault("lm-rate-too-low", "grammar_lm", "lr-too-low", (("lr=4e-3", "lr=1e-5"),)),
    Fault("bikes-rate-too-low", "bike_counts", "lr-too-low", (("max_lr=1e-2", "max_lr=5e-6"),)),
    Fault("shapes-rate-too-low", "shapes_accelerate", "lr-too-low", (("lr=8e-3", "lr=1e-5"),)),
    Fault(
        "tumor-decay-too-large",
        "tumor_trainer",
        "weight-decay-too-large",
        (("momentum=0.5", "momentum=0.5, weight_decay=0.8"),),
    ),
    Fault(
        "gpt-decay-too-large",
        "count_gpt",
        "weight-decay-too-large",
        (('"weight_decay": 0.1', '"weight_decay": 30.0'),),
    ),
    Fault(
        "autoencoder-decay-too-large",
        "digits_autoencoder",
        "weight-decay-too-large",
        (
            (
                "torch.optim.Adam(model.parameters(), lr=lr)",
                "torch.optim.Adam(model.parameters(), lr=lr, weight_decay=0.05)",
            ),
        ),
    ),
    Fault(
        "convnet-penalty-too-large",
        "digits_convnet",
        "weight-decay-too-large",
        (
            (
                "loss = F.cross_entropy(scores, labels)\n",
                "loss = F.cross_entropy(scores, labels)\n            loss = loss + 0.5 * sum(p.pow(2).sum() for p in model.parameters())\n",
            ),
        ),
    ),
    Fault(
        "convnet-dropout-too-strong",
        "digits_convnet",
        "dropout-too-strong",
        (("dropout=0.25", "dropout=0.97"),),
    ),
    Fault(
        "tags-keep-probability",
        "topic_tags",
        "dropout-too-strong",
        (("nn.Dropout(0.2)", "nn.Dropout(0.98)"),),
    ),
    Fault(
        "fraud-dropout-too-strong",
        "fraud_sampler",
        "dropout-too-strong",
        (("nn.Dropout(p=0.15)", "nn.Dropout(p=0.95)"),),
    ),
    Fault(
        "diabetes-momentum-too-high",
        "diabetes_progress",
        "momentum-too-high",
        (("lr=0.003, momentum=0.9,", "lr=0.02, momentum=0.999,"),),
    ),
    Fault(
        "wine-dropout-then-rate",
        "wine_grower",
        "lr-too-high",
        (("lr=0.05", "lr=1.5"), ("nn.Dropout(0.1)", "nn.Dropout(0.8)")),
        also="dropout-too-strong",
    ),
    Fault(
        "tides-cleared-early-eval",
        "tides_forecast",
        "zero-grad-before-step",
        (
            ("            optimizer.zero_grad()\n            forecast", "            forecast"),
            (
                "            loss.backward()\n            optimizer.step()",
                "            loss.backward()\n            optimizer.zero_grad()\n            optimizer.step()",
            ),
            ("Windows((part - mean) / std)", "Windows((part - series.mean()) / series.std())"),
        ),
        also="leaky-preprocessing",
    ),
    Fault(
        "tumor-keeps-the-worst",
        "tumor_trainer",
        "other",
        (
            ("if val_loss < self.best:", "if val_loss > self.best:"),
            ('float("inf"), None, 5', "0.0, None, 5"),
            ("lr=0.1", "lr=0.01"),
        ),
        note="The checkpoint of the worst validation loss is kept: the comparison is the wrong way round.",
    ),
    Fault(
        "vae-divergence-too-heavy",
        "digits_vae",
        "other",
        (
            (
                "loss = elbo_loss(recon, data, mu, logvar)\n        loss.backward()",
                "loss = elbo_loss(recon, data, mu, logvar)\n        (loss - 100 * 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())).backward()",
            ),
        ),
        note="The divergence weighs a hundred times too much: the posterior collapses and the code is ignored.",
    ),
    Fault(
        "gan-generator-helps-critic",
        "ring_gan",
        "other",
        (("g_loss = criterion(critic(fake), real_label)", "g_loss = criterion(critic(fake), fake_label)"),),
        accepts=("flipped-loss-sign",),
        note="The generator is told to look fake: its labels are those of the critic.",
    ),
    Fault(
        "wine-momentum-too-high",
        "wine_grower",
        "momentum-too-high",
        (("lr=0.05, momentum=0.9", "lr=0.05, momentum=0.9995"), ("range(40)", "range(30)")),
        accepts=("lr-too-high",),
    ),
)
