"""Faults of losses, of the graph and of the model as it is written."""

from bank._program import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        "softmax-cnn",
        "digits_cnn",
        "redundant-softmax",
        (("return self.classifier(h)", "return F.softmax(self.classifier(h), dim=1)"),),
        silent=True,
    ),
    Fault(
        "softmax-gru",
        "tokens_gru",
        "redundant-softmax",
        (("return self.fc(self.drop(pooled))", "return torch.softmax(self.fc(self.drop(pooled)), dim=-1)"),),
        silent=True,
    ),
    Fault(
        "softmax-fraud",
        "fraud_weights",
        "redundant-softmax",
        (("return self.c(x)", "return self.c(x).softmax(1)"),),
    ),
    Fault(
        "sigmoid-cancer",
        "cancer_bce",
        "redundant-sigmoid",
        (("nn.Linear(32, 1),", "nn.Linear(32, 1),\n        nn.Sigmoid(),"),),
    ),
    Fault(
        "sigmoid-shapes",
        "shapes_multilabel",
        "redundant-sigmoid",
        (("return self.head(h.amax(dim=(2, 3)))", "return torch.sigmoid(self.head(h.amax(dim=(2, 3))))"),),
    ),
    Fault(
        "sigmoid-gan",
        "gan_ring",
        "redundant-sigmoid",
        (("nn.LeakyReLU(0.2), nn.Linear(64, 1)", "nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Sigmoid()"),),
    ),
    Fault(
        "nll-of-scores-wine",
        "wine_trainer",
        "missing-log-softmax",
        (("return F.log_softmax(self.out(x), dim=1)", "return self.out(x)"),),
    ),
    Fault(
        "nll-of-probabilities-wine",
        "wine_trainer",
        "missing-log-softmax",
        (("return F.log_softmax(self.out(x), dim=1)", "return F.softmax(self.out(x), dim=1)"),),
        silent=True,
    ),
    Fault(
        "nll-of-scores-digits",
        "digits_mlp",
        "missing-log-softmax",
        (("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),),
    ),
    Fault(
        "nll-of-scores-gru",
        "tokens_gru",
        "missing-log-softmax",
        (("loss_function = nn.CrossEntropyLoss()", "loss_function = nn.NLLLoss()"),),
    ),
    Fault(
        "bce-of-scores-cancer",
        "cancer_bce",
        "missing-output-activation",
        (("loss_fn = nn.BCEWithLogitsLoss()", "loss_fn = nn.BCELoss()"),),
    ),
    Fault(
        "bce-of-clamped-scores",
        "spiral_raw",
        "missing-output-activation",
        (("p = torch.sigmoid(logit)", "p = logit.clamp(0, 1)"),),
    ),
    Fault(
        "log-of-scores-spiral",
        "spiral_raw",
        "missing-output-activation",
        (("p = torch.sigmoid(logit)", "p = logit"),),
    ),
    Fault(
        "variance-any-sign",
        "house_nll",
        "missing-output-activation",
        (("var = F.softplus(self.var_head(h)).squeeze(1) + 1e-4", "var = self.var_head(h).squeeze(1)"),),
    ),
    Fault(
        "log-softmax-over-batch",
        "wine_trainer",
        "wrong-softmax-dim",
        (("F.log_softmax(self.out(x), dim=1)", "F.log_softmax(self.out(x), dim=0)"),),
        silent=True,
    ),
    Fault(
        "attention-over-queries",
        "char_lm",
        "wrong-softmax-dim",
        (("att = F.softmax(att, dim=-1)", "att = F.softmax(att, dim=-2)"),),
    ),
    Fault(
        "softmax-over-width",
        "segment_bf16",
        "wrong-softmax-dim",
        (
            (
                "loss = F.cross_entropy(logits, mask, ignore_index=IGNORE)",
                "loss = F.nll_loss(F.log_softmax(logits, dim=-1), mask, ignore_index=IGNORE)",
            ),
        ),
    ),
    Fault(
        "softmax-of-one",
        "cancer_bce",
        "single-logit-softmax",
        (
            ("nn.Linear(32, 1),", "nn.Linear(32, 1),\n        nn.Softmax(dim=1),"),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
            ("torch.sigmoid(model(x))", "model(x)"),
        ),
        accepts=("wrong-softmax-dim",),
    ),
    Fault(
        "column-minus-row-diabetes",
        "diabetes_huber",
        "broadcast-mismatch",
        (("pred = net(X[ids]).squeeze(-1)", "pred = net(X[ids])"),),
    ),
    Fault(
        "column-minus-row-friedman",
        "friedman_custom",
        "broadcast-mismatch",
        (("loss = criterion(prediction, y)", "loss = criterion(prediction, y.flatten())"),),
    ),
    Fault(
        "column-times-row-spiral",
        "spiral_raw",
        "broadcast-mismatch",
        (("return (h2 @ W3 + b3)[:, 0]", "return h2 @ W3 + b3"),),
    ),
    Fault(
        "column-minus-row-sine",
        "sine_lstm",
        "broadcast-mismatch",
        (
            (
                "return wave[:, :-1].unsqueeze(-1), wave[:, -1:]",
                "return wave[:, :-1].unsqueeze(-1), wave[:, -1]",
            ),
        ),
    ),
    Fault(
        "loss-of-argmax",
        "digits_mlp",
        "nondifferentiable-output",
        (
            (
                "loss = criterion(out, yb)",
                "preds = out.argmax(1).float().requires_grad_()\n        loss = nn.functional.mse_loss(preds, yb.float())",
            ),
        ),
    ),
    Fault(
        "rounded-probabilities",
        "cancer_bce",
        "nondifferentiable-output",
        (
            (
                "            logits = model(x)\n            loss = loss_fn(logits, t)",
                "            pred = torch.round(torch.sigmoid(model(x)))\n            loss = nn.functional.binary_cross_entropy(pred, t)",
            ),
        ),
    ),
    Fault(
        "rounded-pixels",
        "digits_ae",
        "nondifferentiable-output",
        (("recon = ae(batch)", "recon = torch.round(ae(batch) * 16) / 16"),),
    ),
    Fault(
        "head-on-detached-lstm",
        "sine_lstm",
        "detached-part",
        (
            (
                "return self.head(states[:, -1])",
                "last = states[:, -1].detach()\n        return self.head(last)",
            ),
        ),
    ),
    Fault(
        "through-numpy",
        "digits_ae",
        "detached-part",
        (
            (
                "return self.decoder(self.encoder(x))",
                "code = self.encoder(x).detach().numpy()\n        return self.decoder(torch.tensor(code))",
            ),
        ),
    ),
    Fault(
        "blocks-no-grad",
        "transformer_cls",
        "detached-part",
        (
            (
                "        h = self.blocks(h)\n",
                "        with torch.no_grad():\n            h = self.blocks(h)\n",
            ),
        ),
    ),
    Fault(
        "data-of-stream",
        "char_lm",
        "detached-part",
        (("logits = self.lm_head(self.ln_f(x))", "logits = self.lm_head(self.ln_f(x.data))"),),
    ),
    Fault(
        "generator-detached",
        "gan_ring",
        "detached-part",
        (
            (
                "        fake = generator(torch.randn(batch, NOISE))\n        g_loss = bce(discriminator(fake), ones)",
                "        fake = generator(torch.randn(batch, NOISE)).detach()\n        g_loss = bce(discriminator(fake), ones)",
            ),
        ),
    ),
    Fault(
        "loss-made-anew",
        "diabetes_huber",
        "loss-detached",
        (
            (
                "loss = loss_fn(pred, t[ids])",
                "loss = torch.tensor(loss_fn(pred, t[ids]).item(), requires_grad=True)",
            ),
        ),
    ),
    Fault(
        "layers-in-list-friedman",
        "friedman_custom",
        "unregistered-layers",
        (
            (
                "self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))",
                "self.layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]",
            ),
        ),
    ),
    Fault(
        "blocks-in-list-lm",
        "char_lm",
        "unregistered-layers",
        (
            ("self.blocks = nn.Sequential(Block(), Block())", "self.blocks = [Block() for _ in range(2)]"),
            (
                "x = self.blocks(self.wte(idx) + self.wpe(pos))",
                "x = self.wte(idx) + self.wpe(pos)\n        for block in self.blocks:\n            x = block(x)",
            ),
        ),
    ),
    Fault(
        "relu-on-z-scores",
        "diabetes_huber",
        "output-range",
        (("    nn.Linear(12, 1),\n", "    nn.Linear(12, 1),\n    nn.ReLU(),\n"),),
    ),
    Fault(
        "sigmoid-on-z-scores",
        "friedman_custom",
        "output-range",
        (("return self.out(x)", "return torch.sigmoid(self.out(x))"),),
    ),
    Fault(
        "relu-on-wave",
        "sine_lstm",
        "output-range",
        (("return self.head(states[:, -1])", "return torch.relu(self.head(states[:, -1]))"),),
    ),
    Fault(
        "relu-on-logits", "digits_mlp", "output-range", (("x = self.fc3(x)", "x = self.act(self.fc3(x))"),)
    ),
    Fault(
        "negative-cross-entropy",
        "fraud_weights",
        "flipped-loss-sign",
        (("loss = F.cross_entropy(", "loss = -F.cross_entropy("),),
    ),
    Fault(
        "bce-without-minus",
        "spiral_raw",
        "flipped-loss-sign",
        (("return -(y * torch.log", "return (y * torch.log"),),
    ),
    Fault(
        "triplet-swapped",
        "metric_digits",
        "flipped-loss-sign",
        (("F.relu(pos - neg + MARGIN)", "F.relu(neg - pos + MARGIN)"),),
    ),
    Fault(
        "spiral-linear",
        "spiral_raw",
        "missing-nonlinearity",
        (
            ("h1 = torch.relu(x @ W1 + b1)", "h1 = x @ W1 + b1"),
            ("h2 = torch.relu(h1 @ W2 + b2)", "h2 = h1 @ W2 + b2"),
        ),
    ),
    Fault(
        "friedman-linear",
        "friedman_custom",
        "missing-nonlinearity",
        (("x = SmoothRamp.apply(layer(x))", "x = layer(x)"),),
    ),
    Fault(
        "zero-weights",
        "spiral_raw",
        "symmetric-init",
        (("w = torch.randn(fan_in, fan_out) * (2.0 / fan_in) ** 0.5", "w = torch.zeros(fan_in, fan_out)"),),
    ),
    Fault(
        "constant-weights",
        "friedman_custom",
        "symmetric-init",
        (
            (
                "    model = Regressor(8, args.width, args.depth)\n",
                "    model = Regressor(8, args.width, args.depth)\n    for p in model.parameters():\n        nn.init.constant_(p, 0.05)\n",
            ),
        ),
    ),
    Fault(
        "constant-weights-wine",
        "wine_trainer",
        "symmetric-init",
        (
            (
                "        self.out = nn.Linear(width, n_classes)\n",
                "        self.out = nn.Linear(width, n_classes)\n        for layer in (self.inp, self.mid, self.out):\n            nn.init.ones_(layer.weight)\n",
            ),
        ),
        accepts=("poor-init",),
    ),
    Fault(
        "digit-as-a-number",
        "digits_mlp",
        "mse-on-classes",
        (
            ("self.fc3 = nn.Linear(hidden, 10)", "self.fc3 = nn.Linear(hidden, 1)"),
            ("x = self.fc3(x)", "x = self.fc3(x).squeeze(1)"),
            ("nn.CrossEntropyLoss()", "nn.MSELoss()"),
            ("criterion(out, yb)", "criterion(out, yb.float())"),
            ("criterion(val_out, y_val)", "criterion(val_out, y_val.float())"),
            ("(val_out.argmax(1) == y_val)", "(val_out.round() == y_val)"),
            ("(model(X_test).argmax(1) == y_test)", "(model(X_test).round() == y_test)"),
        ),
    ),
    Fault(
        "softmax-lm",
        "char_lm",
        "redundant-softmax",
        (("logits = self.lm_head(self.ln_f(x))", "logits = F.softmax(self.lm_head(self.ln_f(x)), dim=-1)"),),
    ),
    Fault(
        "ascent-vae",
        "digits_vae",
        "flipped-loss-sign",
        (("                loss.backward()\n", "                (-loss).backward()\n"),),
    ),
)
