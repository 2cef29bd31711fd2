from bank._program import Fault

DYNAMICS: tuple[Fault, ...] = ()
