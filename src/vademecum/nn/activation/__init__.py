"""Activations: what stands between two linear layers. `activation` makes one from its name."""

from ._names import ACTIVATIONS as ACTIVATIONS
from ._names import activation as activation
from .gelu import GELU as GELU
from .gelu import SigmoidGELU as SigmoidGELU
from .leaky_relu import LeakyReLU as LeakyReLU
from .maxout import Maxout as Maxout
from .maxout import Maxout2d as Maxout2d
from .prelu import PReLU as PReLU
from .relu import NoisyReLU as NoisyReLU
from .relu import ReLU as ReLU
from .relu import stepped_sigmoids as stepped_sigmoids
from .rrelu import PaperRReLU as PaperRReLU
from .rrelu import RReLU as RReLU
from .sigmoid import Sigmoid as Sigmoid
from .tanh import ScaledTanh as ScaledTanh
from .tanh import Tanh as Tanh
