from bank._program import Variant

HEALTHY: tuple[Variant, ...] = ()
