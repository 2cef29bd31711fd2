from bank._program import Fault

LOOP: tuple[Fault, ...] = ()
