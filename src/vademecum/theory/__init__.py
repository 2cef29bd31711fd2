"""Measured properties of networks, and small demonstrations of why they matter."""

from .activation_variance import ActivationRow as ActivationRow
from .activation_variance import ActivationVariance as ActivationVariance
from .activation_variance import activation_variance as activation_variance
from .activation_variance import mean_square_after as mean_square_after
from .early_stopping_as_ridge import StoppedDescent as StoppedDescent
from .early_stopping_as_ridge import early_stopping_ridge as early_stopping_ridge
from .gradient_noise_scale import NoiseScale as NoiseScale
from .gradient_noise_scale import gradient_noise_scale as gradient_noise_scale
from .gradient_noise_scale import noise_scale_of as noise_scale_of
from .invariance import Invariances as Invariances
from .invariance import invariances as invariances
from .invariance_gap import InvarianceGap as InvarianceGap
from .invariance_gap import InvarianceRow as InvarianceRow
from .invariance_gap import invariance_gap as invariance_gap
from .lipschitz import LipschitzBound as LipschitzBound
from .lipschitz import lipschitz_bound as lipschitz_bound
from .lipschitz import lipschitz_lower_bound as lipschitz_lower_bound
from .zig_zag import Descent as Descent
from .zig_zag import least_squares_descent as least_squares_descent
from .zig_zag import sign_agreement as sign_agreement
