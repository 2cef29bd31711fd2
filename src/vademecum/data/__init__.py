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
from .augment_policy import Augmented as Augmented
from .augment_policy import OneOf as OneOf
from .augment_policy import Policy as Policy
from .color_jitter import ColorJitter as ColorJitter
from .color_shift import ColorShift as ColorShift
from .elastic_deformation import ElasticDeformation as ElasticDeformation
from .gaussian_blur import GaussianBlur as GaussianBlur
from .gaussian_noise import GaussianNoise as GaussianNoise
from .leakage import Duplicates as Duplicates
from .leakage import duplicates as duplicates
from .leakage import statistics_origin as statistics_origin
from .min_max import MinMax as MinMax
from .pca_color import PCAColor as PCAColor
from .pixel_drop import PixelDrop as PixelDrop
from .random_crop import RandomCrop as RandomCrop
from .random_crop import center_crop as center_crop
from .random_crop import ten_crop as ten_crop
from .random_flip import RandomHorizontalFlip as RandomHorizontalFlip
from .random_flip import RandomVerticalFlip as RandomVerticalFlip
from .random_resized_crop import RandomResizedCrop as RandomResizedCrop
from .random_rotation import RandomRotation as RandomRotation
from .random_translation import RandomTranslate as RandomTranslate
from .split import Split as Split
from .split import split as split
from .standardize import Standardize as Standardize
from .table_encoder import TableEncoder as TableEncoder

__all__ = [
    "Augmented", "ColorJitter", "ColorShift", "Duplicates", "ElasticDeformation", "GaussianBlur",
    "GaussianNoise", "MinMax", "OneOf", "PCAColor", "PixelDrop", "Policy", "RandomCrop",
    "RandomHorizontalFlip", "RandomResizedCrop", "RandomRotation", "RandomTranslate",
    "RandomVerticalFlip", "Split", "Standardize", "TableEncoder", "center_crop", "duplicates", "sources",
    "split", "statistics_origin", "ten_crop",
]  # fmt: skip
