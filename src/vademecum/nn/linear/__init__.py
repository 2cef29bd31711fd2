"""Linear layers: what is done with their bias."""

from .bias_trick import augment_bias as augment_bias
from .bias_trick import fold_bias as fold_bias
from .bias_trick import unfold_bias as unfold_bias
