"""Dropout and its kin: what is left out or shaken in training, and what predicts, folds or prunes by it."""

from .concrete_dropout import ConcreteDropout as ConcreteDropout
from .concrete_dropout import ConcreteDropoutLayer as ConcreteDropoutLayer
from .concrete_dropout import concrete_dropout_penalty as concrete_dropout_penalty
from .concrete_dropout import concrete_regularizers as concrete_regularizers
from .concrete_dropout import insert_concrete_dropout as insert_concrete_dropout
from .dropout import Dropout as Dropout
from .dropout import PlainDropout as PlainDropout
from .dropout import fold_plain_dropout as fold_plain_dropout
from .dropout_placement import insert_dropout as insert_dropout
from .embedding_dropout import EmbeddingDropout as EmbeddingDropout
from .gaussian_dropout import GaussianDropout as GaussianDropout
from .locked_dropout import LockedDropout as LockedDropout
from .monte_carlo_dropout import MonteCarloPrediction as MonteCarloPrediction
from .monte_carlo_dropout import mc_dropout as mc_dropout
from .shake_shake import ShakeShake as ShakeShake
from .shake_shake import shake_shake as shake_shake
from .spatial_dropout import Dropout1d as Dropout1d
from .spatial_dropout import Dropout2d as Dropout2d
from .spatial_dropout import Dropout3d as Dropout3d
from .targeted_dropout import TargetedDropout as TargetedDropout
from .targeted_dropout import prune_ as prune_
from .targeted_dropout import set_targeted_dropout_ as set_targeted_dropout_
from .targeted_dropout import targeted_dropout as targeted_dropout
from .targeted_dropout import targeted_ramp as targeted_ramp
from .weight_drop import WeightDrop as WeightDrop
