"""The verbs that look up: text for people, JSON for programs, a sentence for mistakes."""

import json

import pytest
from typer.testing import CliRunner, Result

from vademecum._core.cards import all_cards
from vademecum._core.errors import InputError
from vademecum._core.journey import chapters
from vademecum._core.refs import all_papers
from vademecum.cli.app import app


def vade(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def as_json(*arguments: str) -> object:
    result = vade(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list() -> None:
    assert {card["slug"] for card in as_json("list")} == set(all_cards())
    assert {card["kind"] for card in as_json("list", "norm")} == {"nn/norm"}
    text = vade("list", "nn/norm").stdout
    assert "group_norm" in text
    assert "gelu" not in text


def test_find_says_where_and_what_was_corrected() -> None:
    assert as_json("find", "grup", "norm")[0]["slug"] == "group_norm"
    text = vade("find", "grup", "norm").stdout
    assert "'grup' is taken for 'group'" in text
    assert "group_norm.py:1" in text


def test_show_has_the_equation_readable() -> None:
    card = as_json("show", "group_norm")
    assert card["papers"][0]["key"] == "wu2018group"
    text = vade("show", "group_norm").stdout
    assert "√(σ²_(bg) + ε)" in text
    assert "\\frac" not in text


def test_show_prints_the_table_of_invariances() -> None:
    assert "| single case rescaled" in vade("show", "invariance").stdout
    assert "=" in vade("show", "invariance", "--run").stdout


def test_paper_and_journey() -> None:
    assert as_json("paper", "wu2018group")["techniques"] == ["group_norm"]
    assert len(as_json("paper")) == len(all_papers())
    assert [chapter["title"] for chapter in as_json("journey")] == [chapter.title for chapter in chapters()]


def test_cite() -> None:
    assert [paper["key"] for paper in as_json("cite", "torch.nn.GroupNorm")] == ["wu2018group"]
    assert vade("cite", "torch.nn.GroupNorm").stdout.startswith("@inproceedings{wu2018group")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "nrom"], "did you mean 'norm'"),
        (["find", "zzzzqqqq"], "stands in none"),
        (["show", "grup_norm"], "did you mean 'group_norm'"),
        (["show", "group_norm", "--run"], "has none; leave --run out"),
        (["paper", "wu2018grup"], "did you mean 'wu2018group'"),
        (["cite", "no.such.thing"], "none of these"),
        (["cite", "torch.nn.GroupNrm"], "did you mean 'GroupNorm'"),
        (["claim", "tanh"], "must have a claim"),
    ],
)
def test_mistakes_are_answered_with_a_sentence(arguments: list[str], message: str) -> None:
    error = vade(*arguments).exception
    assert isinstance(error, InputError)
    assert message in str(error)
