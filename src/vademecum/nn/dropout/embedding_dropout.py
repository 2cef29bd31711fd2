r"""Embedding dropout: leave whole words out, wherever they stand in the batch.

Use it in language models with small data: a word that is dropped is zero at each of its places, so that the others
must carry the sentence. It acts on the rows of the embedding, one draw for each type of word.

$$ y_n = \frac{m_{w_n}}{1 - p} E_{w_n}, \qquad m_w \sim \text{Bernoulli}(1 - p), \quad w = 1, \dots, V $$

In evaluation the words get their embeddings as they are.

Also called: word dropout by types.
Departures: none; only the rows that the batch asks for are scaled, which gives the same numbers.
Pitfalls: the mask belongs to types: two places of a word are dropped together. Dropping places independently is another
    technique. The stored embedding never changes here; fastai's layer multiplies it in place where it is called with a
    scale in evaluation.
Claim: none, because the paper's gain is in a language model that trains for hours.
Peer: the EmbeddingDropout of fastai and of awd-lstm-lm (compared by reading: the same equation).

References:
    gal2016theoretically: section 4.2.
    merity2018regularizing: section 4.3.
"""

from torch import Tensor, nn

from ._checks import probability

__all__ = ["EmbeddingDropout"]


class EmbeddingDropout(nn.Module):
    """An embedding whose words are dropped as wholes in training.

    Args:
        embedding: the embedding; it may be shared with other parts.
        p: probability of dropping a type of word.

    Raises:
        TypeError: the embedding is no `torch.nn.Embedding`.
        ValueError: p is no probability.

    Example:
        >>> import torch
        >>> layer = EmbeddingDropout(nn.Embedding.from_pretrained(torch.ones(10, 1)), p=0.5)
        >>> y = layer(torch.tensor([3, 7, 3, 3])).flatten()
        >>> bool(y[0] == y[2] == y[3]), set(y.tolist()) <= {0.0, 2.0}
        (True, True)
    """

    def __init__(self, embedding: nn.Embedding, p: float = 0.1) -> None:
        super().__init__()
        if not isinstance(embedding, nn.Embedding):
            raise TypeError(
                f"the embedding must be a torch.nn.Embedding: {type(embedding).__name__} came; "
                "for another layer drop from its output."
            )
        self.p = probability(p)
        self.embedding = embedding

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Look words up.

        Args:
            input: (...) indices of words.

        Returns:
            (..., F) their embeddings.
        """
        rows: Tensor = self.embedding(input)
        if not self.training or self.p == 0:
            return rows
        types = nn.functional.dropout(rows.new_ones(self.embedding.num_embeddings), self.p)
        return rows * types[input].unsqueeze(-1)
