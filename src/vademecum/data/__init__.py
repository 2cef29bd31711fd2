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
from .augment_policy import Augmented as Augmented
from .augment_policy import OneOf as OneOf
from .augment_policy import Policy as Policy
from .color_jitter import ColorJitter as ColorJitter
from .color_shift import ColorShift as ColorShift
from .elastic_deformation import ElasticDeformation as ElasticDeformation
from .gaussian_blur import GaussianBlur as GaussianBlur
from .gaussian_noise import GaussianNoise as GaussianNoise
from .leakage import Duplicates as Duplicates
from .leakage import LeakageError as LeakageError
from .leakage import duplicates as duplicates
from .leakage import statistics_origin as statistics_origin
from .min_max import MinMax as MinMax
from .pca import PCA as PCA
from .pca_color import PCAColor as PCAColor
from .pixel_drop import PixelDrop as PixelDrop
from .preprocessing_chain import fit_all as fit_all
from .random_crop import RandomCrop as RandomCrop
from .random_crop import center_crop as center_crop
from .random_crop import ten_crop as ten_crop
from .random_flip import RandomHorizontalFlip as RandomHorizontalFlip
from .random_flip import RandomVerticalFlip as RandomVerticalFlip
from .random_resized_crop import RandomResizedCrop as RandomResizedCrop
from .random_rotation import RandomRotation as RandomRotation
from .random_translation import RandomTranslate as RandomTranslate
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
    "PCA",
    "AdjacentEqual",
    "Augmented",
    "ColorJitter",
    "ColorShift",
    "Duplicates",
    "ElasticDeformation",
    "EpochSampler",
    "GaussianBlur",
    "GaussianNoise",
    "LeakageError",
    "MinMax",
    "OneOf",
    "PCAColor",
    "PixelDrop",
    "Policy",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomTranslate",
    "RandomVerticalFlip",
    "Split",
    "Standardize",
    "TableEncoder",
    "View",
    "Whiten",
    "adjacent_equal",
    "block_shuffle",
    "center_crop",
    "duplicates",
    "epoch_order",
    "fit_all",
    "sources",
    "split",
    "statistics_origin",
    "ten_crop",
]  # fmt: skip
