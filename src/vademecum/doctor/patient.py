"""Patients: ordinary training scripts with one fault each, and the same scripts without it."""

import re
from pathlib import Path

HERE = Path(__file__).with_name("patients")

_WRONG, _RIGHT = re.compile(r"\s+# wrong$"), re.compile(r"^(\s*)# right: ?")


def patients() -> list[str]:
    """Names of all patients; each is the id of the rule that it shows."""
    return sorted(path.stem.replace("_", "-") for path in HERE.glob("[a-z]*.py"))


def patient(name: str) -> tuple[str, str]:
    """Read a patient.

    A line that ends in ``# wrong`` is the fault, a line that begins with ``# right:`` its repair.

    Args:
        name: id of a rule, such as "missing-zero-grad".

    Returns:
        The script with the fault and the script without it.

    Raises:
        ValueError: there is no patient of that name.

    Example:
        >>> wrong, right = patient("redundant-softmax")
        >>> ".softmax(" in wrong, ".softmax(" in right
        (True, False)
    """
    path = HERE / f"{name.replace('-', '_')}.py"
    if not path.is_file():
        raise ValueError(f"there must be a patient of that name: {name}; `vade check --patients` lists them.")
    wrong, right = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        if _RIGHT.match(line):
            right.append(_RIGHT.sub(r"\1", line))
        elif _WRONG.search(line):
            wrong.append(_WRONG.sub("", line))
        else:
            wrong.append(line)
            right.append(line)
    return "\n".join(wrong) + "\n", "\n".join(right) + "\n"
