"""Measured properties of networks, and small demonstrations of why they matter."""

from .invariance import Invariances as Invariances
from .invariance import invariances as invariances
from .zig_zag import Descent as Descent
from .zig_zag import least_squares_descent as least_squares_descent
from .zig_zag import sign_agreement as sign_agreement
