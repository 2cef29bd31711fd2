"""While a run trains: the doctor watches it, and what it finds stands in the report beside the earlier checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from torch import nn

from vademecum import doctor
from vademecum._core.errors import InputError

from .console import Console
from .run_folder import RunFolder

__all__ = ["watched"]


@contextmanager
def watched(model: nn.Module, folder: RunFolder, console: Console, *, main: bool) -> Iterator[None]:
    """Watch the training of a block, on the first process; the training goes bit for bit as without it.

    Args:
        model: that is trained.
        folder: of the run, whose ``findings.json`` gets what is found.
        console: told of errors and warnings.
        main: whether this is the first process.

    Yields:
        Nothing. An interrupted training is not judged; one that diverges is.

    Raises:
        InputError: as it came from the block.
    """
    if not main:
        yield
        return
    watching = doctor.watch(model)
    try:
        with watching:
            yield
    except InputError:
        _tell(watching.report(), folder, console)
        raise
    _tell(watching.report(), folder, console)


def _tell(report: doctor.Report, folder: RunFolder, console: Console) -> None:
    """Add findings to those that the run folder has, once each."""
    known = folder.read_json("findings.json") if (folder.path / "findings.json").exists() else []
    seen = {(finding["rule"], finding["where"]) for finding in known}
    found = [
        {**asdict(finding), "evidence": dict(finding.evidence)}
        for finding in report.findings
        if (finding.rule, finding.where) not in seen
    ]
    folder.write_json("findings.json", [*known, *found])
    console.findings(finding for finding in found if finding["severity"] in {"error", "warning"})
