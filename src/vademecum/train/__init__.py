"""What changes any training: what trains when, how fast, for how long, and what is averaged."""

from .discriminative import discriminative_groups as discriminative_groups
from .discriminative import layer_groups as layer_groups
from .early_stopping import EarlyStopping as EarlyStopping
from .freeze import drift as drift
from .freeze import freeze as freeze
from .freeze import frozen as frozen
from .freeze import new_parameters as new_parameters
from .freeze import thaw as thaw
from .freeze_first import freeze_first as freeze_first
from .gradual_unfreezing import GradualUnfreezing as GradualUnfreezing
from .learning_rate_range import RangeTest as RangeTest
from .learning_rate_range import learning_rate_range as learning_rate_range
