"""The doctor: cheap experiments on a user's own network before it is trained.

A check is ``f(case) -> Iterable[Finding]``. It works on a copy and leaves the model, its gradients and the random
streams as they were.

Example:
    >>> import torch
    >>> from torch import nn
    >>> x, y = torch.randn(64, 5), torch.arange(64) % 10
    >>> case = Case(nn.Linear(5, 10), x, y, nn.CrossEntropyLoss(), num_classes=10)
    >>> [finding.severity for check in (initial_loss, gradients) for finding in check(case)]
    ['ok', 'ok']
"""

from ._finding import SEVERITIES as SEVERITIES
from ._finding import Case as Case
from ._finding import Finding as Finding
from ._finding import Proof as Proof
from ._report import Report as Report
from .experiments.batch_independence import batch_independence as batch_independence
from .experiments.gradients import gradients as gradients
from .experiments.initial_loss import initial_loss as initial_loss
from .experiments.overfit_small import overfit_small as overfit_small
from .watch import TrainingError as TrainingError
from .watch import watch as watch
