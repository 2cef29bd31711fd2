"""The house rules: what must hold of every technique, every card, every law, every reference."""

import ast
import doctest
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from vademecum._core.cards import KINDS, PACKAGE, Card, all_cards, files
from vademecum._core.journey import chapters
from vademecum._core.refs import all_papers
from vademecum.laws import suites

CARDS = list(all_cards().values())
each_card = pytest.mark.parametrize("card", [pytest.param(card, id=card.slug) for card in CARDS])
ROOT = PACKAGE.parent.parent


def test_slugs_are_unique() -> None:
    slugs = [path.stem for _, path in files()]
    assert len(slugs) == len(set(slugs))
    assert len(slugs) == len(CARDS)


@each_card
def test_card_is_whole(card: Card) -> None:
    assert card.title, "the first line has a title"
    assert card.gist.endswith("."), "the first line is 'Title: what it does.'"
    assert card.equations or "No equation." in card.text, "an equation, or the sentence 'No equation.'"
    assert card.references, "a paper"
    assert card.fields.get("Claim"), "a claim, or 'Claim: none ...'"
    assert card.fields.get("Peer"), "a peer, or 'Peer: none.'"


@each_card
def test_references_are_known(card: Card) -> None:
    for reference in card.references:
        assert reference.key in all_papers(), f"{reference.key} stands in no entry of refs.bib"
        assert reference.where, f"{reference.key} says no place in the paper"


@each_card
def test_has_a_doctest(card: Card) -> None:
    own = set(card.exports) - set(card.reexports)
    parser = doctest.DocTestParser()
    tree = ast.parse(card.path.read_text(encoding="utf-8"))
    nodes = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for name in own & set(nodes) - {"demonstrate"}:
        assert parser.get_examples(ast.get_docstring(nodes[name]) or ""), f"{name} has no example"
    if not own:
        assert parser.get_examples(ast.get_docstring(tree) or ""), (
            "a card that only re-exports shows its example itself"
        )


@each_card
def test_is_exported(card: Card) -> None:
    assert card.exports, "__all__ names what is public"
    module = import_module(card.module)
    levels = [card.kind.split("/")[: depth + 1] for depth in range(card.kind.count("/") + 1)]
    for level in levels:
        package = import_module(".".join(["vademecum", *level]))
        for name in set(card.exports) - {"demonstrate"}:
            assert getattr(package, name, None) is getattr(module, name), (
                f"{package.__name__} does not export {name}"
            )


def test_the_journey_meets_every_technique_once() -> None:
    met = [slug for chapter in chapters() for slug in chapter.techniques]
    assert sorted(met) == sorted(card.slug for card in CARDS)


@each_card
def test_has_laws(card: Card) -> None:
    parts = {suite.part for suite in suites().values() if suite.technique == card.slug}
    if not parts:
        assert card.fields.get("Laws", "").startswith("none"), "laws/<slug>.py, or 'Laws: none, because ...'"


def test_every_suite_has_a_card() -> None:
    for suite in suites().values():
        assert suite.technique in all_cards(), f"{suite.name} belongs to no technique"
        assert suite.part in all_cards()[suite.technique].exports, (
            f"{suite.part} is no public name of {suite.technique}"
        )


def test_no_orphan_reference() -> None:
    used = {reference.key for card in CARDS for reference in card.references}
    with (PACKAGE / "torch_papers.toml").open("rb") as file:
        used |= {key for keys in tomllib.load(file).values() for key in keys}
    texts = "".join(
        path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")
    )  # checks and figures cite too
    orphans = [key for key in all_papers() if key not in used and key not in texts]
    assert not orphans, f"nobody refers to {orphans}"


def test_torch_papers_lists_only_what_has_no_card() -> None:
    with (PACKAGE / "torch_papers.toml").open("rb") as file:
        listed = tomllib.load(file)
    carded = {dotted for card in CARDS for dotted in card.reexports.values()}
    assert not carded & set(listed), "a card re-exports these now: take them out of torch_papers.toml"
    for keys in listed.values():
        assert set(keys) <= set(all_papers())


def test_kinds_are_folders_of_techniques() -> None:
    for kind in KINDS:
        for path in (PACKAGE / kind).glob("*"):
            if path.is_dir() and kind != "nn" and not path.name.startswith(("_", ".")):
                assert path.name == "sources", f"{path} is deeper than kind/technique"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["find", "grup", "norm"],
        ["show", "group_norm"],
        ["paper", "wu2018group"],
        ["journey"],
        ["show", "--help"],
    ],
)
def test_the_catalogue_needs_no_torch(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['vade', *{arguments!r}]\n"
        "from vademecum.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'matplotlib', 'accelerate'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"}
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_nothing_happens_at_import() -> None:
    code = (
        "import torch, sys, random\n"
        "before = (torch.random.get_rng_state().sum().item(), torch.get_default_dtype(), torch.get_num_threads())\n"
        "import vademecum, vademecum.nn, vademecum.data, vademecum.train, vademecum.explain, vademecum.theory, vademecum.doctor\n"
        "after = (torch.random.get_rng_state().sum().item(), torch.get_default_dtype(), torch.get_num_threads())\n"
        "assert before == after\n"
        "heavy = {'sklearn', 'matplotlib', 'accelerate', 'pandas', 'PIL', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_no_pickle_is_read() -> None:
    forbidden = re.compile(r"\bpickle\b\.|\bimport pickle\b|weights_only=False|allow_pickle=True")
    for path in PACKAGE.rglob("*.py"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path


def test_files_stay_small() -> None:
    long = {
        str(p): n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long, "a file that passes 400 lines is asking to be two"


def test_public_api_of_torch_only() -> None:
    private = re.compile(r"\btorch(?:\.\w+)*\._(?!_version__|_)\w+|from torch(?:\.\w+)*\._\w+")
    for path in PACKAGE.rglob("*.py"):
        found = private.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path}: {found[0] if found else ''}"


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the checkout")
def test_lower_bounds_only() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    for requirement in project["dependencies"]:
        assert re.fullmatch(r"[\w.-]+>=[\w.]+", requirement), f"{requirement}: lower bounds, no pins"
    allowed = {
        "torch",
        "numpy",
        "scikit-learn",
        "safetensors",
        "accelerate",
        "matplotlib",
        "pillow",
        "typer",
        "jinja2",
    }
    assert {re.split(r"[>=]", r)[0] for r in project["dependencies"]} == allowed


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()
