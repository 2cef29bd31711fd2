"""``vade claim``."""

from typing import Annotated

import typer

from vademecum._core.cards import card

from ._say import AsJson, bold, say, say_json


def claim(
    slug: Annotated[
        str, typer.Argument(help="A technique; all that have a claim where it is left out.")
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0 on.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Run a technique's small experiment and print what was measured against what is claimed.

    Exit code 1 where it does not hold for every seed.

    Example: vade claim instance_norm
    """
    if slug:
        card(slug)  # a misspelt technique is said before torch is loaded
    from vademecum.claims import claimed, run

    if not slug:
        if as_json:
            say_json(list(claimed()))
        else:
            say("\n".join(f"{name:<24} {card(name).title}" for name in claimed()))
        return
    outcomes = [run(slug, seed=seed) for seed in range(seeds)]
    if as_json:
        rows = [
            {"seed": seed, "holds": o.holds, "measured": dict(o.measured)} for seed, o in enumerate(outcomes)
        ]
        say_json({"slug": slug, "says": outcomes[0].says, "expected": outcomes[0].expected, "outcomes": rows})
    else:
        say(bold(card(slug).title))
        say(f"The paper says: {outcomes[0].says}")
        say(f"Shown here if: {outcomes[0].expected}")
        width = max(len(name) for name in outcomes[0].measured)
        say()
        say(f"{'':<{width}}" + "".join(f"  {f'seed {seed}':>10}" for seed in range(seeds)))
        for name in outcomes[0].measured:
            say(f"{name:<{width}}" + "".join(f"  {outcome.measured[name]:>10.4g}" for outcome in outcomes))
        say(
            f"{'holds':<{width}}"
            + "".join(f"  {'yes' if outcome.holds else 'no':>10}" for outcome in outcomes)
        )
    if not all(outcome.holds for outcome in outcomes):
        raise typer.Exit(1)
