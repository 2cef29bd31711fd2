"""What changes any training: when to stop, how fast to learn."""

from .early_stopping import EarlyStopping as EarlyStopping
from .learning_rate_range import RangeTest as RangeTest
from .learning_rate_range import learning_rate_range as learning_rate_range
