"""Losses: a number from predictions and targets."""

from .multiclass_hinge import MulticlassHingeLoss as MulticlassHingeLoss
from .multiclass_hinge import multiclass_hinge as multiclass_hinge
from .softmax_cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from .softmax_cross_entropy import cross_entropy as cross_entropy
from .softmax_cross_entropy import expected_initial_loss as expected_initial_loss
