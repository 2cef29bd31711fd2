"""``vade compare``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from vademecum._core.errors import InputError

from ._say import AsJson, say_json
from ._training import (
    Budget,
    Data,
    Epochs,
    Group,
    Join,
    Storage,
    Target,
    Time,
    Workers,
    data_and_settings,
    end,
    text_of,
)  # fmt: skip


def compare(
    data: Data = None,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=A,B,...",
            help="What differs: every combination is an arm; the first is the baseline.",
        ),
    ] = [],  # noqa: B006
    seeds: Annotated[
        int | None, typer.Option(help="Splits and initializations that every arm gets; 5 by default.")
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            metavar="lr[=log:A..B]",
            help="Find each arm's learning rate first, on validation and other seeds.",
        ),
    ] = None,
    tries: Annotated[
        int | None, typer.Option(help="Rates that each arm tries when tuned; 7 by default.")
    ] = None,
    every_pair: Annotated[
        bool, typer.Option("--every-pair", help="Compare all pairs, not each arm with the first alone.")
    ] = False,
    budget: Budget = "",
    workers: Workers = 1,
    storage: Storage = "",
    join: Join = None,
    target: Target = None,
    group: Group = None,
    time: Time = None,
    model: Annotated[
        str | None, typer.Option(metavar="mlp|cnn|FILE:FUNCTION", help="The net of all arms.")
    ] = None,
    set_: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Recipe fields that all arms share.")
    ] = [],  # noqa: B006
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(help="The first seed.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="The recipe.toml that all arms share.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with a comparison.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; runs/compare-<data>-<n> by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare techniques on your data: the same splits, seeds and epochs for each, and what can be concluded.

    Every arm gets every seed. Differences are taken seed by seed; their intervals allow for splits that overlap, and
    p-values are corrected for their number. --budget ends early, and then only seeds that all arms have finished count.
    Ctrl-C stops and keeps every trial that came out; --resume goes on. Needs the extra search of vademecum.

    Exit code 0: done; 2: unusable input; 130 or 143: stopped by Ctrl-C or a termination, and resumable.

    Example: vade compare flowers.csv --target species --vary norm=none,batch,layer --seeds 5
    """
    from vademecum.lab import Console, Interrupted
    from vademecum.lab.compare import compare as run
    from vademecum.lab.compare import describe
    from vademecum.lab.recipe import Recipe
    from vademecum.lab.study import join as work_along
    from vademecum.lab.study import seconds_of
    from vademecum.lab.trials import without_password

    place, more = data_and_settings(data or [], [*set_])
    named = {
        "data": place, "target": target, "group": group, "time": time, "model": model, "epochs": epochs, "seed": seed,
    }  # fmt: skip
    changes = {name: value for name, value in named.items() if value is not None}
    new = bool(changes or more or recipe or vary or seeds or tune or tries or every_pair)
    console = Console(None if as_json else sys.stdout)
    try:
        if join is not None:
            if new or resume or out or not storage:
                raise InputError(
                    "--join takes everything from the study: give it --storage, and --workers or --budget, and no more."
                )
            again = f"vade compare --join {join} --storage URL"
            work_along(
                storage,
                join,
                workers=workers,
                seconds=seconds_of(budget),
                console=console,
                describe=describe,
                again=again,
            )
            return
        if resume is not None and (new or out):
            raise InputError(
                "--resume takes everything from the comparison: leave out data, settings and --out, or begin a new one."
            )
        chosen = None
        if resume is None:
            start = Recipe() if recipe is None else Recipe.from_toml(text_of(recipe))
            chosen = start.changed(changes).with_settings(more)
        found = run(
            chosen, vary, seeds=seeds or 5, tune=tune or "", tries=tries or 7, every_pair=every_pair, budget=budget,
            workers=workers, storage=storage, out=out, resume=resume, console=console,
            command=shlex.join(["vade", *map(without_password, sys.argv[1:])]),
        )  # fmt: skip
    except (InputError, Interrupted) as error:
        end(error)
    if as_json:
        say_json({"folder": str(found.folder), "report": str(found.report), "result": found.result})
