"""AR and TAR on a recurrent layer, and what is refused."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.regularize import activation_penalty, temporal_activation_penalty


def test_beside_the_code_of_the_paper() -> None:
    """Sums of pow(2).mean() over the last layer, dropped for AR and raw for TAR, time first."""
    torch.manual_seed(0)
    raw, _ = nn.LSTM(3, 4)(torch.randn(6, 2, 3))
    dropped = nn.functional.dropout(raw, 0.5)
    assert_close(activation_penalty(dropped), 2.0 * dropped.pow(2).mean())
    assert_close(temporal_activation_penalty(raw), (raw[1:] - raw[:-1]).pow(2).mean())
    batch_first = raw.transpose(0, 1)
    assert_close(temporal_activation_penalty(batch_first, 3.0, dim=1), 3.0 * temporal_activation_penalty(raw))


def test_gradient_through_both() -> None:
    raw = torch.ones(3, 1, 1, requires_grad=True)
    (activation_penalty(raw) + temporal_activation_penalty(raw)).backward()
    assert_close(raw.grad, torch.full((3, 1, 1), 4 / 3))


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"hold a value: they are \(0, 2, 3\)"):
        activation_penalty(torch.zeros(0, 2, 3))
    for nothing in (torch.zeros(0, 2), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="a dimension of time"):
            temporal_activation_penalty(nothing)
