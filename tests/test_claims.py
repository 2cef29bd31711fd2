"""The same code that `vade claim` runs, over seeds 0 to 2."""

import pytest

from vademecum._core.cards import all_cards
from vademecum.claims import claimed, run


def test_every_claim_has_a_card_that_says_so() -> None:
    for slug in claimed():
        assert not all_cards()[slug].fields["Claim"].startswith("none"), slug


def test_every_card_that_says_so_has_a_claim() -> None:
    for slug, card in all_cards().items():
        if not card.fields["Claim"].startswith("none"):
            assert slug in claimed(), slug


@pytest.mark.slow
@pytest.mark.parametrize("slug", claimed())
def test_claim(slug: str) -> None:
    outcomes = [run(slug, seed=seed) for seed in range(3)]
    says_that_it_fails = "does not hold" in all_cards()[slug].fields["Claim"]
    for outcome in outcomes:
        assert outcome.holds is not says_that_it_fails, dict(outcome.measured)


def test_the_same_seed_gives_the_same_figures() -> None:
    slug = "lecun_init"  # among the quickest
    assert run(slug, seed=1) == run(slug, seed=1)
