r"""Mostly unknown tokens: one id stands at most positions of the input.

A vocabulary that was built from other text (another case, another tokenizer, words with their punctuation) knows almost
nothing of what it is asked for, and all that is unknown becomes one id. The model sees sequences of the same token.

No equation.

Wrong:
    vocabulary = build(text)
    ids = [vocabulary.get(word.upper(), UNKNOWN) for word in words]

Right:
    ids = [vocabulary.get(word, UNKNOWN) for word in words]

Fails where: one symbol is that frequent, as a blank in sparse maps.

References:
    goodfellow2016deep: section 12.4.3, short lists and words outside of them.
"""

from collections.abc import Iterator

import torch
from torch import nn

from .._finding import Finding
from ..evidence.tables import train_table
from ..recording.record import NotCheckedError, Record

SHARE = 0.5
"""Share of the positions that are no padding."""

VOCABULARY = 6
"""Ids that the model has vectors for, from which one at half of the positions is remarkable."""


def mostly_unknown_tokens(record: Record) -> Iterator[Finding]:
    """Look for one id at most positions.

    Args:
        record: of the run so far.

    Yields:
        "warning" where there is one that is no padding.

    Raises:
        NotCheckedError: the inputs are no sequences of ids.
    """
    table = train_table(record)
    if table.dense or len(table.shape) != 1 or table.x.shape[1] < 2 or table.x.dtype == torch.bool:
        raise NotCheckedError("the inputs are no sequences of ids")
    known = [part for _, part in record.modules() if isinstance(part, nn.Embedding)]
    sizes = [part.num_embeddings for part in known]
    if not sizes or max(sizes) < VOCABULARY:
        raise NotCheckedError("the model has no table of vectors for ids")
    padding = {part.padding_idx for part in known if part.padding_idx is not None}
    x = table.x
    ids, counts = x.unique(return_counts=True)
    if not padding and len(ids) > 1:  # what most sequences end or begin with, run after run, is padding
        for inward in (x.flip(1), x):  # from the end, and from the beginning
            most = int(inward[:, 0].mode().values)
            blank = inward == most
            common = float(blank[:, 0].double().mean()) > 0.3 and not bool(blank.all(1).any())
            if common and float(blank.long().cumprod(1).sum()) > 0.8 * float(blank.sum()):
                padding.add(most)
    real = torch.tensor([int(i) not in padding for i in ids])
    total = int(counts[real].sum())
    if not total:
        raise NotCheckedError("all ids are padding")
    top = int(counts[real].argmax())
    most, share = int(ids[real][top]), int(counts[real][top]) / total
    if share > SHARE:
        site = record.site("forward")
        yield Finding(
            "mostly-unknown-tokens", "warning",
            f"Id {most} stands at {share:.0%} of the positions, of {max(sizes)} ids that the model has vectors for: is "
            "it the one for unknown words?",
            cure="Print how often each id occurs, and encode the text by the rules by which the vocabulary was made.",
            evidence={"share": share, "id": most, "different": int(real.sum())}, reference="goodfellow2016deep",
            file=site.file, line=site.line, step=0, disproof="The symbol is that frequent by nature.",
        )  # fmt: skip
