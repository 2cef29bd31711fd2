"""The table of invariances: norms given by a user, and what is refused."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum._core.cards import card
from vademecum.theory.invariance import NORMS, demonstrate, invariances


def test_torchs_layer_norm_has_the_layers_row() -> None:
    given = invariances(nn.LayerNorm(6, eps=0.0).double())
    assert given.verdict == invariances("layer").verdict
    assert given.norm == "LayerNorm"


def test_torchs_weight_norm_has_the_weights_row() -> None:
    given = invariances(partial(F.normalize, dim=1), acts_on="weight")
    assert given.verdict == invariances("weight").verdict


def test_a_usual_epsilon_wants_a_wider_tolerance() -> None:
    norm = nn.LayerNorm(6).double()
    assert not invariances(norm).verdict["data_rescaled"]
    assert invariances(norm, tolerance=1e-3).verdict == invariances("layer").verdict


def test_a_forgotten_mean_shows() -> None:
    wrong = invariances(lambda a: a / a.std(1, correction=0, keepdim=True)).verdict
    right = invariances("layer").verdict
    assert [change for change in right if wrong[change] != right[change]] == ["weight_matrix_recentered"]


def test_the_text_is_the_table() -> None:
    lines = str(invariances("batch")).splitlines()
    assert lines[0].split() == ["layer", "with", "batch", "norm", "deviation", "verdict"]
    assert [line.split()[-1] for line in lines[1:]] == [
        "invariant",
        "no",
        "invariant",
        "invariant",
        "invariant",
        "no",
    ]


def test_the_demonstration_shows_every_norm() -> None:
    lines = demonstrate().splitlines()
    assert lines[0].split() == list(NORMS)
    assert [line.count("=") for line in lines[1:7]] == [5, 2, 2, 4, 1, 3]


def test_measures_again_what_it_measured() -> None:
    torch.manual_seed(1)
    before = invariances("layer")
    torch.manual_seed(2)
    assert invariances("layer") == before


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"norm must be one of none, batch.*'lair'"):
        invariances("lair")
    with pytest.raises(ValueError, match=r"acts_on must be 'summed inputs' or 'weight': it is 'gain'"):
        invariances(torch.tanh, acts_on="gain")
    with pytest.raises(
        ValueError, match=r"a norm must keep the shape: \(8, 6\) became \(8,\).*summed inputs"
    ):
        invariances(lambda a: a.norm(dim=1))


def test_the_table_in_the_card_is_what_is_measured() -> None:
    rows = [
        line.strip("| ").split("|") for line in card("invariance").text.splitlines() if line.startswith("|")
    ]
    header, _, *body = [[cell.strip() for cell in row] for row in rows]
    said = {(row[0], norm): cell for row in body for norm, cell in zip(header[1:], row[1:], strict=True)}
    measured = {
        (change.replace("_", " "), norm): "same" if holds else "changes"
        for norm in header[1:]
        for change, holds in invariances(norm).verdict.items()
    }
    assert said == measured
