"""Faults of the loop, the optimizer and its figures."""

from bank._program import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        "optimizer-of-another-net",
        "digits_cnn",
        "optimizer-wrong-parameters",
        (("param_groups(model, 5e-4), lr", "param_groups(ConvNet(), 5e-4), lr"),),
    ),
    Fault(
        "optimizer-of-the-other",
        "gan_ring",
        "optimizer-wrong-parameters",
        (
            (
                "g_opt = torch.optim.Adam(generator.parameters()",
                "g_opt = torch.optim.Adam(discriminator.parameters()",
            ),
        ),
    ),
    Fault(
        "model-made-again",
        "metric_digits",
        "optimizer-wrong-parameters",
        (
            (
                "\nfor epoch in range(10):\n    model.train()",
                "\nmodel = Embedder()\nfor epoch in range(10):\n    model.train()",
            ),
        ),
    ),
    Fault(
        "optimizer-of-the-head",
        "transformer_cls",
        "optimizer-wrong-parameters",
        (("opt = torch.optim.AdamW(model.parameters()", "opt = torch.optim.AdamW(model.head.parameters()"),),
    ),
    Fault("no-zero-grad-spiral", "spiral_raw", "missing-zero-grad", (("        opt.zero_grad()\n", ""),)),
    Fault("no-zero-grad-fraud", "fraud_weights", "missing-zero-grad", (("        opt.zero_grad()\n", ""),)),
    Fault(
        "no-zero-grad-melody",
        "melody_rnn",
        "missing-zero-grad",
        (("            optimizer.zero_grad()\n", ""),),
    ),
    Fault(
        "no-zero-grad-accelerate",
        "accelerate_digits",
        "missing-zero-grad",
        (("            optimizer.zero_grad()\n", ""),),
    ),
    Fault(
        "cleared-before-step-gru",
        "tokens_gru",
        "zero-grad-before-step",
        (
            ("        optimizer.zero_grad()\n        scores", "        scores"),
            ("        loss.backward()\n", "        loss.backward()\n        optimizer.zero_grad()\n"),
        ),
    ),
    Fault(
        "cleared-before-step-house",
        "house_nll",
        "zero-grad-before-step",
        (
            ("        optimizer.zero_grad()\n        loss.backward()\n", "        loss.backward()\n"),
            ("        optimizer.step()\n", "        optimizer.zero_grad()\n        optimizer.step()\n"),
        ),
    ),
    Fault(
        "cleared-before-step-accelerate",
        "accelerate_digits",
        "zero-grad-before-step",
        (
            (
                "            optimizer.step()\n            scheduler.step()\n            optimizer.zero_grad()\n",
                "            optimizer.zero_grad()\n            optimizer.step()\n            scheduler.step()\n",
            ),
        ),
    ),
    Fault("no-step", "digits_ae", "missing-step", (("        optim.step()\n", ""),)),
    Fault(
        "accumulation-never-ends",
        "shapes_multilabel",
        "missing-step",
        (("ACCUMULATE = 2", "ACCUMULATE = 64"),),
    ),
    Fault("step-not-called", "cancer_bce", "missing-step", (("opt.step()", "opt.step"),)),
    Fault(
        "weights-in-bfloat16",
        "friedman_custom",
        "parameters-not-updated",
        (
            (
                "model = Regressor(8, args.width, args.depth)",
                "model = Regressor(8, args.width, args.depth).bfloat16()",
            ),
            ("prediction = model(x)", "prediction = model(x.bfloat16()).float()"),
            ("(model(x) - y).pow(2)", "(model(x.bfloat16()).float() - y).pow(2)"),
            ("default=3e-3", "default=1e-4"),
        ),
        accepts=("lr-too-low",),
    ),
    Fault(
        "whole-division",
        "transformer_cls",
        "lr-zero",
        (
            (
                "lambda s: min((s + 1) / warmup, max(0.02, (total - s) / (total - warmup)))",
                "lambda s: min(1.0, (total - s - 1) // total)",
            ),
        ),
        accepts=("lr-decays-too-fast",),
    ),
    Fault(
        "decay-every-batch-gru",
        "tokens_gru",
        "lr-decays-too-fast",
        (
            (
                "lr=4e-3)\n",
                "lr=4e-3)\nscheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)\n",
            ),
            ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ),
    ),
    Fault(
        "decay-every-batch-accelerate",
        "accelerate_digits",
        "lr-decays-too-fast",
        (
            (
                'torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=config["lr"], total_steps=steps + 1)',
                "torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.3)",
            ),
        ),
    ),
    Fault(
        "backbone-never-trained",
        "finetune_head",
        "frozen-by-mistake",
        (("fit(pretrained, pretrained.parameters(), old_train, old_val, epochs=6, lr=2e-3)\n", ""),),
        silent=True,
    ),
    Fault(
        "all-but-the-head",
        "transformer_cls",
        "frozen-by-mistake",
        (
            (
                "    model = Encoder()\n",
                '    model = Encoder()\n    for name, p in model.named_parameters():\n        p.requires_grad = name.startswith("head")\n',
            ),
        ),
    ),
    Fault(
        "lstm-frozen",
        "sine_lstm",
        "frozen-by-mistake",
        (("    model = Forecaster()\n", "    model = Forecaster()\n    model.lstm.requires_grad_(False)\n"),),
    ),
    Fault(
        "eval-forgotten-back-wine",
        "wine_trainer",
        "eval-mode-in-training",
        (("        self.model.train()\n", ""),),
        silent=True,
    ),
    Fault(
        "eval-forgotten-back-segment",
        "segment_bf16",
        "eval-mode-in-training",
        (("        net.train()\n", ""),),
        silent=True,
    ),
    Fault(
        "eval-forgotten-back-digits",
        "digits_mlp",
        "eval-mode-in-training",
        (("    model.train()\n", ""), ("drop=0.2", "drop=0.4")),
        silent=True,
    ),
    Fault(
        "no-eval-digits",
        "digits_mlp",
        "train-mode-in-validation",
        (
            (
                "        running += loss.item() * len(idx)\n    model.eval()\n",
                "        running += loss.item() * len(idx)\n",
            ),
            ("\nmodel.eval()\n", "\n"),
            ("drop=0.2", "drop=0.5"),
        ),
        silent=True,
    ),
    Fault(
        "no-eval-wine",
        "wine_trainer",
        "train-mode-in-validation",
        (("        self.model.eval()\n", ""), ("p=0.3", "p=0.5")),
        silent=True,
    ),
    Fault(
        "no-eval-accelerate",
        "accelerate_digits",
        "train-mode-in-validation",
        (("    def evaluate(loader):\n        model.eval()\n", "    def evaluate(loader):\n"),),
        silent=True,
    ),
    Fault(
        "functional-dropout-wine",
        "wine_trainer",
        "dropout-active-in-eval",
        (("F.dropout(x, p=0.3, training=self.training)", "F.dropout(x, p=0.6)"),),
        silent=True,
    ),
    Fault(
        "functional-dropout-fraud",
        "fraud_weights",
        "dropout-active-in-eval",
        (("F.dropout(x, 0.1, self.training)", "F.dropout(x, 0.8)"),),
    ),
    Fault(
        "new-dropout-module",
        "tokens_gru",
        "dropout-active-in-eval",
        (("return self.fc(self.drop(pooled))", "return self.fc(nn.Dropout(0.9)(pooled))"),),
    ),
    Fault("log-of-zero", "spiral_raw", "non-finite", (("eps = 1e-7", "eps = 0.0"), ("lr=0.15", "lr=0.4"))),
    Fault(
        "sqrt-at-zero",
        "metric_digits",
        "non-finite",
        (
            ("pos = (a - p).pow(2).sum(1)", "pos = (a - p).pow(2).sum(1).sqrt()"),
            ("neg = (a - n).pow(2).sum(1)", "neg = (a - n).pow(2).sum(1).sqrt()"),
        ),
    ),
    Fault(
        "zero-over-zero-pixels",
        "digits_mlp",
        "non-finite",
        (
            (
                "X = digits.data.astype(np.float32) / 16.0",
                "X = digits.data.astype(np.float32)\nX = (X - X.mean(0)) / X.std(0)",
            ),
        ),
    ),
    Fault(
        "all-masked-row",
        "char_lm",
        "non-finite",
        (
            (
                "torch.tril(torch.ones(block_size, block_size)).bool()",
                "torch.tril(torch.ones(block_size, block_size), diagonal=-1).bool()",
            ),
        ),
    ),
    Fault(
        "log-of-age",
        "house_nll",
        "non-finite",
        (("np.stack([area, age, rooms", "np.stack([area, np.log(age.round()), rooms"),),
    ),
    Fault(
        "sum-fraud",
        "fraud_weights",
        "loss-reduction-sum",
        (
            (
                "weight=class_weights)",
                'weight=class_weights, reduction="sum")',
            ),
        ),
        accepts=("lr-too-high",),
    ),
    Fault(
        "sum-spiral",
        "spiral_raw",
        "loss-reduction-sum",
        (("torch.log(1 - p + eps)).mean()", "torch.log(1 - p + eps)).sum()"),),
        accepts=("lr-too-high",),
    ),
    Fault(
        "clip-fraud",
        "fraud_weights",
        "clip-too-small",
        (
            (
                "    loss.backward()\n        opt.step()",
                "    loss.backward()\n        nn.utils.clip_grad_norm_(net.parameters(), 1e-3)\n        opt.step()",
            ),
        ),
    ),
    Fault(
        "clip-accelerate",
        "accelerate_digits",
        "clip-too-small",
        (
            (
                "            accelerator.backward(loss)\n",
                "            accelerator.backward(loss)\n            accelerator.clip_grad_norm_(model.parameters(), 1e-3)\n",
            ),
        ),
    ),
    Fault(
        "clip-value-spiral",
        "spiral_raw",
        "clip-too-small",
        (
            (
                "        loss.backward()\n",
                "        loss.backward()\n        torch.nn.utils.clip_grad_value_(params, 1e-4)\n",
            ),
        ),
    ),
    Fault("lr-high-digits", "digits_mlp", "lr-too-high", (("lr=2e-3", "lr=0.2"),)),
    Fault("lr-high-sine", "sine_lstm", "lr-too-high", (("lr=5e-3", "lr=3.0"),)),
    Fault("lr-high-transformer", "transformer_cls", "lr-too-high", (("lr=3e-3", "lr=0.1"),)),
    Fault("lr-high-wine", "wine_trainer", "lr-too-high", (("lr=0.05", "lr=3.0"),)),
    Fault("lr-low-gru", "tokens_gru", "lr-too-low", (("lr=4e-3", "lr=1e-5"),)),
    Fault("lr-low-cnn", "digits_cnn", "lr-too-low", (("lr=0.05", "lr=2e-5"),)),
    Fault("lr-low-ae", "digits_ae", "lr-too-low", (("lr=3e-3", "lr=1e-5"),)),
    Fault(
        "decay-cnn",
        "digits_cnn",
        "weight-decay-too-large",
        (("param_groups(model, 5e-4)", "param_groups(model, 5.0)"),),
    ),
    Fault(
        "decay-house",
        "house_nll",
        "weight-decay-too-large",
        (("model.parameters(), lr=3e-3)", "model.parameters(), lr=3e-3, weight_decay=2.0)"),),
    ),
    Fault(
        "decay-cancer", "cancer_bce", "weight-decay-too-large", (("weight_decay=1e-2", "weight_decay=100"),)
    ),
    Fault("dropout-digits", "digits_mlp", "dropout-too-strong", (("drop=0.2", "drop=0.95"),)),
    Fault(
        "dropout-gru",
        "tokens_gru",
        "dropout-too-strong",
        (("self.drop = nn.Dropout(0.1)", "self.drop = nn.Dropout(0.99)"),),
    ),
    Fault("dropout-transformer", "transformer_cls", "dropout-too-strong", (("dropout=0.0", "dropout=0.9"),)),
    Fault("momentum-fraud", "fraud_weights", "momentum-too-high", (("momentum=0.9", "momentum=0.999"),)),
    Fault("momentum-spiral", "spiral_raw", "momentum-too-high", (("momentum=0.9", "momentum=0.999"),)),
    Fault(
        "decay-every-batch-friedman",
        "friedman_custom",
        "lr-decays-too-fast",
        (
            (
                "    criterion = nn.MSELoss()\n",
                "    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)\n    criterion = nn.MSELoss()\n",
            ),
            ("            optimizer.step()\n", "            optimizer.step()\n            schedule.step()\n"),
        ),
    ),
)
