"""How techniques and their arguments are written in a recipe, and what is refused."""

import inspect

import pytest

from vademecum import optim, regularize
from vademecum._core.cards import all_cards
from vademecum._core.errors import InputError
from vademecum.lab import Recipe
from vademecum.lab import parts as parts_module
from vademecum.lab.assemble import Blueprint
from vademecum.lab.fields_page import fields_page
from vademecum.lab.parts import Kind

KINDS = [value for value in vars(parts_module).values() if isinstance(value, Kind)]
each_part = pytest.mark.parametrize(
    ("kind", "part"),
    [pytest.param(kind, part, id=f"{kind.name}-{part.name}") for kind in KINDS for part in kind.parts],
)


@each_part
def test_every_part_has_a_card_or_says_what_it_does(kind, part) -> None:
    assert part.slug in all_cards() or (not part.slug and part.says)
    assert part.gist


@each_part
def test_its_usage_is_what_it_takes_and_means_the_defaults(kind, part) -> None:
    (chosen,) = kind.read(part.usage.replace("=?", "=1"))
    defaults = {a.name: a.default for a in part.arguments}
    assert {name: pytest.approx(value) for name, value in chosen.arguments.items()} == defaults


@each_part
def test_it_stands_on_the_page_of_help(kind, part) -> None:
    assert part.usage in fields_page()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("regularize=max_norm", "max_norm"),
        ("regularize=max_norm:c=3", "max_norm:3"),
        ("regularize=Max-Norm:3,l1:1e-5", "max_norm:3,l1:1e-05"),
        ("regularize=l1:1e+0+max_norm", "l1:1,max_norm"),
        ("regularize=weight_decay", "l2"),
        ("schedule=slanted:ratio=16", "slanted:ratio=16"),
        ("schedule=slanted_triangular", "slanted"),
        ("schedule=slanted:0.2:16", "slanted:0.2:16"),
        ("clip=unit:per_layer=true", "unit:true"),
        ("optimizer=nt_asgd", "averaged_sgd"),
        ("dropout=concrete_dropout", "concrete"),
        ("dropout=spatial:0.2", "spatial:0.2"),
        ("preprocess=standardize,zca", "standardize,zca"),
        ("preprocess=none", "none"),
        ("augment=flip,noise:0.10", "flip,noise:0.1"),
    ],
)
def test_equal_recipes_are_equal_texts(written, kept) -> None:
    name = written.partition("=")[0]
    recipe = Recipe().with_settings([written])
    assert getattr(recipe, name) == kept
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_bare_number_keeps_its_meaning() -> None:
    assert Recipe().with_settings(["dropout=0.3"]).dropout == 0.3
    assert Recipe().with_settings(["dropout=none"]).dropout == 0.0
    assert Recipe().with_settings(["ensemble=5"]).ensemble == 5
    assert Recipe().with_settings(["ensemble=none"]).ensemble == 1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("schedule=slnted", ["schedule", "'slnted'", "did you mean 'slanted'"]),
        ("schedule=none", ["schedule", "'none'"]),
        ("schedule=step,cosine", ["one part", "names 2"]),
        ("regularize=l1,l1:2", ["once", "twice"]),
        ("regularize=max_norm:3:4", ["1 arguments at most", "write max_norm:c=3"]),
        ("regularize=max_norm:three", ["a number as its c", "'three' came", "default is 3.0"]),
        ("regularize=max_norm:-1", ["must be possible", "c must be above 0"]),
        ("regularize=max_norm:d=3", ["argument of regularize=max_norm", "'d'"]),
        ("regularize=max_norm:3:c=4", ["each argument once", "c twice"]),
        ("optimizer=averaged_sgd:n=1.5", ["a whole number as its n", "'1.5' came"]),
        ("clip=unit:per_layer=perhaps", ["true or false"]),
        ("loss=hinge:kind=best", ["kind must be one of weston_watkins"]),
        ("average=ema:1", ["decay must be between 0 and 1"]),
        ("dropout=spatial:2", ["dropout=spatial must be possible"]),
        ("augment=flp", ["flip"]),
        ("ensemble=0", ["ensemble", "from 1"]),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(setting, words) -> None:
    with pytest.raises(InputError) as error:
        Recipe().with_settings([setting])
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["momentum_schedule=demon", "optimizer=rmsprop"], "needs an optimizer with momentum"),
        (["average=swa", "optimizer=averaged_sgd"], "one average is enough"),
        (["regularize=prox_l1"], "one rate for all weights"),
        (["ensemble=snapshots"], "write schedule=cosine"),
        (["ensemble=snapshots", "schedule=cosine", "average=swa"], "single moments"),
        (["preprocess=pca,zca"], "stands last"),
        (["scenario=small_similar"], "without pretrained"),
        (["accumulate=64"], "an example for each of its parts"),
        (["loss=large_margin"], "ties the examples of a batch together"),
        (["optimizer=path_sgd"], "no weight decay"),
    ],
)
def test_a_contradiction_is_refused_with_the_reason(settings, reason) -> None:
    with pytest.raises(InputError, match=reason):
        Recipe().with_settings(settings)


def test_defaults_are_those_of_the_shelf() -> None:
    shelf = {
        ("schedule", "one_cycle"): optim.one_cycle,
        ("schedule", "slanted"): optim.slanted_triangular,
        ("schedule", "cosine"): optim.cosine_annealing,
        ("schedule", "step"): optim.step_decay,
        ("clip", "adaptive"): optim.adaptive_clip_gradients_,
        ("optimizer", "averaged_sgd"): optim.NTASGD.__init__,
        ("optimizer", "adam"): optim.Adam.__init__,
        ("optimizer", "rmsprop"): optim.RMSprop.__init__,
        ("optimizer", "adagrad"): optim.Adagrad.__init__,
        ("regularize", "max_norm"): regularize.project_max_norm_,
        ("regularize", "elastic"): regularize.elastic_penalty,
    }
    kinds = {kind.name: kind for kind in KINDS}
    for (name, part_name), function in shelf.items():
        part = next(part for part in kinds[name].parts if part.name == part_name)
        theirs = inspect.signature(function).parameters
        for argument in part.arguments:
            known = theirs.get(argument.name)
            if known is not None and known.default is not known.empty:
                assert argument.default == known.default, (name, part_name, argument.name)


def test_whitening_that_would_not_fit_into_memory_is_refused_with_a_way_out() -> None:
    blueprint = Blueprint(Recipe(preprocess="zca"), "images", (3, 224, 224), (), 10, 1000)
    with pytest.raises(
        InputError, match=r"150528 x 150528.*they take.*take fewer features first.*dim=1.*smaller"
    ):
        blueprint.preprocessing()
