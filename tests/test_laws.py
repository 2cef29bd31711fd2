"""One generic test over all suites: the right pass, every twin is caught, every law is needed."""

from functools import cache

import pytest

from vademecum.laws import Suite, suites
from vademecum.laws._engine import BROKEN, HOLDS, NOT_CHECKED, judge, target_of

SUITES = list(suites().values())


@cache
def caught(suite_name: str, twin_name: str) -> frozenset[str]:
    """The laws that catch a twin."""
    suite = suites()[suite_name]
    twin = next(twin for twin in suite.twins if twin.name == twin_name)
    target = target_of(suite, twin)
    return frozenset(
        law.name for law in suite.laws if judge(suite, law, target, explain=False).outcome == BROKEN
    )


@pytest.mark.parametrize(
    ("suite", "subject"),
    [pytest.param(suite, name, id=f"{suite.name}-{name}") for suite in SUITES for name in suite.subjects],
)
def test_the_right_pass(suite: Suite, subject: str) -> None:
    target = target_of(suite, suite.subjects[subject])
    verdicts = [judge(suite, law, target) for law in suite.laws]
    broken = [
        f"{v.law.name}: measured {v.measured:.3g}, allowed {v.allowed:.3g} {v.reason}"
        for v in verdicts
        if v.outcome == BROKEN
    ]
    assert not broken, "\n".join(broken)
    assert any(v.outcome == HOLDS for v in verdicts)
    if subject == next(iter(suite.subjects)):  # ours answers every law; another's function may lack a part
        assert [v.law.name for v in verdicts if v.outcome == NOT_CHECKED] == []


@pytest.mark.parametrize(
    ("suite", "twin"),
    [
        pytest.param(suite, twin.name, id=f"{suite.name}-{twin.name}")
        for suite in SUITES
        for twin in suite.twins
    ],
)
def test_every_twin_is_caught(suite: Suite, twin: str) -> None:
    assert caught(suite.name, twin), f"no law of {suite.name} catches the twin {twin}"


@pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES])
def test_each_law_is_needed(suite: Suite) -> None:
    useful = frozenset().union(*(caught(suite.name, twin.name) for twin in suite.twins))
    idle = [law.name for law in suite.laws if law.name not in useful and not law.no_twin]
    assert not idle, f"laws that catch no twin and do not say why: {idle}"
    excused = [law.name for law in suite.laws if law.no_twin and law.name in useful]
    assert not excused, f"laws that say that no twin is caught, but one is: {excused}"


@pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES])
def test_names_are_unique(suite: Suite) -> None:
    for names in ([law.name for law in suite.laws], [twin.name for twin in suite.twins]):
        assert len(names) == len(set(names))
