"""``vade conform``."""

from ast import literal_eval
from typing import Annotated

import typer

from vademecum._core.cards import card
from vademecum._core.errors import InputError

from ._say import AsJson, say, say_json


def conform(
    obj: Annotated[
        str, typer.Argument(metavar="FILE:OBJECT", help="Your class, function or instance; or a dotted name.")
    ],
    technique: Annotated[
        str,
        typer.Argument(
            help="The technique, with its part where it has several: layer_norm.LayerNormLSTMCell."
        ),
    ],
    arg: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUE", help="An argument to build your object with; repeatable."),
    ] = [],  # noqa: B006
    map_: Annotated[
        list[str],
        typer.Option(
            "--map", metavar="THEIRS=OURS", help="Your name for an argument or parameter; repeatable."
        ),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Hold your implementation to the laws of a technique.

    Prints each law with what was measured and what is allowed; for a broken law the smallest failing input, the
    equation, and the pitfall that it looks like. Exit code 0: it conforms; 1: a law is broken; 2: it cannot be checked.

    Example: vade conform my_layers.py:MyGroupNorm group_norm --map channels=num_channels
    """
    card(technique.partition(".")[0])  # a misspelt technique is said before torch is loaded
    from vademecum._core.objects import from_file, from_name
    from vademecum.laws import conform as check

    target = from_file(obj) if ":" in obj else from_name(obj)
    args = {name: _value(value) for name, value in (_pair(text, "--arg", "NAME=VALUE") for text in arg)}
    names = dict(_pair(text, "--map", "THEIRS=OURS") for text in map_)
    result = check(target, technique, args=args, names=names)
    if as_json:
        say_json(result.to_json())
    else:
        say(str(result))
        say()
        outcomes = [verdict.outcome for verdict in result.verdicts]
        counts = {outcome: outcomes.count(outcome) for outcome in ("holds", "broken", "not checked")}
        say(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) + ".")
    if result.broken:
        raise typer.Exit(1)
    if not result:
        law = result.verdicts[0]
        raise InputError(
            f"the technique's equation must be checkable: {law.law.name} was not checked, because {law.reason}; "
            "say the object's names with --map, or its arguments with --arg."
        )


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        example = "eps=1e-6" if option == "--arg" else "gamma=weight"
        raise InputError(f"{option} takes {form}: {text!r} came; write for example {option} {example}.")
    return name, value


def _value(text: str) -> object:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
