"""Initialization: where weights start. `initialize_` starts a whole model, and says how."""

from ._fan import fans as fans
from ._initialize import POLICIES as POLICIES
from ._initialize import Plan as Plan
from ._initialize import PlanRow as PlanRow
from ._initialize import initialize_ as initialize_
from .data_dependent_init import calibrate_ as calibrate_
from .glorot_init import xavier_normal_ as xavier_normal_
from .glorot_init import xavier_uniform_ as xavier_uniform_
from .he_init import gain as gain
from .he_init import kaiming_normal_ as kaiming_normal_
from .he_init import kaiming_uniform_ as kaiming_uniform_
from .lecun_init import lecun_normal_ as lecun_normal_
from .lecun_init import lecun_uniform_ as lecun_uniform_
from .orthogonal_init import orthogonal_ as orthogonal_
from .small_init import small_normal_ as small_normal_
from .zero_init import zeros_ as zeros_
