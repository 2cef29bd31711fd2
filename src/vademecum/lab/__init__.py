"""The lab: from raw data to a trained, examined, explained, cited result.

Example:
    >>> Recipe(norm="group", dropout=0.5).norm
    'group'
"""

from .console import Console as Console
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .fit import Interrupted as Interrupted
from .fit import Result as Result
from .fit import fit as fit
from .prepare import load_model as load_model
from .recipe import Recipe as Recipe
from .run_folder import RunFolder as RunFolder

__all__ = [
    "Console",
    "Evaluation",
    "Interrupted",
    "Recipe",
    "Result",
    "RunFolder",
    "evaluate",
    "fit",
    "load_model",
]
