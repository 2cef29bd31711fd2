"""``vade check``."""

from pathlib import Path
from typing import Annotated

import typer

from vademecum._core.errors import InputError


def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[SCRIPT]",
            help="A training script; FILE.py:FUNCTION, which returns (model, optimizer, loss_fn, batches); or a saved "
            "report.json. Without it, a script with three faults is shown and cured.",
        ),
    ] = "",
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="The script's own, all of them.")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="Read the files and run nothing: SCRIPT and ARGS are the files.")
    ] = False,
    patient: Annotated[str, typer.Option(metavar="RULE", help="Show and cure the script of one rule.")] = "",
    patients: Annotated[bool, typer.Option("--patients", help="List the rules that have a script.")] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Optimizer steps that are watched; by default 200 or two epochs, at most 1000."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="For the run, and as many for all reruns.")] = 60,
    seeds: Annotated[
        int, typer.Option(min=1, help="Pairs of runs, with and without the cure, behind a proof.")
    ] = 3,
    no_proof: Annotated[bool, typer.Option("--no-proof", help="Do not run it again with the cure.")] = False,
    experiments: Annotated[
        bool,
        typer.Option(
            "--experiments/--no-experiments",
            help="Try things out on a copy of the first step, after the run.",
        ),
    ] = True,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|json|sarif|github", help="Of what is said.")
    ] = "text",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Say it into a file.")] = None,
    only: Annotated[list[str], typer.Option(metavar="RULE", help="Tell this rule alone; repeatable.")] = [],  # noqa: B006
    ignore: Annotated[
        list[str],
        typer.Option(metavar="RULE=REASON", help="Do not tell this rule, for that reason; repeatable."),
    ] = [],  # noqa: B006
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tell only what does not stand in this baseline.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what is found as a baseline, and end with 0.")
    ] = None,
    show_output: Annotated[
        bool, typer.Option("--show-output", help="Print what the script prints, too.")
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the run, its findings and maps, too."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell notes, evidence and what was not looked at.")
    ] = False,
) -> None:
    """Run a training script, unchanged, and say what is wrong with it: cause, evidence, cure.

    The script runs as `python SCRIPT ARGS` does, for some steps. Files that it overwrites are put back afterwards, and
    files that it makes are taken away. Options of vade stand before SCRIPT; what stands behind it is the script's.

    Exit code 0: healthy (notes do not count); 1: findings; 2: unusable input.

    Example: vade check train.py --epochs 3
    """
    from ._checking import FORMATS, Wishes, demonstrated, of_script, of_texts, saved, tell

    if format_ not in FORMATS:
        raise InputError(
            f"--format must be one of {', '.join(FORMATS)}: {format_!r} came; choose one of them."
        )
    wishes = Wishes(format_, output, tuple(only), tuple(ignore), baseline, write_baseline, verbose, page)
    words = args or []
    if patients:
        from ._checking import list_patients

        list_patients(wishes)
        return
    if patient or not what:
        if static:
            raise InputError("--static needs files to read: none came; name them, such as train.py.")
        demonstrated(patient, wishes, seconds)
        return
    if static:
        healthy = tell(of_texts([what, *words]), wishes=wishes)
    elif what.endswith(".json"):
        healthy = tell(saved(Path(what)), wishes=wishes)
    else:
        report, outcome = of_script(
            what,
            words,
            steps,
            seconds,
            show_output,
            seeds=seeds,
            reruns=not no_proof,
            experiments=experiments,
        )
        healthy = tell(report, outcome, wishes=wishes)
    if not healthy:
        raise typer.Exit(1)
