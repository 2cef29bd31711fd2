"""What a recipe may name: the techniques of the shelf, with the arguments that can be written after them."""

from ._grammar import Argument as Argument
from ._grammar import Chosen as Chosen
from ._grammar import Kind as Kind
from ._grammar import Part as Part
from ._grammar import words_of as words_of
from ._heads import head_of as head_of
from ._heads import head_paths as head_paths
from .averages import AVERAGE as AVERAGE
from .averages import ENSEMBLE as ENSEMBLE
from .dropouts import DROPOUT as DROPOUT
from .dropouts import Dropping as Dropping
from .dropouts import dropping as dropping
from .losses import LOSS as LOSS
from .losses import Loss as Loss
from .optimizers import CLIP as CLIP
from .optimizers import OPTIMIZER as OPTIMIZER
from .optimizers import RATES as RATES
from .preprocessing import PREPROCESS as PREPROCESS
from .preprocessing import scalers as scalers
from .regularizers import REGULARIZE as REGULARIZE
from .regularizers import Regularizer as Regularizer
from .schedules import MOMENTUM_SCHEDULE as MOMENTUM_SCHEDULE
from .schedules import SCHEDULE as SCHEDULE
