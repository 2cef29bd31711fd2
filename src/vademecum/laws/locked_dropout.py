"""Laws of locked dropout: those of dropout, with one mask for all steps of a sequence."""

from vademecum.nn.dropout.locked_dropout import LockedDropout

from ._dropouts import P_ALIASES, mask_laws, mask_twins
from ._suite import Arguments, Interface, Suite, Twin


def time(a: Arguments) -> tuple[int, ...]:
    return (int(a["batch_first"]),)


TWINS = mask_twins(
    time, wrong=lambda a: (), says="you draw a mask for each step; one serves the whole sequence."
)
OTHERS = mask_twins(
    time,
    wrong=lambda a: (0, 1),
    says="your sequences share a mask; each has its own, for all of its steps.",
)
SWAPPED = mask_twins(
    time, wrong=lambda a: (1 - int(a["batch_first"]),), says="you take the batch for time: see batch_first."
)

SUITES = (
    Suite(
        technique="locked_dropout",
        part="LockedDropout",
        subjects={"LockedDropout": LockedDropout},
        interface=Interface(
            kind="module", arguments=("p", "batch_first"), defaults={"p": 0.5, "batch_first": False}, aliases=P_ALIASES
        ),
        cases=({"p": 0.5, "batch_first": False}, {"p": 0.2, "batch_first": True}),
        shapes=lambda a: ((2, 3, 2), (5, 3, 4)),
        laws=mask_laws(time, r"$$ m_{tbf} = m_{bf} $$"),
        twins=(
            *TWINS,
            Twin("one_for_the_batch", OTHERS[-1].build, OTHERS[-1].pitfall),
            Twin("batch_for_time", SWAPPED[-1].build, SWAPPED[-1].pitfall),
        ),
    ),
)  # fmt: skip
