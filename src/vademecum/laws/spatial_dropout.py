"""Laws of spatial dropout: those of dropout, with one mask for each feature map."""

from torch import nn
from torch.nn import functional as F

from ._dropouts import P_ALIASES, mask_laws, mask_twins
from ._suite import Arguments, Interface, Suite


def space(dims: int) -> Suite:
    def over(a: Arguments) -> tuple[int, ...]:
        return tuple(range(2, 2 + dims))

    part = f"Dropout{dims}d"
    return Suite(
        technique="spatial_dropout",
        part=part,
        subjects={part: getattr(nn, part), f"functional.dropout{dims}d": getattr(F, f"dropout{dims}d")},
        interface=Interface(kind="module", arguments=("p",), defaults={"p": 0.5}, aliases=P_ALIASES),
        cases=({"p": 0.5}, {"p": 0.2}),
        shapes=lambda a: ((2, 3, *[2] * dims), (3, 4, *range(3, 3 + dims))),
        laws=mask_laws(over, r"$$ m_{bchw} = m_{bc} $$"),
        twins=mask_twins(
            over, wrong=lambda a: (), says="you drop single values; a map is dropped as a whole."
        ),
    )


SUITES = (space(1), space(2), space(3))
