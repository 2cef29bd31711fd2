"""Small data and recipes on which a run takes about a second."""

from pathlib import Path

import numpy as np
import pytest

from vademecum.lab import Recipe


@pytest.fixture(scope="session")
def blobs(tmp_path_factory) -> Path:
    """A table of three classes that overlap a little; two numbers, a category, and gaps."""
    draw = np.random.default_rng(0)
    kind = draw.integers(3, size=240)
    x = draw.normal(size=(240, 2)) + np.array([[0, 0], [3, 0], [0, 3]])[kind]
    city = np.array(["Oslo", "Rome"])[draw.integers(2, size=240)]
    rows = [
        f"{a:.4f},{'' if i % 20 == 0 else f'{b:.4f}'},{c},{'xyz'[k]}"
        for i, ((a, b), c, k) in enumerate(zip(x, city, kind))
    ]
    path = tmp_path_factory.mktemp("data") / "blobs.csv"
    path.write_text("\n".join(["a,b,city,kind", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def line(tmp_path_factory) -> Path:
    """A table whose target is a noisy line, far from zero and on a large scale."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(200, 2))
    y = 50_000 + 3_000 * x[:, 0] - 1_000 * x[:, 1] + 300 * draw.normal(size=200)
    path = tmp_path_factory.mktemp("data") / "line.csv"
    path.write_text("\n".join(["a,b,price", *(f"{a:.4f},{b:.4f},{t:.1f}" for (a, b), t in zip(x, y))]) + "\n")
    return path


@pytest.fixture
def quick(blobs) -> Recipe:
    """A run of about a second, with dropout and batch normalization, so that every stream of numbers counts."""
    return Recipe(data=str(blobs), target="kind", epochs=4, learning_rate=0.01, dropout=0.3, batch_size=16)
