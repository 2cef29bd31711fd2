"""The faulty programs of the held-out half, each a patch of its repaired twin."""

from bank._program import Fault
from bank.heldout.faults_of_data import DATA
from bank.heldout.faults_of_dynamics import DYNAMICS
from bank.heldout.faults_of_loop import LOOP
from bank.heldout.faults_of_loss import LOSS

FAULTS: tuple[Fault, ...] = (*LOSS, *LOOP, *DATA, *DYNAMICS)
