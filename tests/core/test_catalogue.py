"""Reading cards, references and the journey; searching; showing equations."""

import re
from pathlib import Path

import pytest

from vademecum._core.cards import all_cards, card, head, of_kind, parse
from vademecum._core.errors import InputError, nearest
from vademecum._core.find import find
from vademecum._core.refs import parse as parse_bibtex
from vademecum._core.refs import plain
from vademecum._core.tex import readable, render


def test_head_reads_every_form_of_docstring() -> None:
    assert head('"""Plain."""\nx = 1\n') == "Plain."
    assert head('r"""Raw $\\alpha$."""') == r"Raw $\alpha$."
    assert head('# a comment\n\n"""After."""') == "After."
    assert head('"""With ""quotes"" inside."""') == 'With ""quotes"" inside.'
    assert head("x = 1\n") == ""


def test_head_agrees_with_the_interpreter() -> None:
    import ast

    for found in all_cards().values():
        source = found.path.read_text(encoding="utf-8")
        assert head(source) == (ast.get_docstring(ast.parse(source), clean=False) or "").strip()


def test_fields_go_on_over_indented_lines() -> None:
    found = parse(
        "T: g.\n\nText.\n\nPitfalls: one\n    two.\nPeer: none.\n\nReferences:\n    a2000b: Eq. 1,\n        and 2.\n    c2001d: all.",
        slug="t", kind="nn/toy", path=Path("t.py"),
    )  # fmt: skip
    assert found.fields == {"Pitfalls": "one two.", "Peer": "none."}
    assert [(r.key, r.where) for r in found.references] == [("a2000b", "Eq. 1, and 2."), ("c2001d", "all.")]
    assert found.text == "Text."


def test_misspelt_slug_and_kind_name_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'group_norm'"):
        card("group_nrom")
    with pytest.raises(InputError, match="norm"):
        of_kind("nrom")
    assert card("group-norm").slug == "group_norm"


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("group norm", "group_norm"),
        ("groupnorm", "group_norm"),
        ("GN", "group_norm"),
        ("grup normalisation", "group_norm"),
        ("wu 2018", "group_norm"),
        ("He Group", "group_norm"),
    ],
)
def test_find(words: str, slug: str) -> None:
    assert slug in [hit.card.slug for hit in find(words)[:2]]


def test_find_nothing() -> None:
    assert find("zzzzqqqq") == []


def test_nearest_forgives_one_slip() -> None:
    assert nearest("optimzer", ["optimizer", "norm"]) == ["optimizer"]
    assert nearest("xyz", ["optimizer", "norm"]) == []


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{a}{b}", "a / b"),
        (r"\frac{a+b}{c}", "(a+b) / c"),
        (r"x_{ij}^2", "xᵢⱼ²"),
        (r"\sum_{i=1}^{n} x_i", "Σᵢ₌₁ⁿ xᵢ"),
        (r"\bar W = W / \sigma(W)", "W̄ = W / σ(W)"),
        (r"\|W h\|_2", "‖W h‖₂"),
        (r"\unknowncommand{x}", r"\unknowncommandx"),
        (r"W^\top", "Wᵀ"),
        (r"\mathrm{Var}(x)", "Var(x)"),
    ],
)
def test_equations_are_readable(latex: str, text: str) -> None:
    assert readable(latex) == text


def test_every_equation_of_the_shelf_is_readable() -> None:
    equations = {c.slug: e for c in all_cards().values() for e in c.equations}
    left = {slug: e for slug, e in equations.items() if re.search(r"\\|[_^]\{", readable(e))}
    assert not left, "commands that `readable` does not know: teach it, or say it simpler"


def test_render_leaves_prices_alone() -> None:
    assert render("It costs $5.") == "It costs $5."


def test_bibtex_is_read() -> None:
    text = '@article{a2000b,\n  author = {M{\\"u}ller, Eva and Ng, A.},\n  title = "The {CNN}",\n  year = 2000,\n}\n'
    found = parse_bibtex(text)["a2000b"]
    assert found.authors == ("Eva Müller", "A. Ng")
    assert found.title == "The CNN"
    assert found.year == "2000"
    assert found.citation == "Müller and Ng (2000). The CNN."
    assert found.bibtex == text.strip()


def test_bibtex_that_is_broken_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_bibtex("@misc{a, year={1}}\n@misc{a, year={2}}")
    with pytest.raises(ValueError, match="does not"):
        parse_bibtex("@misc{a, year={1}")


def test_accents() -> None:
    assert plain(r"Caglar G{\"u}l{\c{c}}ehre") == "Caglar Gülçehre"
    assert plain(r"{\L}ukasz Kaiser and Beno{\^\i}t") == "Łukasz Kaiser and Benoît"
