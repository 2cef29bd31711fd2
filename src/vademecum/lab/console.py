"""What a run says while it works: a live bar on a terminal, plain lines where it is piped, nothing to programs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from .checkpoint import Row
from .evaluate import Evaluation, headline

if TYPE_CHECKING:
    from rich.console import Console as Rich
    from rich.progress import Progress

__all__ = ["Console"]

_MARKS = {
    "ok": "[green]ok[/]",
    "note": "[cyan]note[/]",
    "warning": "[yellow]warning[/]",
    "error": "[red]error[/]",
}


class Console:
    """Says things to people.

    Args:
        file: where to; None: to nobody.

    Example:
        >>> import sys
        >>> Console(sys.stdout).say("3 of 4 right", indent=2)
          3 of 4 right
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._rich: Rich | None = None
        self._bar: Progress | None = None
        self._metric = ""

    def say(self, text: str, *, indent: int = 0) -> None:
        """Print a line.

        Args:
            text: plain text.
            indent: spaces before it.
        """
        self._print(self._escape(text), indent=indent)

    def heading(self, word: str, text: str) -> None:
        """Print a line that begins with the stage of the run.

        Args:
            word: the stage.
            text: what there is to say.
        """
        self._print(f"[bold]{word:<9}[/]{self._escape(text)}")

    def prepared(self, facts: Mapping[str, Any]) -> None:
        """Say what was found in the data, and what the model is.

        Args:
            facts: ``data``, ``split`` and ``model`` of ``run.json``.
        """
        data, split, model = facts["data"], facts["split"], facts["model"]
        what = f"{len(data['classes'])} classes" if data["classes"] else f"predict {data['target']}"
        self.heading(
            "data",
            f"{data['name']}: {data['count']:,} examples, {what}; {split['train']:,} to train, {split['val']:,} to "
            f"validate, {split['test']:,} to test, cut {split['method']}",
        )
        for note in data["notes"]:
            self.say(note, indent=9)
        if data["copies_across_parts"]:
            self.say(
                f"{data['copies_across_parts']:,} examples stand in two parts: the test is too kind.",
                indent=9,
            )
        sees = " x ".join(map(str, model["receptive_field"]))
        self.heading(
            "model",
            f"{model['name']}, {model['parameters']:,} parameters, {model['macs']:,} MACs an example"
            + (f", sees {sees} pixels" if sees else ""),
        )

    def findings(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Say what the checks before the training found.

        Args:
            found: findings as they stand in ``findings.json``.
        """
        for finding in found:
            where = f" ({finding['where']})" if finding["where"] else ""
            text = self._escape(
                f"{finding['message']}{where}{' ' if finding['cure'] else ''}{finding['cure']}"
            )
            self._print(f"[bold]check    [/]{_MARKS[finding['severity']]} {text}")

    @contextmanager
    def training(self, *, steps: int, done: int, metric: str) -> Iterator[None]:
        """Show a bar over all steps while the block runs, where there is a terminal to show it on.

        Args:
            steps: of the whole run.
            done: of them, before an interruption.
            metric: name of the figure beside the loss.
        """
        self._metric = "accuracy" if metric == "accuracy" else "R squared"
        rich = self._console()
        if rich is None or not rich.is_terminal:
            yield
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("[bold]train    [/]"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )  # fmt: skip
        with Progress(*columns, console=rich, transient=True) as self._bar:
            self._bar.add_task("", total=steps, completed=done)
            try:
                yield
            finally:
                self._bar = None

    def step(self, done: int) -> None:
        """Move the bar.

        Args:
            done: steps since the start of the run.
        """
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def epoch(self, row: Row, *, epochs: int, best: bool) -> None:
        """Say how an epoch went.

        Args:
            row: its figures.
            epochs: at most.
            best: whether it is the best so far.
        """
        text = (
            f"epoch {row.epoch:>{len(str(epochs))}}/{epochs}  loss {row.train_loss:.4f}  "
            f"validation {row.val_loss:.4f}  {self._metric} {row.val_metric:.4f}"
        )
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text.partition("  ")[2])
        else:
            self.heading("train", text + ("  best" if best else ""))

    def calibrated(self, found: Mapping[str, Any]) -> None:
        """Say what became of the temperature.

        Args:
            found: what ``run.json`` keeps of it.
        """
        why = found.get("temperature_reason")
        self.heading("scale", f"temperature {found['temperature']:.3g}" + (f": {why}" if why else ""))

    def transferred(self, facts: Mapping[str, Any] | None) -> None:
        """Say from what the run starts, and what is trained again.

        Args:
            facts: ``transfer`` of ``run.json``; None where it starts from scratch.
        """
        if facts is not None:
            self.heading("from", f"{facts['origin']}; new: {', '.join(facts['new']) or 'nothing'}")
            for reason in facts["reasons"]:
                self.say(reason, indent=9)

    def result(self, evaluation: Evaluation, *, things: str, facts: Mapping[str, Any], report: str) -> None:
        """Print the table at the end.

        Args:
            evaluation: of the test part.
            things: what the examples are, in the plural.
            facts: ``training`` and ``seconds`` of ``run.json``.
            report: path of the page.
        """
        rich = self._console()
        if rich is None:
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        training = facts["training"]
        self.heading("test", headline(evaluation, things=things))
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name, side in (
            ("figure", "left"),
            ("test", "right"),
            ("95 % interval", "right"),
            ("no skill", "right"),
        ):
            table.add_column(name, justify="right" if side == "right" else "left")
        low, high = evaluation.interval
        for place, (name, value) in enumerate(evaluation.metrics.items()):
            more = (f"{low:.4f} to {high:.4f}", f"{evaluation.baseline:.4f}") if place == 0 else ("", "")
            table.add_row(name.replace("_", " "), f"{value:.4f}", *more)
        rich.print(table)
        self.heading(
            "done",
            f"{training['epochs_run']} epochs, best {training['best_epoch']}, in {facts['seconds']:.1f} s; {report}",
        )

    def _console(self) -> "Rich | None":
        if self._rich is None and self._file is not None:
            from rich.console import Console as Rich

            self._rich = Rich(file=self._file, highlight=False, soft_wrap=True)
        return self._rich

    def _print(self, markup: str, *, indent: int = 0) -> None:
        if (rich := self._console()) is not None:
            rich.print(" " * indent + markup)

    @staticmethod
    def _escape(text: str) -> str:
        from rich.markup import escape

        return escape(text)
