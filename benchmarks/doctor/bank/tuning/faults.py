from bank._program import Fault

FAULTS: tuple[Fault, ...] = ()
