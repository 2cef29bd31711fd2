"""Data: read it (`sources`), cut it, find leaks, and turn it into numbers on one scale.

Everything that is fitted is fitted on the training part alone and saved with the model.

Example:
    >>> source = sources.load("digits")
    >>> parts = split(source.y)
    >>> train = parts.view(source.x, "train")
    >>> standardize = Standardize(1).fit(train)  # a view of val or test would be refused
    >>> round(float(standardize.transform(train).values.std(correction=0)), 4)
    1.0
"""

from . import sources as sources
from .leakage import Duplicates as Duplicates
from .leakage import LeakageError as LeakageError
from .leakage import duplicates as duplicates
from .leakage import statistics_origin as statistics_origin
from .min_max import MinMax as MinMax
from .pca import PCA as PCA
from .preprocessing_chain import fit_all as fit_all
from .shuffle import AdjacentEqual as AdjacentEqual
from .shuffle import EpochSampler as EpochSampler
from .shuffle import adjacent_equal as adjacent_equal
from .shuffle import block_shuffle as block_shuffle
from .shuffle import epoch_order as epoch_order
from .split import Split as Split
from .split import View as View
from .split import split as split
from .standardize import Standardize as Standardize
from .table_encoder import TableEncoder as TableEncoder
from .whiten import Whiten as Whiten

__all__ = [
    "PCA", "AdjacentEqual", "Duplicates", "EpochSampler", "LeakageError", "MinMax", "Split", "Standardize",
    "TableEncoder", "View", "Whiten", "adjacent_equal", "block_shuffle", "duplicates", "epoch_order", "fit_all",
    "sources", "split", "statistics_origin",
]  # fmt: skip
