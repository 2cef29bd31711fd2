"""Convolutions: their arithmetic."""

from .arithmetic import Summary as Summary
from .arithmetic import output_size as output_size
from .arithmetic import same_padding as same_padding
from .arithmetic import summarize as summarize
