"""Data: read it (`sources`), cut it, find leaks, and turn it into numbers on one scale.

Everything that is fitted is fitted on the training part alone and saved with the model.

Example:
    >>> source = sources.load("digits")
    >>> parts = split(source.y)
    >>> standardize = Standardize(1).fit(source.x[parts.train])
    >>> round(float(standardize(source.x[parts.train]).std(correction=0)), 4)
    1.0
"""

from . import sources as sources
from .leakage import Duplicates as Duplicates
from .leakage import duplicates as duplicates
from .leakage import statistics_origin as statistics_origin
from .min_max import MinMax as MinMax
from .split import Split as Split
from .split import split as split
from .standardize import Standardize as Standardize
from .table_encoder import TableEncoder as TableEncoder

__all__ = [
    "Duplicates", "MinMax", "Split", "Standardize", "TableEncoder",
    "duplicates", "sources", "split", "statistics_origin",
]  # fmt: skip
