"""Faults of the data and of how it reaches the network."""
# ruff: noqa: E501

from bank._program import Fault

DATA: tuple[Fault, ...] = (
    Fault(
        "convnet-labels-from-one",
        "digits_convnet",
        "labels-out-of-range",
        (("labels = torch.tensor(digits.target)\n", "labels = torch.tensor(digits.target + 1)\n"),),
    ),
    Fault(
        "tagger-outputs-too-few",
        "sequence_tagger",
        "labels-out-of-range",
        (
            ("self.head = nn.Linear(dim, N_LABELS)", "self.head = nn.Linear(dim, N_LABELS - 1)"),
            ("logits.view(-1, N_LABELS)", "logits.view(-1, N_LABELS - 1)"),
        ),
    ),
    Fault(
        "iris-first-fifty",
        "iris_by_hand",
        "single-class",
        (
            ("features, species = features[shuffle], species[shuffle]\n", ""),
            ("features[:80], species[:80]", "features[:50], species[:50]"),
            ("features[80:105], species[80:105]", "features[50:80], species[50:80]"),
            ("features[105:], species[105:]", "features[shuffle], species[shuffle]"),
        ),
        accepts=("unshuffled-data",),
    ),
    Fault(
        "tagger-padding-is-a-label",
        "sequence_tagger",
        "ignore-index-collision",
        (
            ("padding_value=-100", "padding_value=0"),
            ("ignore_index=-100", "ignore_index=0"),
            ("keep = labels != -100", "keep = ids != 0"),
        ),
    ),
    Fault(
        "lm-space-ignored",
        "grammar_lm",
        "ignore-index-collision",
        (
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.CrossEntropyLoss(ignore_index=0)"),
            (
                "total += criterion(logits.flatten(0, 1), y.flatten()).item()",
                "total += nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).item()",
            ),
        ),
    ),
    Fault(
        "wine-raw-measurements",
        "wine_grower",
        "unscaled-input",
        (
            ("torch.tensor(scaler.transform(X_train), dtype", "torch.tensor(X_train, dtype"),
            ("torch.tensor(scaler.transform(X_val), dtype", "torch.tensor(X_val, dtype"),
            ("torch.tensor(scaler.transform(X_test), dtype", "torch.tensor(X_test, dtype"),
        ),
    ),
    Fault(
        "tumor-raw-measurements",
        "tumor_trainer",
        "unscaled-input",
        (("    tumors.standardize(train_set.indices)\n", ""),),
    ),
    Fault(
        "house-raw-units",
        "house_prices",
        "unscaled-input",
        (("        Normalizer(sample),\n", ""), ("nn.Linear(5, 40)", "nn.Linear(sample.shape[1], 40)")),
    ),
    Fault(
        "mixer-pixels-times-255",
        "digits_mixer_bf16",
        "unscaled-input",
        (
            ("images = (images - mean) / std\n", "images = images * 255 / 16 - 3 * mean\n"),
            ("lr=4e-3", "lr=2e-3"),
        ),
    ),
    Fault(
        "tides-raw-level",
        "tides_forecast",
        "unscaled-input",
        (
            (
                "        return past.unsqueeze(0), future",
                "        return past.unsqueeze(0) * 120 + 310, future",
            ),
            (
                "torch.optim.Adam(model.parameters(), lr=3e-3)",
                "torch.optim.SGD(model.parameters(), lr=3e-3, momentum=0.9)",
            ),
        ),
    ),
    Fault(
        "diabetes-as-loaded",
        "diabetes_progress",
        "tiny-input",
        (("torch.from_numpy((data - mean) / std)", "torch.from_numpy(data)"),),
    ),
    Fault(
        "mixer-scaled-twice",
        "digits_mixer_bf16",
        "tiny-input",
        (
            ("images = (images - mean) / std\n", "images = (images / 255.0) / 255.0\n"),
            ("nn.Parameter(torch.randn(1, 16, dim) * 0.1)", "nn.Parameter(torch.randn(1, 16, dim))"),
        ),
    ),
    Fault(
        "convnet-integer-pixels",
        "digits_convnet",
        "constant-input",
        (
            (
                "torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0",
                'torch.tensor(digits.images.astype("uint8") // 17).float().unsqueeze(1)',
            ),
        ),
    ),
    Fault(
        "tumor-first-row-always",
        "tumor_trainer",
        "constant-input",
        (("return self.x[i], self.y[i]", "return self.x[0], self.y[i]"),),
    ),
    Fault(
        "tides-window-start-fixed",
        "tides_forecast",
        "constant-input",
        (("past = self.series[i : i + WINDOW]", "past = self.series[:WINDOW]"),),
    ),
    Fault(
        "diabetes-noise-in-place",
        "diabetes_progress",
        "input-mutated",
        (
            (
                "        prediction = model(inputs[rows])\n",
                "        inputs[rows] += 0.5 * torch.randn(len(rows), inputs.shape[1])\n        prediction = model(inputs[rows])\n",
            ),
        ),
    ),
    Fault(
        "shapes-noise-in-place",
        "shapes_accelerate",
        "input-mutated",
        (
            (
                "        return self.images[i], self.labels[i]",
                "        image = self.images[i]\n        image += 0.4 * torch.randn_like(image)\n        return image, self.labels[i]",
            ),
        ),
    ),
    Fault(
        "convnet-sorted-by-label",
        "digits_convnet",
        "unshuffled-data",
        (
            (
                "train, val, test = (TensorDataset(images[part], labels[part]) for part in parts)\n",
                "parts = parts[0][labels[parts[0]].argsort()], *parts[1:]\n    train, val, test = (TensorDataset(images[part], labels[part]) for part in parts)\n",
            ),
            ("shuffle=True, drop_last=True", "drop_last=True"),
        ),
    ),
    Fault(
        "waveform-one-kind-after-another",
        "waveform_gru",
        "unshuffled-data",
        (
            (
                "    net = Listener()\n",
                "    train_x, train_y = train_x[train_y.argsort()], train_y.sort().values\n    net = Listener()\n",
            ),
            ("torch.randperm(len(train_x)).split(40)", "torch.arange(len(train_x)).split(40)"),
        ),
    ),
    Fault(
        "lm-batch-drawn-once",
        "grammar_lm",
        "repeated-batch",
        (
            ("for step in range(steps):\n", 'xb, yb = get_batch("train")\nfor step in range(steps):\n'),
            ('    xb, yb = get_batch("train")\n    logits', "    logits"),
        ),
    ),
    Fault(
        "gpt-stream-started-again",
        "count_gpt",
        "repeated-batch",
        (
            (
                "seq = progressions(48, stream)",
                "seq = progressions(48, torch.Generator().manual_seed(SEED + 5))",
            ),
            ("    stream = torch.Generator().manual_seed(SEED + 5)\n", ""),
        ),
    ),
    Fault(
        "seq2seq-seed-in-batch",
        "reverse_seq2seq",
        "repeated-batch",
        (
            (
                "    source = torch.randint(SYMBOLS, (LENGTH, size), generator=generator)\n",
                "    source = torch.randint(SYMBOLS, (LENGTH, size), generator=generator.manual_seed(size))\n",
            ),
        ),
    ),
    Fault(
        "fraud-copies-before-split",
        "fraud_sampler",
        "train-val-overlap",
        (
            (
                "    x_fit, x_test, y_fit",
                "    rare = y == 1\n    x, y = np.concatenate([x] + 8 * [x[rare]]), np.concatenate([y] + 8 * [y[rare]])\n    x_fit, x_test, y_fit",
            ),
            (
                "import torch\nfrom sklearn.datasets",
                "import numpy as np\nimport torch\nfrom sklearn.datasets",
            ),
        ),
        silent=True,
    ),
    Fault(
        "autoencoder-slices-overlap",
        "digits_autoencoder",
        "train-val-overlap",
        (
            (
                "pixels[:1200], pixels[1200:1450], pixels[1450:]",
                "pixels[:1500], pixels[1000:1250], pixels[1450:]",
            ),
        ),
        silent=True,
    ),
    Fault(
        "tumor-tests-on-train",
        "tumor_trainer",
        "train-val-overlap",
        (
            (
                "train_set, val_set, test_set = random_split(tumors, [340, 100, 129])",
                "train_set, _ = random_split(tumors, [340, 229])\n    val_set, _ = random_split(tumors, [200, 369])\n    test_set, _ = random_split(tumors, [200, 369])",
            ),
        ),
        silent=True,
    ),
    Fault(
        "wine-scaler-sees-all",
        "wine_grower",
        "leaky-preprocessing",
        (("StandardScaler().fit(X_train)", "StandardScaler().fit(X)"),),
        silent=True,
    ),
    Fault(
        "diabetes-statistics-of-all",
        "diabetes_progress",
        "leaky-preprocessing",
        (
            (
                "mean, std = data[train_rows].mean(0), data[train_rows].std(0)",
                "mean, std = data.mean(0), data.std(0)",
            ),
        ),
        silent=True,
    ),
    Fault(
        "tumor-standardized-before-split",
        "tumor_trainer",
        "leaky-preprocessing",
        (("tumors.standardize(train_set.indices)", "tumors.standardize(range(len(tumors)))"),),
        silent=True,
    ),
    Fault(
        "wine-validation-not-scaled",
        "wine_grower",
        "train-val-mismatch",
        (
            ("torch.tensor(scaler.transform(X_val), dtype", "torch.tensor(X_val, dtype"),
            ("torch.tensor(scaler.transform(X_test), dtype", "torch.tensor(X_test, dtype"),
        ),
    ),
    Fault(
        "convnet-validation-in-levels",
        "digits_convnet",
        "train-val-mismatch",
        (
            (
                "    train, val, test = (TensorDataset(images[part], labels[part]) for part in parts)\n",
                "    train, val, test = (TensorDataset(images[part], labels[part]) for part in parts)\n    for held in (val, test):\n        held.tensors = (held.tensors[0] * 16 - 8, held.tensors[1])\n",
            ),
        ),
    ),
    Fault(
        "mixer-evaluates-raw",
        "digits_mixer_bf16",
        "train-val-mismatch",
        (("(net(images[rows]).argmax(-1)", "(net(torch.tensor(raw.images[rows]).float()).argmax(-1)"),),
    ),
    Fault(
        "tides-parts-scaled-differently",
        "tides_forecast",
        "train-val-mismatch",
        (
            (
                "(\n        Windows((part - mean) / std) for part in (train_part, val_part, test_part)\n    )",
                "(\n        Windows(part) for part in ((train_part - mean) / std, (val_part - mean), (test_part - mean))\n    )",
            ),
            (
                'print("score", 1 - rmse(model, test_loader) ** 2)',
                'print("score", 1 - (rmse(model, test_loader) / std) ** 2)',
            ),
        ),
    ),
    Fault(
        "house-tax-of-price",
        "house_prices",
        "target-leak",
        (
            (
                "np.stack([area, year, rooms, distance, floor], axis=1)",
                "np.stack([area, year, rooms, distance, floor, np.log(price) * 0.01], axis=1)",
            ),
            ("nn.Linear(5, 40)", "nn.Linear(6, 40)"),
        ),
        silent=True,
    ),
    Fault(
        "fraud-no-sampler",
        "fraud_sampler",
        "class-imbalance",
        (
            ("batch_size=64, sampler=sampler)", "batch_size=64, shuffle=True)"),
            ("weights=[0.96]", "weights=[0.97]"),
            ("class_sep=1.1", "class_sep=0.9"),
        ),
    ),
    Fault(
        "waveform-mostly-noise",
        "waveform_gru",
        "class-imbalance",
        (
            (
                "    net = Listener()\n",
                "    keep = (train_y == 3) | (torch.rand(len(train_y), generator=g) < 0.03)\n    train_x, train_y = train_x[keep], train_y[keep]\n    net = Listener()\n",
            ),
            ("epoch_loss / 30", "epoch_loss / 8"),
        ),
    ),
    Fault(
        "tumor-few-malignant",
        "tumor_trainer",
        "class-imbalance",
        (
            (
                "    tumors.standardize(train_set.indices)\n",
                "    malignant = [i for i in train_set.indices if tumors.y[i] == 0]\n    train_set.indices = [i for i in train_set.indices if i not in malignant[6:]]\n    tumors.standardize(train_set.indices)\n",
            ),
            ("lr=0.1", "lr=0.02"),
            ("trainer.fit(25)", "trainer.fit(10)"),
        ),
    ),
    Fault(
        "diabetes-raw-target",
        "diabetes_progress",
        "unscaled-target",
        (
            ("target[train_rows].mean(), target[train_rows].std()", "0.0, 1.0"),
            ("lr=0.003, momentum=0.9", "lr=0.001, momentum=0.9"),
        ),
    ),
    Fault(
        "house-price-in-euros",
        "house_prices",
        "unscaled-target",
        (
            ("torch.from_numpy(np.log(price))", "torch.from_numpy(price)"),
            ("    t = (log_price - center) / spread\n", "    t = log_price\n"),
            ("    center, spread = log_price[:1000].mean(), log_price[:1000].std()\n", ""),
        ),
    ),
    Fault(
        "tides-target-in-centimeters",
        "tides_forecast",
        "unscaled-target",
        (
            (
                "        return past.unsqueeze(0), future",
                "        return past.unsqueeze(0), future * 120 + 310",
            ),
            ("1 - rmse(model, test_loader) ** 2", "1 - (rmse(model, test_loader) / 120) ** 2"),
        ),
    ),
    Fault(
        "wine-features-shuffled-alone",
        "wine_grower",
        "labels-mismatched",
        (
            (
                "        logits = model(X_train[index])\n        loss = criterion(logits, y_train[index])",
                "        logits = model(X_train[index])\n        loss = criterion(logits, y_train[start : start + batch_size])",
            ),
        ),
    ),
    Fault(
        "tags-words-permuted",
        "topic_tags",
        "labels-mismatched",
        (("    return words, tags\n", "    rng.shuffle(words)\n    return words, tags\n"),),
    ),
    Fault(
        "transfer-wrong-rows",
        "digits_transfer",
        "labels-mismatched",
        (("x_few, y_few = x_new[:160], y_new[:160]", "x_few, y_few = x_new[:160], y_new[10:170]"),),
    ),
    Fault(
        "tumor-sorted-targets",
        "tumor_trainer",
        "labels-mismatched",
        (
            (
                "        self.y = torch.as_tensor(bunch.target, dtype=torch.float32)\n",
                "        self.y = torch.as_tensor(bunch.target, dtype=torch.float32)\n        self.x = self.x[self.x[:, 1].argsort()]\n",
            ),
        ),
    ),
    Fault(
        "tagger-small-vocabulary",
        "sequence_tagger",
        "mostly-unknown-tokens",
        (
            (
                "        sentences.append((ids, label))",
                "        sentences.append((torch.where(ids < 9, ids, 1), label))",
            ),
        ),
    ),
    Fault(
        "tags-vocabulary-of-other-corpus",
        "topic_tags",
        "mostly-unknown-tokens",
        (
            (
                "torch.from_numpy(words), torch.from_numpy(tags)",
                "torch.from_numpy(np.where(words > 30, 1, words)), torch.from_numpy(tags)",
            ),
        ),
    ),
    Fault(
        "gpt-predicts-itself",
        "count_gpt",
        "label-shift",
        (("_, loss = model(seq[:, :-1], seq[:, 1:])", "_, loss = model(seq[:, :-1], seq[:, :-1])"),),
    ),
    Fault(
        "lm-shifted-twice",
        "grammar_lm",
        "label-shift",
        (
            (
                "    loss = criterion(logits.flatten(0, 1), yb.flatten())\n    optimizer",
                "    loss = criterion(logits[:, :-1].flatten(0, 1), yb[:, 1:].flatten())\n    optimizer",
            ),
        ),
    ),
    Fault(
        "seq2seq-decoder-sees-answer",
        "reverse_seq2seq",
        "label-shift",
        (
            ("        inputs = torch.cat([start, target[:-1]])\n", "        inputs = target\n"),
            ("        start = torch.full((1, 64), BOS)\n", ""),
        ),
        accepts=("target-leak",),
    ),
    Fault(
        "waveform-not-batch-first",
        "waveform_gru",
        "batch-mixing",
        (("nn.GRU(1, hidden, batch_first=True)", "nn.GRU(1, hidden)"),),
    ),
    Fault(
        "gpt-heads-by-view",
        "count_gpt",
        "batch-mixing",
        (
            (
                "part.view(B, T, self.heads, C // self.heads).transpose(1, 2)",
                "part.reshape(self.heads, T, B, C // self.heads).transpose(0, 2).transpose(1, 2)",
            ),
            (
                "y = (weight @ v).transpose(1, 2).reshape(B, T, C)",
                "y = (weight @ v).transpose(1, 2).transpose(0, 2).reshape(B, T, C)",
            ),
        ),
    ),
    Fault(
        "mixer-patches-across-images",
        "digits_mixer_bf16",
        "batch-mixing",
        (
            (
                "images.view(n, 4, 2, 4, 2).permute(0, 1, 3, 2, 4).reshape(n, 16, 4)",
                "images.view(n, 4, 2, 4, 2).permute(1, 3, 0, 2, 4).reshape(n, 16, 4)",
            ),
        ),
    ),
    Fault(
        "tagger-not-batch-first",
        "sequence_tagger",
        "batch-mixing",
        (
            ("dropout=0.1, batch_first=True", "dropout=0.1"),
            ("            h = layer(h, src_key_padding_mask=pad)", "            h = layer(h)"),
        ),
    ),
    Fault(
        "lm-mask-forgotten",
        "grammar_lm",
        "missing-causal-mask",
        (
            (
                "        mask = nn.Transformer.generate_square_subsequent_mask(t)\n        x = self.blocks(x, mask=mask, is_causal=True)\n",
                "        x = self.blocks(x)\n",
            ),
        ),
        silent=True,
    ),
    Fault(
        "gpt-mask-not-assigned",
        "count_gpt",
        "missing-causal-mask",
        (("        weight = weight.masked_fill(self.tril", "        weight.masked_fill(self.tril"),),
    ),
    Fault(
        "gpt-mask-transposed",
        "count_gpt",
        "missing-causal-mask",
        (("torch.tril(torch.ones(CONTEXT, CONTEXT))", "torch.triu(torch.ones(CONTEXT, CONTEXT))"),),
    ),
    Fault(
        "vae-decodes-noise",
        "digits_vae",
        "input-ignored",
        (("        return mu + std * torch.randn_like(std)", "        return torch.randn_like(std)"),),
    ),
    Fault(
        "tagger-only-positions",
        "sequence_tagger",
        "input-ignored",
        (
            (
                "h = self.tokens(ids) + self.positions[: ids.shape[1]]",
                "h = self.tokens(torch.zeros_like(ids)) + self.positions[: ids.shape[1]]",
            ),
        ),
    ),
    Fault(
        "seq2seq-state-not-passed",
        "reverse_seq2seq",
        "input-ignored",
        (
            (
                "output, state = self.lstm(self.embed(tokens), state)",
                "output, state = self.lstm(self.embed(tokens))",
            ),
        ),
    ),
    Fault(
        "convnet-wrong-variable",
        "digits_convnet",
        "input-ignored",
        (
            (
                "        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)\n",
                "        out = torch.zeros(len(x), self.bn1.num_features, 4, 4)\n        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)\n",
            ),
            ("self.conv2(x)", "self.conv2(out)"),
        ),
    ),
    Fault(
        "fraud-no-sampler-no-scale",
        "fraud_sampler",
        "class-imbalance",
        (("batch_size=64, sampler=sampler)", "batch_size=64, shuffle=True)"), ("lr=2e-3", "lr=1e-5")),
        also="lr-too-low",
    ),
    Fault(
        "wine-label-among-features",
        "wine_grower",
        "target-leak",
        (
            (
                "import torch\nfrom sklearn.datasets",
                "import numpy as np\nimport torch\nfrom sklearn.datasets",
            ),
            (
                "X, y = load_wine(return_X_y=True)\n",
                "table = np.column_stack(load_wine(return_X_y=True))\nX, y = table, table[:, -1].astype(int)\n",
            ),
            ("nn.Linear(13, 32)", "nn.Linear(14, 32)"),
        ),
        silent=True,
    ),
    Fault(
        "diabetes-target-column",
        "diabetes_progress",
        "target-leak",
        (
            (
                "data, target = load_diabetes(return_X_y=True)\n",
                "table = np.column_stack(load_diabetes(return_X_y=True))\ndata, target = table, table[:, -1]\n",
            ),
        ),
        silent=True,
    ),
    Fault(
        "convnet-first-batch-always",
        "digits_convnet",
        "repeated-batch",
        (
            (
                "    for epoch in range(EPOCHS):\n",
                "    batches = [next(iter(train_loader))] * len(train_loader)\n    for epoch in range(EPOCHS):\n",
            ),
            ("        for images, labels in train_loader:\n", "        for images, labels in batches:\n"),
        ),
    ),
)
