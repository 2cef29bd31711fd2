"""The run ended with an exception: what it means, where it happened, and what to do.

No equation.

Wrong:
    nn.Linear(512, 10)(torch.zeros(32, 784))

Right:
    nn.Linear(784, 10)(torch.zeros(32, 784))

Fails where: the exception is the user's own, which is passed on as it is.

References:
    goodfellow2016deep: section 11.5, on finding out which part of a system is at fault.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..failure import translate
from ..recording.record import NotCheckedError, Record


def run_failed(record: Record) -> Iterator[Finding]:
    """Translate the exception that ended the run.

    Args:
        record: of the run so far.

    Yields:
        "error" where it is known what it means, else "note"; under the id of the rule that names the cause.

    Raises:
        NotCheckedError: the run is still going on.
    """
    if record.failure is None:
        if not record.finished:
            raise NotCheckedError("the run has not ended")
        return
    kind, text, site = record.failure
    known = translate(kind, text)
    first = text.strip().split("\n")[0]
    yield Finding(
        known.rule if known else "run-failed", "error" if known else "note",
        known.message if known else f"The run ended with {kind}: {first}",
        cure=known.cure if known else "", evidence={"step": record.steps}, reference="goodfellow2016deep",
        file=site.file, line=site.line, step=record.steps, disproof="The run goes on when it is started again.",
    )  # fmt: skip
