"""`vade new` in a copy of the checkout: everything passes but the law that is left to write."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vademecum._core.cards import PACKAGE
from vademecum._core.errors import InputError
from vademecum._core.scaffold import scaffold

ROOT = PACKAGE.parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package and its tests, to write into."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "src" / "vademecum", ignore=ignore)
    (tmp_path / "tests").mkdir()
    for name in ("test_house.py", "test_laws.py", "test_battery.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def run_pytest(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["nn/norm/scale_norm", "theory/sharpness"])
def test_all_is_green_but_the_law(checkout: Path, place: str) -> None:
    slug = place.split("/")[-1]
    written = scaffold(place, paper="wu2018group", root=checkout)
    assert checkout / "src" / "vademecum" / f"{place}.py" in written
    house = run_pytest(
        checkout, "tests/test_house.py", "-k", f"{slug} or journey or orphan or export or unique or suite"
    )
    assert house.returncode == 0, house.stdout
    assert slug in run_pytest(checkout, "tests/test_house.py", "--collect-only").stdout
    doctests = run_pytest(checkout, f"src/vademecum/{place}.py")
    assert doctests.returncode == 0, doctests.stdout
    laws = run_pytest(checkout, "tests/test_laws.py", "-k", slug)
    assert laws.returncode == 1
    failed = [line for line in laws.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, laws.stdout
    assert "test_the_right_pass" in failed[0]
    assert "by_the_paper" in laws.stdout


@pytest.mark.slow
def test_the_law_turns_green_when_written(checkout: Path) -> None:
    scaffold("nn/norm/scale_norm", paper="wu2018group", root=checkout)
    law = checkout / "src" / "vademecum" / "laws" / "scale_norm.py"
    law.write_text(law.read_text().replace("return torch.full_like(x, torch.nan)", "return x"))
    result = run_pytest(checkout, "tests/test_laws.py", "-k", "scale_norm")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("place", "paper", "chapter", "message"),
    [
        ("nn/norm/group_norm", "wu2018group", "", "a slug must be new"),
        ("nn/nrom/scale_norm", "wu2018group", "", "did you mean 'nn/norm'"),
        ("nn/norm/ScaleNorm", "wu2018group", "", "snake case"),
        ("nn/norm/scale_norm", "wu2018grup", "", "did you mean 'wu2018group'"),
        ("nn/norm/scale_norm", "wu2018group", "No such chapter at all", "chapter must be one that exists"),
    ],
)
def test_wrong_wishes_are_refused_and_write_nothing(
    checkout: Path, place: str, paper: str, chapter: str, message: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*")}
    with pytest.raises(InputError, match=message):
        scaffold(place, paper=paper, chapter=chapter, root=checkout)
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("*")} == before


def test_outside_a_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checkout"):
        scaffold("nn/norm/scale_norm", paper="wu2018group", root=tmp_path)
