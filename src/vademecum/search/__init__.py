"""Which values are tried, in which order, and how many."""

from .grid_search import grid_search as grid_search
from .log_uniform import Choice as Choice
from .log_uniform import Prior as Prior
from .log_uniform import Range as Range
from .log_uniform import parse_prior as parse_prior
from .random_search import random_search as random_search
from .successive_halving import Halving as Halving
from .successive_halving import Round as Round
from .successive_halving import successive_halving as successive_halving
from .tpe import tpe as tpe
