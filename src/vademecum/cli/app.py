"""The application: registers the verbs."""

import typer

from .check import check
from .cite import cite
from .claim import claim
from .compare import compare
from .conform import conform
from .find import find
from .fit import fit
from .journey import journey
from .list import list_
from .new import new
from .paper import paper
from .report import report
from .search import search
from .show import show
from .why import why

app = typer.Typer(
    name="vade",
    help="Deep-learning techniques that work: fit a network, look a technique up, hold your own code to its laws.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `vade fit`: no argument, no internet, half a minute.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from vademecum import __version__

        typer.echo(f"vademecum {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Deep-learning techniques that work: fit a network, look a technique up, hold your own code to its laws."""


app.command("fit", rich_help_panel="Work")(fit)
app.command("compare", rich_help_panel="Work")(compare)
app.command("search", rich_help_panel="Work")(search)
app.command("report", rich_help_panel="Work")(report)
app.command("check", rich_help_panel="Work", context_settings={"allow_interspersed_args": False})(check)
app.command("why", rich_help_panel="Work")(why)
app.command("conform", rich_help_panel="Work")(conform)
app.command("claim", rich_help_panel="Work")(claim)
app.command("cite", rich_help_panel="Work")(cite)
app.command("list", rich_help_panel="Look up")(list_)
app.command("find", rich_help_panel="Look up")(find)
app.command("show", rich_help_panel="Look up")(show)
app.command("paper", rich_help_panel="Look up")(paper)
app.command("journey", rich_help_panel="Look up")(journey)
app.command("new", rich_help_panel="Build")(new)
