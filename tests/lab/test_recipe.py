import tomllib
from dataclasses import FrozenInstanceError, fields

import pytest

from vademecum._core.errors import InputError
from vademecum.lab import Recipe


def test_toml_keeps_every_field() -> None:
    recipe = Recipe(
        data='a "quoted" \\ path\n\u00fc\x7f', norm="none", activation="gelu", init="orthogonal", dropout=0.5,
        learning_rate=3e-5, image_size=32, optimizer="sgd", seed=2**63 - 1, schedule="cosine", weight_decay=0,
    )  # fmt: skip
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert set(tomllib.loads(recipe.to_toml())) == {f.name for f in fields(Recipe)}


def test_the_family_word_may_be_dropped() -> None:
    assert Recipe(norm="group_norm") == Recipe(norm="group") == Recipe(norm="Group-Norm")


def test_settings_are_read_as_on_the_command_line() -> None:
    recipe = Recipe().with_settings(
        ["norm=none", "dropout=0.5", "epochs=3", "learning-rate=auto", "data=a=b.csv", "image_size=auto"]
    )
    assert (recipe.norm, recipe.dropout, recipe.epochs, recipe.data) == ("none", 0.5, 3, "a=b.csv")
    assert isinstance(recipe.epochs, int)


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Recipe().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["lerning_rate=0.1"], ["lerning_rate", "did you mean 'learning_rate'"]),
        (["norm=grup"], ["norm", "'grup'", "did you mean 'group'"]),
        (["dropout=1"], ["dropout", "1 came", "from 0 to below 1"]),
        (["dropout=much"], ["dropout", "'much' is none", "take one of concrete"]),
        (["epochs=2.5"], ["epochs", "2.5 came", "whole number"]),
        (["epochs=0"], ["epochs", "0 came", "from 1"]),
        (["learning_rate=fast"], ["learning_rate", "'fast' came", "'auto'"]),
        (["learning_rate=nan"], ["learning_rate", "nan came"]),
        (["learning_rate=0"], ["learning_rate", "above 0"]),
        (["weight_decay=inf"], ["weight_decay", "inf came"]),
        (["data="], ["data", "not empty"]),
        (["val_fraction=0.6", "test_fraction=0.4"], ["val_fraction", "test_fraction", "below 1"]),
        (["norm"], ["name=value", "'norm'"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(settings, words) -> None:
    with pytest.raises(InputError) as error:
        Recipe().with_settings(settings)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("norm = ", ["TOML"]),
        ("seed = true", ["seed", "True came"]),
        ('epochs = "many"', ["epochs", "'many' came"]),
        ("dropout = [0.1]", ["dropout", "[0.1] came"]),
        ("[norm]\nkind = 1", ["norm", "one of"]),
        ("opimizer = 'sgd'", ["opimizer", "'optimizer'"]),
    ],
)
def test_a_wrong_file_is_refused(text, words) -> None:
    with pytest.raises(InputError) as error:
        Recipe.from_toml(text)
    for word in words:
        assert word in str(error.value)


def test_every_field_says_what_it_means() -> None:
    assert set(Recipe.meanings()) == {f.name for f in fields(Recipe)}
