"""Reading from Accelerate's launcher how many processes were asked for."""

import pytest

from vademecum._core.errors import InputError
from vademecum.cli._processes import _number_in, asked_of_launcher, launch


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (["accelerate", "launch", "--num_processes", "2", "-m", "vademecum", "fit"], 2),
        (["accelerate", "launch", "--num-processes=3", "-m", "vademecum", "fit"], 3),
        (["accelerate", "launch", "-m", "vademecum", "fit"], 1),
    ],
)
def test_the_number_stands_in_the_command_line(command: list[str], number: int) -> None:
    assert _number_in(command) == number


def test_without_a_launcher_it_is_one_process() -> None:
    assert asked_of_launcher({}) == 1
    assert asked_of_launcher({"MASTER_PORT": "29500"}) == 1


def test_started_processes_start_no_others() -> None:
    environment = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_PORT": "29500", "WORLD_SIZE": "2"}
    assert asked_of_launcher(environment) == 1


def test_no_process_is_refused() -> None:
    with pytest.raises(InputError, match="at least one process"):
        launch(0, ["fit"])
