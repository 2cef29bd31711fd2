"""A report for people and for programs."""

from .github import as_github as as_github
from .plain import as_json as as_json
from .plain import from_json as from_json
from .sarif import as_sarif as as_sarif
from .text import as_text as as_text
