"""Priors: what they read, and what they refuse. What they draw is held by the laws."""

import pytest
import torch

from vademecum.search import Choice, Range, parse_prior


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("log:1e-5..1e-1", Range(low=1e-5, high=0.1, log=True)),
        ("lin:0..1", Range(low=0.0, high=1.0)),
        ("lin:-1..0.5", Range(low=-1.0, high=0.5)),
        ("int:1..8", Range(low=1, high=8, whole=True)),
        ("logint:16..512", Range(low=16, high=512, log=True, whole=True)),
        ("a, b", Choice(("a", "b"))),
        ("none, max_norm:2, l1", Choice(("none", "max_norm:2", "l1"))),
    ],
)
def test_what_is_typed_is_read(text, prior) -> None:
    assert parse_prior(text) == prior


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("log:0..1", "above 0"),
        ("log:1..1", "ascend"),
        ("lin:2..1", "ascend"),
        ("lin:0..inf", "finite"),
        ("int:1.5..8", "whole numbers"),
        ("logint:0..8", "above 0"),
        ("lgo:1..2", "log:LOW..HIGH"),
        ("log:1-2", "log:LOW..HIGH"),
        ("log:a..b", "must be numbers"),
        ("a,a", "words that differ"),
    ],
)
def test_what_is_no_prior_is_refused(text, words) -> None:
    with pytest.raises(ValueError, match=words):
        parse_prior(text)


def test_whole_ends_must_be_whole() -> None:
    with pytest.raises(ValueError, match="whole ends"):
        Range(low=0.5, high=3, whole=True)


@pytest.mark.parametrize("text", ["log:1e-5..1e-1", "lin:0..1", "int:1..8", "logint:16..512", "a,b,c"])
def test_position_and_read_follow_the_value(text) -> None:
    prior = parse_prior(text)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        value = prior.sample(generator=draw)
        assert prior.read(str(value)) == value
        assert 0 <= prior.position(value) <= 1
        assert prior.density(value) > 0


def test_a_grid_of_one_is_the_middle() -> None:
    assert Range(low=1.0, high=100.0, log=True).grid(1) == (10.0,)
    assert Range(low=1, high=3, whole=True).grid(10) == (1, 2, 3)
