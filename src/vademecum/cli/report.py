"""``vade report``."""

from pathlib import Path
from typing import Annotated

import typer

from ._say import AsJson, say, say_json, shorten


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The folder of a run, finished or not, such as runs/digits-1."),
    ],
    again: Annotated[
        bool, typer.Option("--again", help="Write the page again although it is there.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say where the report of a run is, and write it where it is missing.

    The page of a run that has not finished is always written again, from what is there by now.

    Example: vade report runs/digits-1 --open
    """
    from vademecum.lab.evaluate import Evaluation, headline
    from vademecum.lab.report import THINGS, write
    from vademecum.lab.run_folder import RunFolder

    folder = RunFolder(run)
    status = folder.facts.get("status", "running")
    page = folder.path / "report.html"
    if again or status != "finished" or not page.is_file():
        page = write(folder.path)
    judged = folder.read_json("evaluation.json") if (folder.path / "evaluation.json").is_file() else None
    if as_json:
        say_json({"run": str(folder.path), "status": status, "report": str(page), "evaluation": judged})
    else:
        if status == "finished" and judged:
            things = THINGS.get(folder.facts.get("data", {}).get("kind", ""), "examples")
            say(headline(Evaluation.from_dict(judged), things=things))
        elif status == "finished":
            say("This run is finished; its evaluation.json is missing.")
        elif status == "failed":
            say(f"This run failed: {folder.facts.get('reason', 'it did not say why')}")
        else:
            say(f"This run is not finished ({status}); go on with: vade fit --resume {shorten(folder.path)}")
        say(shorten(page))
    if open_:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
