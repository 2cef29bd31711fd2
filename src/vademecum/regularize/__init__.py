"""Regularizers: a number from weights or activations, and what is done to weights beside the gradient.

A penalty is `f(model, ...)`, a scalar on the model's device that is added to a loss which is a mean over the examples,
times a strength; none of them calls backward. What ends in `_` changes weights in place, after the step.
"""

from .activation_penalty import activation_penalty as activation_penalty
from .activation_penalty import temporal_activation_penalty as temporal_activation_penalty
from .decay_groups import decay_groups as decay_groups
from .decay_groups import decay_roles as decay_roles
from .decay_groups import decayed_parameters as decayed_parameters
from .elastic_penalty import elastic_penalty as elastic_penalty
from .elastic_penalty import prox_elastic_ as prox_elastic_
from .jacobian_penalty import jacobian_penalty as jacobian_penalty
from .l1_penalty import l1_penalty as l1_penalty
from .l1_penalty import prox_l1_ as prox_l1_
from .layer_prior import layer_prior_penalty as layer_prior_penalty
from .layer_prior import sample_prior as sample_prior
from .layer_prior import transform_inputs_outputs as transform_inputs_outputs
from .max_norm import project_max_norm_ as project_max_norm_
from .orthogonality import orthogonality_penalty as orthogonality_penalty
from .orthogonality import spectral_isometry_penalty as spectral_isometry_penalty
from .path_norm import balance_ as balance_
from .path_norm import path_norm as path_norm
from .soft_weight_sharing import CompressedSize as CompressedSize
from .soft_weight_sharing import SoftWeightSharing as SoftWeightSharing
from .tangent_propagation import finite_difference_tangent as finite_difference_tangent
from .tangent_propagation import image_tangents as image_tangents
from .tangent_propagation import tangent_penalty as tangent_penalty
from .weight_decay import l2_penalty as l2_penalty
