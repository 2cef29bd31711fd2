"""Losses: a number from predictions and targets."""

from .canonical_link import canonical as canonical
from .canonical_link import output_hessian as output_hessian
from .gaussian_likelihood import GaussianNLLLoss as GaussianNLLLoss
from .gaussian_likelihood import GaussianPrecisionLoss as GaussianPrecisionLoss
from .gaussian_likelihood import fit_precision as fit_precision
from .gaussian_likelihood import gaussian_nll as gaussian_nll
from .label_smoothing import smoothed_target as smoothed_target
from .label_smoothing import smoothing_floor as smoothing_floor
from .large_margin import LargeMarginLoss as LargeMarginLoss
from .large_margin import margin_distance as margin_distance
from .multiclass_hinge import MulticlassHingeLoss as MulticlassHingeLoss
from .multiclass_hinge import multiclass_hinge as multiclass_hinge
from .softmax_cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from .softmax_cross_entropy import cross_entropy as cross_entropy
from .softmax_cross_entropy import expected_initial_loss as expected_initial_loss
from .temperature_scaling import fit_temperature as fit_temperature
from .temperature_scaling import temperature_scaled as temperature_scaled
