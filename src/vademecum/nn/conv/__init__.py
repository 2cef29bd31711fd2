"""Convolutions: their arithmetic, their matrix, their pooling, and what follows the last map."""

from .arithmetic import Summary as Summary
from .arithmetic import output_size as output_size
from .arithmetic import same_padding as same_padding
from .arithmetic import summarize as summarize
from .conv_matrix import LocallyConnected2d as LocallyConnected2d
from .conv_matrix import conv_as_matrix as conv_as_matrix
from .global_pooling_head import fc_share as fc_share
from .global_pooling_head import replace_head_with_gap as replace_head_with_gap
from .pool_before_activation import ActivationPool as ActivationPool
from .pool_before_activation import activation_evaluations as activation_evaluations
from .pool_before_activation import activation_pool_pairs as activation_pool_pairs
from .pool_before_activation import pool_before_activation as pool_before_activation
from .pooling import AvgPool2d as AvgPool2d
from .pooling import LPPool2d as LPPool2d
from .pooling import MaxPool2d as MaxPool2d
from .pooling import MixedPool2d as MixedPool2d
from .pooling import StochasticPool2d as StochasticPool2d
