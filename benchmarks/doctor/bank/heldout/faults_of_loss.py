"""Faults of the loss and of the graph between it and the parameters."""
# ruff: noqa: E501

from bank._program import Fault

LOSS: tuple[Fault, ...] = (
    Fault(
        "lm-softmax-head",
        "grammar_lm",
        "redundant-softmax",
        (("return self.lm_head(self.ln(x))", "return torch.softmax(self.lm_head(self.ln(x)), dim=-1)"),),
    ),
    Fault(
        "wine-softmax-layer",
        "wine_grower",
        "redundant-softmax",
        (
            ("    nn.Linear(16, 3),\n", "    nn.Linear(16, 3),\n    nn.Softmax(dim=1),\n"),
            ("lr=0.05, momentum=0.9", "lr=0.01"),
        ),
    ),
    Fault(
        "fraud-softmax-output",
        "fraud_sampler",
        "redundant-softmax",
        (("        return self.layer3(x)", "        return torch.softmax(self.layer3(x), dim=1)"),),
        silent=True,
    ),
    Fault(
        "gpt-softmax-inside",
        "count_gpt",
        "redundant-softmax",
        (("logits = self.head(self.ln_f(x))", "logits = F.softmax(self.head(self.ln_f(x)), dim=-1)"),),
    ),
    Fault(
        "tumor-double-sigmoid",
        "tumor_trainer",
        "redundant-sigmoid",
        (
            (
                "return self.out(self.net(x)).squeeze(-1)",
                "return torch.sigmoid(self.out(self.net(x))).squeeze(-1)",
            ),
        ),
    ),
    Fault(
        "tags-double-sigmoid",
        "topic_tags",
        "redundant-sigmoid",
        (
            (
                "return self.classifier(self.dropout(nn.functional.gelu(self.hidden(mean))))",
                "return torch.sigmoid(self.classifier(self.dropout(nn.functional.gelu(self.hidden(mean)))))",
            ),
            ("guess, truth = logits > 0,", "guess, truth = logits > 0.5,"),
        ),
    ),
    Fault(
        "vae-double-sigmoid",
        "digits_vae",
        "redundant-sigmoid",
        (
            (
                "return self.dec2(F.relu(self.dec1(z)))",
                "return torch.sigmoid(self.dec2(F.relu(self.dec1(z))))",
            ),
        ),
    ),
    Fault(
        "gan-double-sigmoid",
        "ring_gan",
        "redundant-sigmoid",
        (("critic = mlp(2, 48, 48, 1)", "critic = nn.Sequential(mlp(2, 48, 48, 1), nn.Sigmoid())"),),
    ),
    Fault(
        "seq2seq-scores-to-nll",
        "reverse_seq2seq",
        "missing-log-softmax",
        (("return F.log_softmax(self.out(output), dim=-1), state", "return self.out(output), state"),),
    ),
    Fault(
        "iris-probabilities-to-nll",
        "iris_by_hand",
        "missing-log-softmax",
        (("return F.log_softmax(h @", "return F.softmax(h @"), ("lr=0.08", "lr=0.01")),
    ),
    Fault(
        "wine-nll-on-scores",
        "wine_grower",
        "missing-log-softmax",
        (("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),),
    ),
    Fault(
        "spirals-bce-on-scores",
        "spirals_custom_act",
        "missing-output-activation",
        (("return torch.sigmoid(self.out(x)).flatten()", "return self.out(x).flatten()"),),
    ),
    Fault(
        "vae-log-of-scores",
        "digits_vae",
        "missing-output-activation",
        (
            (
                '    bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum")\n',
                "    recon = recon.clamp(1e-6, 1 - 1e-6)\n"
                "    bce = -(x * recon.log() + (1 - x) * (1 - recon).log()).sum()\n",
            ),
        ),
    ),
    Fault(
        "bikes-rate-without-exp",
        "bike_counts",
        "missing-output-activation",
        (
            ("nn.PoissonNLLLoss(log_input=True)", "nn.PoissonNLLLoss(log_input=False)"),
            ("net(x_test).exp(), y_test", "net(x_test).clamp(min=1e-3), y_test"),
        ),
    ),
    Fault(
        "gpt-softmax-over-queries",
        "count_gpt",
        "wrong-softmax-dim",
        (("weight = F.softmax(weight, dim=-1)", "weight = F.softmax(weight, dim=-2)"),),
    ),
    Fault(
        "tumor-softmax-of-one",
        "tumor_trainer",
        "single-logit-softmax",
        (
            (
                "return self.out(self.net(x)).squeeze(-1)",
                "return torch.softmax(self.out(self.net(x)), dim=-1).squeeze(-1)",
            ),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
            ("((out > 0) ==", "((out > 0.5) =="),
        ),
    ),
    Fault(
        "diabetes-column-against-row",
        "diabetes_progress",
        "broadcast-mismatch",
        ((".float().unsqueeze(1)", ".float()"),),
    ),
    Fault(
        "sine-flat-targets",
        "noisy_sine_nll",
        "broadcast-mismatch",
        (
            ("    return x, y\n", "    return x, y.squeeze(1)\n"),
            (
                "test_nll = gaussian_nll(*model(x_test), y_test)",
                "test_nll = gaussian_nll(*model(x_test), y_test.unsqueeze(1))",
            ),
        ),
    ),
    Fault(
        "house-unsqueezed-output",
        "house_prices",
        "broadcast-mismatch",
        (("        nn.Flatten(0),\n", ""), ("guess = model(x[1250:])", "guess = model(x[1250:]).squeeze(1)")),
    ),
    Fault(
        "spirals-threshold-first",
        "spirals_custom_act",
        "nondifferentiable-output",
        (("p = net(train_x[rows])\n", "p = (net(train_x[rows]) > 0.5).float().requires_grad_()\n"),),
        accepts=("loss-detached", "detached-part"),
    ),
    Fault(
        "bikes-rounded-counts",
        "bike_counts",
        "nondifferentiable-output",
        (
            (
                "log_rate = net(x[rows])\n            loss = loss_fn(log_rate, y[rows])",
                "count = net(x[rows]).exp().round()\n            loss = nn.functional.mse_loss(count, y[rows])",
            ),
        ),
    ),
    Fault(
        "autoencoder-gray-levels",
        "digits_autoencoder",
        "nondifferentiable-output",
        (
            (
                "        return self.decoder(self.encoder(x))",
                "        return torch.round(self.decoder(self.encoder(x)) * 16) / 16",
            ),
        ),
    ),
    Fault(
        "waveform-detached-states",
        "waveform_gru",
        "detached-part",
        (("pooled = states[:, 8:].mean(dim=1)", "pooled = states.detach()[:, 8:].mean(dim=1)"),),
    ),
    Fault(
        "seq2seq-state-data",
        "reverse_seq2seq",
        "detached-part",
        (
            (
                "        return state\n\n\nclass Decoder",
                "        return tuple(s.data for s in state)\n\n\nclass Decoder",
            ),
        ),
    ),
    Fault(
        "gan-detached-for-generator",
        "ring_gan",
        "detached-part",
        (
            (
                "g_loss = criterion(critic(fake), real_label)",
                "g_loss = criterion(critic(fake.detach()), real_label)",
            ),
        ),
        accepts=("parameters-not-updated",),
    ),
    Fault(
        "vae-detached-latent",
        "digits_vae",
        "detached-part",
        (
            (
                "z = self.reparameterize(mu, logvar)\n        return self.decode(z)",
                "z = self.reparameterize(mu, logvar).detach()\n        return self.decode(z)",
            ),
        ),
    ),
    Fault(
        "sine-features-no-grad",
        "noisy_sine_nll",
        "detached-part",
        (("        h = self.body(x)\n", "        with torch.no_grad():\n            h = self.body(x)\n"),),
    ),
    Fault(
        "wine-loss-rewrapped",
        "wine_grower",
        "loss-detached",
        (
            (
                "        loss = criterion(logits, y_train[index])\n",
                "        loss = torch.tensor(criterion(logits, y_train[index]).item(), requires_grad=True)\n",
            ),
        ),
    ),
    Fault(
        "tides-loss-requires-grad",
        "tides_forecast",
        "loss-detached",
        (
            (
                "            forecast = model(past)\n            loss = criterion(forecast, future)\n",
                "            with torch.no_grad():\n                forecast = model(past)\n"
                "            loss = criterion(forecast, future).requires_grad_(True)\n",
            ),
        ),
        accepts=("detached-part",),
    ),
    Fault(
        "tagger-layer-list",
        "sequence_tagger",
        "unregistered-layers",
        (("self.layers = nn.ModuleList(layers)", "self.layers = layers"),),
    ),
    Fault(
        "gpt-block-list",
        "count_gpt",
        "unregistered-layers",
        (
            (
                "self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(layers)])",
                "self.blocks = [Block(dim, heads) for _ in range(layers)]",
            ),
        ),
    ),
    Fault(
        "tides-layer-dict",
        "tides_forecast",
        "unregistered-layers",
        (
            (
                "        self.c1 = CausalConv(1, channels, 1)\n        self.c2 = CausalConv(channels, channels, 4)\n"
                "        self.c3 = CausalConv(channels, channels, 12)\n",
                '        self.convs = {"c1": CausalConv(1, channels, 1)}\n        for i, dilation in enumerate((4, 12)):\n'
                '            self.convs[f"c{i + 2}"] = CausalConv(channels, channels, dilation)\n',
            ),
            (
                "        return self.linear(self.c3(self.c2(self.c1(x)))[:, :, -1])",
                "        for conv in self.convs.values():\n            x = conv(x)\n        return self.linear(x[:, :, -1])",
            ),
        ),
    ),
    Fault(
        "mixer-new-tensor-parameter",
        "digits_mixer_bf16",
        "unregistered-layers",
        (
            (
                "self.blocks = nn.ModuleList([MixerBlock(16, dim) for _ in range(depth)])",
                "self.blocks = tuple(MixerBlock(16, dim) for _ in range(depth))",
            ),
            ("nn.Parameter(torch.randn(1, 16, dim) * 0.1)", "torch.randn(1, 16, dim, requires_grad=True)"),
        ),
    ),
    Fault(
        "tides-tanh-sigmoid-output",
        "tides_forecast",
        "output-range",
        (
            (
                "return self.linear(self.c3(self.c2(self.c1(x)))[:, :, -1])",
                "return torch.sigmoid(self.linear(self.c3(self.c2(self.c1(x)))[:, :, -1]))",
            ),
        ),
    ),
    Fault(
        "house-relu-price",
        "house_prices",
        "output-range",
        (("        nn.Linear(40, 1),\n", "        nn.Linear(40, 1),\n        nn.ReLU(),\n"),),
    ),
    Fault(
        "autoencoder-centered-pixels",
        "digits_autoencoder",
        "output-range",
        (("load_digits().data / 16,", "load_digits().data / 8 - 1,"),),
    ),
    Fault(
        "mixer-relu-logits",
        "digits_mixer_bf16",
        "output-range",
        (
            (
                "return self.head(self.norm(x).mean(dim=1))",
                "return F.relu(self.head(self.norm(x).mean(dim=1)))",
            ),
        ),
    ),
    Fault(
        "iris-positive-likelihood",
        "iris_by_hand",
        "flipped-loss-sign",
        (("loss = F.nll_loss(logprobs, Ytr[ix])", "loss = logprobs[torch.arange(16), Ytr[ix]].mean()"),),
    ),
    Fault(
        "sine-likelihood-sign",
        "noisy_sine_nll",
        "flipped-loss-sign",
        (
            ("* torch.exp(-log_var))).mean()", "* torch.exp(log_var))).mean()"),
            (
                "    test_nll = gaussian_nll(*model(x_test), y_test)\n",
                "    mean, log_var = model(x_test)\n"
                "    test_nll = (0.5 * (log_var + (y_test - mean) ** 2 * torch.exp(-log_var))).mean()\n",
            ),
        ),
        note="The sign inside the exponent: the variance falls without bound.",
    ),
    Fault(
        "triplets-swapped-gap",
        "digit_triplets",
        "flipped-loss-sign",
        (
            (
                "gap = (za - zp).pow(2).sum(1) - (za - zn).pow(2).sum(1)",
                "gap = (za - zn).pow(2).sum(1) - (za - zp).pow(2).sum(1)",
            ),
        ),
    ),
    Fault(
        "sine-linear-stack",
        "noisy_sine_nll",
        "missing-nonlinearity",
        (
            (
                "nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())",
                "nn.Sequential(nn.Linear(1, hidden), nn.Linear(hidden, hidden))",
            ),
        ),
    ),
    Fault(
        "spirals-linear-stack",
        "spirals_custom_act",
        "missing-nonlinearity",
        (
            ("x = self.gate(self.inp(x))", "x = self.inp(x)"),
            ("x = torch.tanh(self.h1(x))", "x = self.h1(x)"),
            ("x = torch.tanh(self.h2(x))", "x = self.h2(x)"),
            ("x = self.gate(self.h3(x))", "x = self.h3(x)"),
        ),
    ),
    Fault(
        "iris-zero-weights",
        "iris_by_hand",
        "symmetric-init",
        (
            ("torch.randn(4, 24, generator=gen) * (2 / 4) ** 0.5", "torch.zeros(4, 24)"),
            ("torch.randn(24, 3, generator=gen) * (1 / 24) ** 0.5", "torch.zeros(24, 3)"),
        ),
    ),
    Fault(
        "spirals-constant-weights",
        "spirals_custom_act",
        "symmetric-init",
        (
            (
                "        for layer in (self.h1, self.h2, self.h3):\n            nn.init.xavier_normal_(layer.weight, gain=5 / 3)\n",
                "        for layer in self.children():\n            if isinstance(layer, nn.Linear):\n"
                "                nn.init.constant_(layer.weight, 0.05)\n",
            ),
        ),
    ),
    Fault(
        "wine-class-number-regression",
        "wine_grower",
        "mse-on-classes",
        (
            ("    nn.Linear(16, 3),\n", "    nn.Linear(16, 1),\n    nn.Flatten(0),\n"),
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
            ("loss = criterion(logits, y_train[index])", "loss = criterion(logits, y_train[index].float())"),
            ("(out.argmax(1) == y_val)", "(out.round() == y_val)"),
            ("(model(X_test).argmax(1) == y_test)", "(model(X_test).round() == y_test)"),
        ),
        silent=True,
    ),
    Fault(
        "convnet-class-number-regression",
        "digits_convnet",
        "mse-on-classes",
        (
            ("self.fc2 = nn.Linear(48, 10)", "self.fc2 = nn.Linear(48, 1)"),
            (
                "loss = F.cross_entropy(scores, labels)",
                "loss = F.mse_loss(scores.squeeze(1), labels.float())",
            ),
            ("model(images).argmax(1) == labels", "model(images).squeeze(1).round() == labels"),
            ("lr=0.03", "lr=0.003"),
        ),
    ),
    Fault(
        "lm-softmax-over-batch",
        "grammar_lm",
        "wrong-softmax-dim",
        (
            (
                "    loss = criterion(logits.flatten(0, 1), yb.flatten())\n    optimizer.zero_grad",
                "    logp = torch.log_softmax(logits, dim=0)\n    loss = nn.functional.nll_loss(logp.flatten(0, 1), yb.flatten())\n    optimizer.zero_grad",
            ),
        ),
        silent=True,
    ),
    Fault(
        "convnet-detached-hidden",
        "digits_convnet",
        "detached-part",
        (("x = self.drop(F.relu(self.fc1(x)))\n", "x = self.drop(F.relu(self.fc1(x))).detach()\n"),),
    ),
    Fault(
        "transfer-constant-layers",
        "digits_transfer",
        "symmetric-init",
        (
            (
                "    def forward(self, x):\n        return self.layers(x)\n",
                "        for layer in self.layers:\n            if isinstance(layer, nn.Linear):\n"
                "                nn.init.constant_(layer.weight, 0.1)\n\n"
                "    def forward(self, x):\n        return self.layers(x)\n",
            ),
        ),
    ),
)
