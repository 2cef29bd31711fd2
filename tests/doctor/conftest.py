import pytest
import torch
from torch import nn

from vademecum.doctor import Case


@pytest.fixture
def digits():
    from sklearn.datasets import load_digits

    x, y = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:64]
    return x[order].float() / 16, y[order]


@pytest.fixture
def build():
    """Build a case with weights that do not depend on the order of the tests."""

    def build(make, x, y, *, seed=0, loss=None, num_classes=10):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = make()
        return Case(model, x, y, loss or nn.CrossEntropyLoss(), num_classes)

    return build
