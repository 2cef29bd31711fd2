import errno
import os
import threading

import pytest

from vademecum._core.errors import InputError
from vademecum.lab import Recipe, RunFolder
from vademecum.lab.run_folder import write_whole


def test_a_folder_appears_with_its_recipe_inside(tmp_path) -> None:
    folder = RunFolder.create(tmp_path / "deep" / "run", Recipe(norm="group"))
    assert folder.recipe.norm == "group"
    assert os.listdir(tmp_path / "deep") == ["run"]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_refused_and_untouched(tmp_path, kind) -> None:
    path = tmp_path / "run"
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    before = path.lstat()
    with pytest.raises(InputError, match="must be new"):
        RunFolder.create(path, Recipe())
    assert path.lstat().st_ino == before.st_ino
    assert os.listdir(tmp_path) == ["run"]


def test_numbers_count_on_from_what_is_there(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [RunFolder.create(None, Recipe(data="/data/my flowers.csv")).path.name for _ in range(3)]
    assert names == ["my-flowers-1", "my-flowers-2", "my-flowers-3"]


def test_processes_that_start_together_get_folders_of_their_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[str] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        found.append(RunFolder.create(None, Recipe()).path.name)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"digits-{n}" for n in range(1, 9)]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, call) -> None:
    path = tmp_path / "run.json"
    write_whole(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(InputError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_full_disk_leaves_no_folder(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        RunFolder.create(tmp_path / "run", Recipe())
    assert os.listdir(tmp_path) == []


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch) -> None:
    calls: list[str] = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda d: (calls.append("flush"), flush(d))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b))[1])
    write_whole(tmp_path / "file", b"x")
    assert calls == ["flush", "rename", "flush"]


def test_facts_are_added_and_replaced(tmp_path) -> None:
    folder = RunFolder.create(tmp_path / "run", Recipe())
    assert folder.facts == {}
    folder.note(status="running", rate=float("nan"))
    folder.note(status="finished")
    assert folder.facts == {"status": "finished", "rate": None}


def test_what_a_kill_left_is_swept(tmp_path) -> None:
    folder = RunFolder.create(tmp_path / "run", Recipe())
    folder.write("checkpoints/last.safetensors", b"whole")
    (folder.path / "checkpoints" / ".last.safetensors.1234.tmp").write_bytes(b"half")
    (folder.path / ".events.1.tmp").mkdir()
    folder.sweep()
    assert sorted(os.listdir(folder.path)) == ["checkpoints", "recipe.toml"]
    assert os.listdir(folder.path / "checkpoints") == ["last.safetensors"]


def test_a_folder_without_a_recipe_is_no_run(tmp_path) -> None:
    with pytest.raises(InputError, match=r"recipe\.toml"):
        RunFolder(tmp_path)


def test_damaged_facts_are_named(tmp_path) -> None:
    folder = RunFolder.create(tmp_path / "run", Recipe())
    (folder.path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json"):
        _ = folder.facts
