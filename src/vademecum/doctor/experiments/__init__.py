"""Deliberate experiments on a copy: one a module, ``f(case) -> Iterable[Finding]``."""
