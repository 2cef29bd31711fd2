"""The faulty programs of the tuning half."""

from bank._program import Fault
from bank.tuning import faults_data, faults_layers, faults_loop, faults_loss

FAULTS: tuple[Fault, ...] = (
    faults_loss.FAULTS + faults_loop.FAULTS + faults_data.FAULTS + faults_layers.FAULTS
)
