"""``vade fit``."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from vademecum._core.errors import InputError

from ._processes import asked_of_launcher, launch
from ._say import AsJson, say, say_json
from ._training import Data, Epochs, Group, Target, Time, data_and_settings, end, speaks, text_of


def fit(
    data: Data = None,
    target: Target = None,
    group: Group = None,
    time: Time = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="mlp|cnn|FILE:FUNCTION", help="The net, or your function that makes one."),
    ] = None,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Recipe fields, such as --set norm=group augment=crop,flip regularize=max_norm:3; see --fields.",
        ),
    ] = [],  # noqa: B006
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(help="Where all randomness comes from.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Repeat a run: the recipe.toml of its folder.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted run.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; runs/<data>-<n> by default.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN|WEIGHTS",
            help="Start from a finished run's net, or from a safetensors file.",
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="auto|small_similar|...", help="With --from: how much is trained again; auto finds out."
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Train in N processes on this machine (data parallel).")
    ] = None,
    fields: Annotated[bool, typer.Option("--fields", help="Explain the recipe's fields and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a network on your data, test it once, explain its mistakes, and write a report.

    Splits, fits statistics on the training part alone, checks the net before training, finds a learning rate, trains
    with early stopping, and tests with a confidence interval. Ctrl-C saves and stops; --resume goes on, with the same
    weights in the end. A function given as FILE:FUNCTION is called with as much as it accepts of input_shape and
    num_outputs, by keyword.

    --set takes any field of the recipe, and for many of them any technique of the shelf with its arguments, such as
    augment=crop:4,flip or regularize=max_norm:3; --fields explains them all on one page.

    Exit code 0: done; 2: unusable input; 130 or 143: stopped by Ctrl-C or a termination, and saved.

    Example: vade fit flowers.csv --target species --set norm=layer dropout=0.3 schedule=slanted ensemble=5
    """
    from vademecum.lab.recipe import Recipe

    if fields:
        from vademecum.lab.fields_page import fields_page

        say(fields_page())
        return
    place, more = data_and_settings(data or [], set_)
    if "WORLD_SIZE" not in os.environ and (count := processes or asked_of_launcher()) != 1:
        raise typer.Exit(launch(count, sys.argv[1:]))
    named = {
        "data": place,
        "target": target,
        "group": group,
        "time": time,
        "model": model,
        "epochs": epochs,
        "seed": seed,
        "pretrained": from_,
        "scenario": scenario,
    }
    changes = {name: value for name, value in named.items() if value is not None}
    if resume is not None and (changes or more or recipe):
        raise InputError(
            "--resume takes everything from the run: leave out the data and the settings, or start a new run."
        )
    chosen = None
    if resume is None:
        from vademecum.lab.pretrained import net_fields

        start = Recipe() if recipe is None else Recipe.from_toml(text_of(recipe))
        if from_ is not None:
            start = start.changed(net_fields(from_))
        chosen = start.changed({**changes, **Recipe.settings(more)})

    from vademecum.lab import Console, Interrupted
    from vademecum.lab import fit as run
    from vademecum.lab.surroundings import leave_processes

    command = shlex.join(["vade", *sys.argv[1:]])
    try:
        result = run(
            chosen, out=out, resume=resume, console=Console(None if as_json else sys.stdout), command=command
        )
    except (InputError, Interrupted) as error:
        end(error)
    finally:
        leave_processes()
    if as_json and speaks():
        say_json({
            "run": str(result.folder.path), "report": str(result.report), "evaluation": result.evaluation.to_dict(),
        })  # fmt: skip
