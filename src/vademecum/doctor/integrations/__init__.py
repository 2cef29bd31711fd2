"""The doctor as a callback of other trainers, which are imported only when a callback is made.

With Accelerate nothing is needed: give `vademecum.doctor.watch` the prepared model and optimizer.
"""

from .lightning import lightning_callback as lightning_callback
from .transformers import transformers_callback as transformers_callback
