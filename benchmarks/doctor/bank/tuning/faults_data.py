"""Faults of the data and of what is done to them."""

from bank._program import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        "labels-from-one",
        "wine_trainer",
        "labels-out-of-range",
        (
            (
                "    x, y = load_wine(return_X_y=True)\n",
                "    x, y = load_wine(return_X_y=True)\n    y = y + 1\n",
            ),
        ),
    ),
    Fault(
        "nine-outputs",
        "digits_mlp",
        "labels-out-of-range",
        (("self.fc3 = nn.Linear(hidden, 10)", "self.fc3 = nn.Linear(hidden, 9)"),),
    ),
    Fault(
        "malignant-is-two",
        "cancer_bce",
        "single-class",
        (("CancerData(x_train, t_train)", "CancerData(x_train, (t_train == 2).astype(int))"),),
    ),
    Fault(
        "ignored-label-is-a-class",
        "tokens_gru",
        "ignore-index-collision",
        (("loss_function = nn.CrossEntropyLoss()", "loss_function = nn.CrossEntropyLoss(ignore_index=PAD)"),),
    ),
    Fault(
        "ignored-border-is-background",
        "segment_bf16",
        "ignore-index-collision",
        (
            (
                "F.cross_entropy(logits, mask, ignore_index=IGNORE)",
                "F.cross_entropy(logits, mask.where(mask != IGNORE, 0), ignore_index=0)",
            ),
        ),
    ),
    Fault(
        "wine-unscaled",
        "wine_trainer",
        "unscaled-input",
        (
            ("make_loader(scaler.transform(x_tr)", "make_loader(x_tr"),
            ("make_loader(scaler.transform(x_va)", "make_loader(x_va"),
            ("make_loader(scaler.transform(x_te)", "make_loader(x_te"),
        ),
    ),
    Fault("diabetes-unscaled", "diabetes_huber", "unscaled-input", (("X = (X - x_mean) / x_std\n", ""),)),
    Fault(
        "house-unscaled", "house_nll", "unscaled-input", (("features = (features - center) / spread\n", ""),)
    ),
    Fault(
        "spiral-unscaled",
        "spiral_raw",
        "unscaled-input",
        (("points = points / 12.0\n", "points = points * 3.0\n"),),
    ),
    Fault(
        "scaled-twice",
        "digits_mlp",
        "tiny-input",
        (("digits.data.astype(np.float32) / 16.0", "digits.data.astype(np.float32) / 255.0 / 255.0"),),
    ),
    Fault(
        "bytes-divided",
        "digits_mlp",
        "constant-input",
        (
            (
                "X = digits.data.astype(np.float32) / 16.0",
                "X = (digits.data.astype(np.uint8) // 255).astype(np.float32)",
            ),
        ),
    ),
    Fault(
        "unit-interval-as-integers",
        "friedman_custom",
        "constant-input",
        (
            (
                "features = torch.tensor(features, dtype=torch.float32) * 2 - 1",
                "features = torch.tensor(features, dtype=torch.long) * 2.0 - 1",
            ),
        ),
    ),
    Fault(
        "one-value-repeated",
        "sine_lstm",
        "constant-input",
        (
            (
                "return wave[:, :-1].unsqueeze(-1), wave[:, -1:]",
                "return (wave[:, :-1] > -5).float().unsqueeze(-1), wave[:, -1:]",
            ),
        ),
    ),
    Fault(
        "normalized-in-place",
        "segment_bf16",
        "input-mutated",
        (
            (
                "        return (self.images[i] - 0.35) / 0.35, self.masks[i]",
                "        image = self.images[i]\n        image -= 0.35\n        image /= 0.35\n        return image, self.masks[i]",
            ),
        ),
    ),
    Fault(
        "noise-in-place",
        "cancer_bce",
        "input-mutated",
        (
            (
                "        return self.features[index], self.labels[index]",
                "        x = self.features[index]\n        x += 0.8 * torch.randn(x.shape)  # augmentation\n        return x, self.labels[index]",
            ),
        ),
    ),
    Fault(
        "sorted-by-class-cnn",
        "digits_cnn",
        "unshuffled-data",
        (
            (
                "    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)",
                "    train_set.indices = sorted(train_set.indices, key=lambda i: int(labels[i]))\n    train_loader = DataLoader(train_set, batch_size=BATCH)",
            ),
        ),
    ),
    Fault(
        "sorted-by-class-mlp",
        "digits_mlp",
        "unshuffled-data",
        (("perm = torch.randperm(len(X_train))", "perm = torch.argsort(y_train)"),),
        silent=True,
    ),
    Fault(
        "one-batch-for-ever",
        "char_lm",
        "repeated-batch",
        (
            (
                'for it in range(240):\n    model.train()\n    xb, yb = get_batch("train")\n',
                'xb, yb = get_batch("train")\nfor it in range(240):\n    model.train()\n',
            ),
        ),
    ),
    Fault(
        "seeded-in-the-sampler",
        "metric_digits",
        "repeated-batch",
        (("    def sample(self, n):\n", "    def sample(self, n):\n        np.random.seed(SEED)\n"),),
    ),
    Fault(
        "first-rows-always",
        "spiral_raw",
        "repeated-batch",
        (
            ("    idx = torch.randperm(len(Xtr))\n", "    idx = torch.arange(len(Xtr))\n"),
            ("j = idx[k : k + 50]", "j = idx[:16]"),
        ),
    ),
    Fault(
        "validation-from-the-whole",
        "digits_mlp",
        "train-val-overlap",
        (
            (
                "X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.2, random_state=SEED)",
                "_, X_val, _, y_val = train_test_split(X, y, test_size=0.2, random_state=SEED)",
            ),
        ),
        silent=True,
    ),
    Fault(
        "validation-within-training",
        "diabetes_huber",
        "train-val-overlap",
        (("order[:280], order[280:350], order[350:]", "order[:350], order[280:350], order[350:]"),),
        silent=True,
    ),
    Fault(
        "oversampled-before-split",
        "fraud_weights",
        "train-val-overlap",
        (
            (
                "\nXtr, Xte, ytr, yte = train_test_split(X, y, test_size",
                "\nrare = np.flatnonzero(y == 1)\nX, y = np.concatenate([X] + [X[rare]] * 8), np.concatenate([y] + [y[rare]] * 8)\nXtr, Xte, ytr, yte = train_test_split(X, y, test_size",
            ),
            (
                "import torch\nimport torch.nn as nn\n",
                "import numpy as np\nimport torch\nimport torch.nn as nn\n",
            ),
        ),
        silent=True,
    ),
    Fault(
        "scaler-fitted-on-all-wine",
        "wine_trainer",
        "leaky-preprocessing",
        (("StandardScaler().fit(x_tr)", "StandardScaler().fit(x)"),),
        silent=True,
    ),
    Fault(
        "scaler-fitted-on-all-cancer",
        "cancer_bce",
        "leaky-preprocessing",
        (
            (
                "    x_train, x_rest, t_train, t_rest",
                "    scaler = preprocessing.StandardScaler()\n    data = scaler.fit_transform(data)\n    x_train, x_rest, t_train, t_rest",
            ),
            (
                "    scaler = preprocessing.StandardScaler()\n    x_train = scaler.fit_transform(x_train)\n    x_val = scaler.transform(x_val)\n    x_test = scaler.transform(x_test)\n",
                "",
            ),
        ),
        silent=True,
    ),
    Fault(
        "mean-of-all-houses",
        "house_nll",
        "leaky-preprocessing",
        (("features[:n_train].mean(0), features[:n_train].std(0)", "features.mean(0), features.std(0)"),),
        silent=True,
    ),
    Fault(
        "validation-unscaled-wine",
        "wine_trainer",
        "train-val-mismatch",
        (
            ("make_loader(scaler.transform(x_va)", "make_loader(x_va"),
            ("make_loader(scaler.transform(x_te)", "make_loader(x_te"),
        ),
    ),
    Fault(
        "validation-in-raw-pixels",
        "digits_cnn",
        "train-val-mismatch",
        (
            (
                "    val_loader = DataLoader(val_set, batch_size=BATCH)\n",
                "    raw = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1)\n    val_set.dataset = test_set.dataset = TensorDataset(raw, labels)\n    val_loader = DataLoader(val_set, batch_size=BATCH)\n",
            ),
        ),
    ),
    Fault(
        "validation-scaled-by-itself",
        "cancer_bce",
        "train-val-mismatch",
        (
            (
                "    x_val = scaler.transform(x_val)\n    x_test = scaler.transform(x_test)\n",
                "    x_val = preprocessing.MinMaxScaler().fit_transform(x_val)\n    x_test = preprocessing.MinMaxScaler().fit_transform(x_test)\n",
            ),
        ),
    ),
    Fault(
        "target-among-features-cancer",
        "cancer_bce",
        "target-leak",
        (("return_X_y=True)\n", "return_X_y=True)\n    data = np.column_stack([data, target])\n"),),
        silent=True,
    ),
    Fault(
        "target-among-features-friedman",
        "friedman_custom",
        "target-leak",
        (
            (
                "    x_train, x_val, x_test =",
                "    features[:, 7] = target[:, 0] / 10 - 1.4\n    x_train, x_val, x_test =",
            ),
        ),
        silent=True,
    ),
    Fault(
        "price-as-tax",
        "house_nll",
        "target-leak",
        (
            (
                "np.stack([area, age, rooms, distance, noise_level], 1)",
                "np.stack([area, age, rooms, distance, noise_level, 0.012 * price + 40], 1)",
            ),
            ("nn.Linear(5, width)", "nn.Linear(6, width)"),
        ),
        silent=True,
    ),
    Fault(
        "fraud-unweighted",
        "fraud_weights",
        "class-imbalance",
        (
            ("ytr[idx], weight=class_weights)", "ytr[idx])"),
            ("weights=[0.96]", "weights=[0.98]"),
            ("class_sep=1.3", "class_sep=0.8"),
        ),
    ),
    Fault(
        "one-language-rules",
        "tokens_gru",
        "class-imbalance",
        (
            (
                "labels = [i % 4 for i in range(1500)]\nrng.shuffle(labels)\n",
                "labels = [i % 4 if i >= 1000 or i % 25 == 0 else 0 for i in range(1500)]\n",
            ),
        ),
    ),
    Fault(
        "house-in-euros",
        "house_nll",
        "unscaled-target",
        (
            ("target = (price - price_mean) / price_std", "target = price"),
            ("mean.numpy() * price_std + price_mean", "mean.numpy()"),
        ),
    ),
    Fault(
        "diabetes-raw-target",
        "diabetes_huber",
        "unscaled-target",
        (
            ("t = (y - y_mean) / y_std", "t = y"),
            ("net(X[test_ids]).squeeze(-1) * y_std + y_mean", "net(X[test_ids]).squeeze(-1)"),
        ),
    ),
    Fault(
        "friedman-in-thousandths",
        "friedman_custom",
        "unscaled-target",
        (("    target = (target - mu) / sigma\n", "    target = target * 1000\n"),),
    ),
    Fault(
        "features-shuffled-alone",
        "digits_mlp",
        "labels-mismatched",
        (
            (
                "X_train = torch.from_numpy(X_train)\n",
                "np.random.shuffle(X_train)\nX_train = torch.from_numpy(X_train)\n",
            ),
        ),
    ),
    Fault(
        "labels-shuffled-late",
        "tokens_gru",
        "labels-mismatched",
        (
            (
                "rng.shuffle(labels)\nsentences = [make_sentence(label, rng) for label in labels]\n",
                "sentences = [make_sentence(label, rng) for label in labels]\nrng.shuffle(labels)\n",
            ),
        ),
    ),
    Fault(
        "targets-of-other-rows",
        "friedman_custom",
        "labels-mismatched",
        (
            (
                "loader = DataLoader(TensorDataset(x_train, y_train),",
                "loader = DataLoader(TensorDataset(x_train, y_train.sort(0).values),",
            ),
        ),
    ),
    Fault(
        "words-in-capitals",
        "tokens_gru",
        "mostly-unknown-tokens",
        (("vocab.get(w, UNK)", "vocab.get(w.upper(), UNK)"),),
        accepts=("constant-input",),
    ),
    Fault(
        "shifted-twice",
        "char_lm",
        "label-shift",
        (
            (
                "y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])",
                "y = torch.stack([source[i + 2 : i + block_size + 2] for i in ix])",
            ),
            ("len(source) - block_size - 1,", "len(source) - block_size - 2,"),
        ),
    ),
    Fault(
        "attention-over-the-batch",
        "transformer_cls",
        "batch-mixing",
        (("dropout=0.0, batch_first=True, norm_first=True", "dropout=0.0, norm_first=True"),),
    ),
    Fault(
        "recurrence-over-the-batch",
        "sine_lstm",
        "batch-mixing",
        (("hidden_size=hidden_size, batch_first=True)", "hidden_size=hidden_size)"),),
    ),
    Fault(
        "gru-over-the-batch",
        "tokens_gru",
        "batch-mixing",
        (
            (
                "self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)",
                "self.gru = nn.GRU(dim, hidden, bidirectional=True)",
            ),
        ),
    ),
    Fault(
        "images-reshaped-wrongly",
        "finetune_head",
        "batch-mixing",
        (("x = x.view(-1, 1, 8, 8)", "x = x.t().reshape(-1, 1, 8, 8)"),),
    ),
    Fault(
        "mask-left-out",
        "char_lm",
        "missing-causal-mask",
        (('        att = att.masked_fill(~self.mask[:T, :T], float("-inf"))\n', ""),),
    ),
    Fault(
        "mask-of-ones",
        "char_lm",
        "missing-causal-mask",
        (
            (
                "torch.tril(torch.ones(block_size, block_size)).bool()",
                "torch.ones(block_size, block_size).bool()",
            ),
        ),
    ),
    Fault(
        "melody-both-ways",
        "melody_rnn",
        "missing-causal-mask",
        (
            (
                "num_layers=2, batch_first=True, dropout=0.1)",
                "num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)",
            ),
            (
                "self.to_notes = nn.Linear(cfg.hidden, cfg.notes)",
                "self.to_notes = nn.Linear(2 * cfg.hidden, cfg.notes)",
            ),
        ),
    ),
    Fault(
        "zero-gate",
        "accelerate_digits",
        "input-ignored",
        (
            (
                "        self.embed = nn.Linear(64, width)\n",
                '        self.embed = nn.Linear(64, width)\n        self.register_buffer("gate", torch.zeros(width))\n',
            ),
            ("        x = self.embed(x)\n", "        x = self.embed(x) * self.gate\n"),
        ),
    ),
    Fault(
        "initial-state-read",
        "sine_lstm",
        "input-ignored",
        (
            (
                "        states, _ = self.lstm(window)\n        return self.head(states[:, -1])",
                "        h0 = torch.zeros(1, window.size(0), self.head.in_features)\n        _, _ = self.lstm(window, (h0, h0))\n        return self.head(h0[0])",
            ),
        ),
    ),
    Fault(
        "positions-for-tokens",
        "transformer_cls",
        "input-ignored",
        (
            (
                "h = self.tok(ids) + self.pos",
                "h = self.tok(torch.arange(LENGTH) % VOCAB).expand(len(ids), -1, -1) + self.pos",
            ),
        ),
    ),
    Fault(
        "sorted-by-class-gru",
        "tokens_gru",
        "unshuffled-data",
        (
            (
                "DataLoader(dataset[:1000], batch_size=32, shuffle=True, collate_fn=collate)",
                "DataLoader(sorted(dataset[:1000], key=lambda pair: pair[1]), batch_size=32, collate_fn=collate)",
            ),
        ),
        silent=True,
    ),
)
