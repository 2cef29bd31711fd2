from bank._program import Fault

DATA: tuple[Fault, ...] = ()
