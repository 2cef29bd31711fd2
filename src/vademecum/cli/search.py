"""``vade search``."""

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


def search(
    data: Data = None,
    space: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=PRIOR",
            help="A dimension: lr=log:1e-5..1e-1, dropout=lin:0..0.5, epochs=int:5..50, batch_size=logint:16..256, "
            "norm=batch,layer.",
        ),
    ] = [],  # noqa: B006
    sampler: Annotated[
        str | None, typer.Option(metavar="tpe|random|grid", help="Who proposes the tries; tpe by default.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many are tried; 20 by default.")] = None,
    budget: Budget = "",
    workers: Workers = 1,
    storage: Storage = "",
    join: Join = None,
    target: Target = None,
    group: Group = None,
    time: Time = None,
    model: Annotated[
        str | None, typer.Option(metavar="mlp|cnn|FILE:FUNCTION", help="The net of all tries.")
    ] = None,
    set_: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Recipe fields that all tries share.")
    ] = [],  # noqa: B006
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(help="Of split, training and search.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="The recipe.toml that all tries share.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with a search.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; runs/search-<data>-<n> by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the values of a recipe's fields on the validation part; the test part stays unseen.

    Ranges are logarithmic where you say log: or logint:. The best recipe is written as best.toml for vade fit
    --recipe, which then looks at the test part once. Ctrl-C stops and keeps every try that came out; --resume goes
    on. Needs the extra search of vademecum.

    Exit code 0: done; 2: unusable input; 130 or 143: stopped by Ctrl-C or a termination, and resumable.

    Example: vade search flowers.csv --target species --space lr=log:1e-4..1e-1 --space dropout=lin:0..0.5
    """
    from vademecum.lab import Console, Interrupted
    from vademecum.lab.recipe import Recipe
    from vademecum.lab.search import describe
    from vademecum.lab.search import search as run
    from vademecum.lab.study import join as work_along
    from vademecum.lab.study import seconds_of
    from vademecum.lab.trials import without_password

    place, more = data_and_settings(data or [], [*set_])
    named = {
        "data": place, "target": target, "group": group, "time": time, "model": model, "epochs": epochs, "seed": seed,
    }  # fmt: skip
    changes = {name: value for name, value in named.items() if value is not None}
    new = bool(changes or more or recipe or space or sampler or trials)
    console = Console(None if as_json else sys.stdout)
    try:
        if join is not None:
            if new or resume or out or not storage:
                raise InputError(
                    "--join takes everything from the study: give it --storage, and --workers or --budget alone."
                )
            again = f"vade search --join {join} --storage URL"
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
                "--resume takes everything from the search: leave out data, settings and --out, or begin a new one."
            )
        chosen = None
        if resume is None:
            start = Recipe() if recipe is None else Recipe.from_toml(text_of(recipe))
            chosen = start.changed(changes).with_settings(more)
        found = run(
            chosen, space, sampler=sampler or "tpe", num_trials=20 if trials is None else trials, budget=budget,
            workers=workers, storage=storage, out=out, resume=resume, console=console,
            command=shlex.join(["vade", *map(without_password, sys.argv[1:])]),
        )  # fmt: skip
    except (InputError, Interrupted) as error:
        end(error)
    if as_json:
        say_json({"folder": str(found.folder), "report": str(found.report), "result": found.result})
