"""``vade why``."""

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vademecum._core.refs import paper
from vademecum._core.rules import Rule, all_rules, rule
from vademecum._core.tex import render

from ._say import AsJson, bold, dim, say, say_json, shorten

if TYPE_CHECKING:
    from vademecum.doctor.script.demonstrate import Demonstration

WIDTH = 96


def why(
    name: Annotated[
        str, typer.Argument(metavar="[RULE]", help="As a finding names it; all rules where it is left out.")
    ] = "",
    run: Annotated[
        bool,
        typer.Option(
            "--run/--no-run", help="Run the rule's experiment: a script with the fault, and its repair."
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Explain a rule of the doctor, and run its experiment on the spot.

    Example: vade why missing-zero-grad
    """
    if not name:
        if as_json:
            say_json([each.to_json() for each in all_rules().values()])
            return
        width = max(map(len, all_rules()))
        for each in all_rules().values():
            say(f"{each.name:<{width}}  {each.title}: {each.gist}")
        say()
        say(f"{len(all_rules())} rules. `vade why RULE` explains one.")
        return
    found = rule(name)
    if not as_json:
        _card(found)
    shown = _demonstrate(found) if run and found.patient is not None else None
    if as_json:
        papers = [paper(reference.key).to_json() for reference in found.references]
        say_json(
            {**found.to_json(), "papers": papers, "experiment": None if shown is None else _plain(shown)}
        )
    elif shown is not None:
        _experiment(shown)


def _demonstrate(found: Rule) -> "Demonstration":
    from vademecum.doctor.script.demonstrate import demonstrate

    from ._progress import progress

    with progress(f"running the experiment of {found.name}") as tell:
        return demonstrate(found.name, progress=tell)


def _card(found: Rule) -> None:
    say(f"{bold(found.title)}: {found.gist}")
    say(dim(f"{found.name}   {shorten(found.path)}:1"))
    say()
    for block in render(found.text).split("\n\n"):
        say(block if block.startswith(("    ", "|", "- ")) else textwrap.fill(block, WIDTH))
        say()
    for word, code in (("Wrong", found.wrong), ("Right", found.right)):
        if code:
            say(f"{word}:")
            say(textwrap.indent(code, "    "))
    if found.fails_where:
        say(textwrap.fill(f"Fails where: {found.fails_where}", WIDTH, subsequent_indent="    "))
    for reference in found.references:
        text = f"[{reference.key}] {paper(reference.key).citation} {reference.where}"
        say(textwrap.fill(text, WIDTH, subsequent_indent="    "))


def _experiment(shown: "Demonstration") -> None:
    say()
    say(bold("The experiment, run just now"))
    say(textwrap.indent(shown.diff, "    "))
    before, after = shown.before.report, shown.after.report
    told = ", ".join(finding.rule for finding in before.findings) or "nothing"
    healed = ", ".join(finding.rule for finding in after.findings) or "nothing"
    figure = f"{shown.measure} {{:.3g}}; the doctor says: {{}}" if shown.measure else "the doctor says: {1}"
    say(f"with the fault:  {figure.format(shown.figures[0], told)}")
    say(f"without it:      {figure.format(shown.figures[1], healed)}")


def _plain(shown: "Demonstration") -> dict[str, Any]:
    return {
        "measure": shown.measure,
        "before": shown.figures[0] if shown.figures[0] == shown.figures[0] else None,
        "after": shown.figures[1] if shown.figures[1] == shown.figures[1] else None,
        "told_before": [finding.rule for finding in shown.before.report.findings],
        "told_after": [finding.rule for finding in shown.after.report.findings],
        "diff": shown.diff,
    }
