"""The storage of trials: whoever dies, each key is done, and counted once."""

import threading
import time

import pytest

from vademecum._core.errors import InputError
from vademecum.lab.trials import Trials, without_password


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'trials.sqlite3'}"


def opened(url: str, *, grace: float = 60.0) -> Trials:
    return Trials(url, "study", {"kind": "none"}, grace=grace)


def test_a_key_is_taken_once_and_again_when_it_was_given_back(url) -> None:
    trials = opened(url)
    claim = trials.claim("a", worker="one")
    assert claim is not None
    assert trials.claim("a", worker="two") is None
    assert trials.held() == {"a": "one"}
    trials.release(claim)
    assert trials.held() == {}
    again = trials.claim("a", worker="two")
    assert again is not None
    assert trials.record(again, {"score": 1.0})
    assert trials.claim("a", worker="three") is None  # done
    assert trials.outcomes() == {"a": {"score": 1.0}}


def test_the_dead_lose_their_keys_and_the_living_keep_them(url) -> None:
    trials = opened(url, grace=0.3)
    dead, living = trials.claim("a", worker="dead"), trials.claim("b", worker="living")
    assert set(trials.held()) == {"a", "b"}
    for count in range(1, 6):
        time.sleep(0.1)
        assert trials.beat(living, count)
        trials.held()
    assert trials.held() == {"b": "living"}
    assert not trials.beat(dead, 1)  # it is told, if it lives after all
    assert trials.claim("a", worker="heir") is not None


def test_what_a_worker_writes_that_was_taken_for_dead_does_not_count(url) -> None:
    trials = opened(url, grace=0.2)
    slow = trials.claim("a", worker="slow")
    trials.held()
    time.sleep(0.3)
    assert trials.held() == {}
    heir = trials.claim("a", worker="heir")
    assert not trials.record(slow, {"score": 1.0})
    assert trials.record(heir, {"score": 2.0})
    assert trials.outcomes() == {"a": {"score": 2.0}}


def test_the_dead_are_seen_by_an_observer_whose_clock_is_another(url, monkeypatch) -> None:
    opened(url).claim("a", worker="dead")
    observer = opened(url, grace=20.0)
    assert observer.held() == {"a": "dead"}  # seen for the first time: nothing is known of its age
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 19)
    assert observer.held() == {"a": "dead"}
    monkeypatch.setattr(time, "monotonic", lambda: now + 21)
    assert observer.held() == {}


def test_a_kill_between_outcome_and_its_state_loses_nothing(url) -> None:
    trials = opened(url, grace=0.1)
    claim = trials.claim("a", worker="one")
    trials._write(claim.row, "outcome", {"score": 0.5})  # and the worker is gone
    assert trials.outcomes() == {"a": {"score": 0.5}}
    assert trials.claim("a", worker="two") is None
    assert trials.held() == {}


def test_the_first_of_two_outcomes_counts(url) -> None:
    trials = opened(url)
    first = trials.claim("a", worker="one")
    trials._write(first.row, "outcome", {"score": 1.0})
    second = trials._storage.create_new_trial(trials._study)
    trials._write(second, "claim", {"key": "a", "worker": "two"})
    trials._write(second, "outcome", {"score": 2.0})
    assert trials.outcomes() == {"a": {"score": 1.0}}


def test_all_that_a_dead_worker_held_is_given_back(url) -> None:
    trials = opened(url)
    for key in "abc":
        trials.claim(key, worker="dead" if key != "b" else "living")
    trials.release_worker("dead")
    assert trials.held() == {"b": "living"}


def test_deaths_are_remembered_by_key(url) -> None:
    trials = opened(url)
    trials.release(trials.claim("a", worker="one"), died="its process ended with SIGKILL")
    trials.release(trials.claim("b", worker="one"))
    assert trials.deaths("a") == ["its process ended with SIGKILL"]
    assert trials.deaths("b") == []


@pytest.mark.parametrize("count", [2, 5])
def test_workers_that_want_the_same_keys_at_once_share_them(url, count) -> None:
    opened(url)
    keys, taken, errors = [str(k) for k in range(12)], [], []
    start = threading.Barrier(count)

    def work(name: str) -> None:
        trials = Trials(url, "study")
        start.wait()
        try:
            for key in keys:
                claim = trials.claim(key, worker=name)
                if claim is not None:
                    taken.append(key)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(str(k),)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(taken, key=int) == keys  # each once
    assert len(opened(url).held()) == len(keys)


def test_the_first_plan_stands(url) -> None:
    opened(url)
    assert Trials(url, "study", {"kind": "other"}).plan == {"kind": "none"}
    assert Trials(url, "study").plan == {"kind": "none"}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:////no/such/folder/file", ["must be reachable", "unable to open"]),
        ("nonsense", ["must be reachable"]),
        ("nonsense://host", ["must be reachable"]),
        ("postgresql://ada:secret@127.0.0.1:1/db", ["must be reachable", "ada:***@"]),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused(address, words) -> None:
    with pytest.raises(InputError) as caught:
        Trials(address, "study", {})
    for word in words:
        assert word in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_study_that_is_not_there_is_refused_with_those_that_are(url) -> None:
    opened(url)
    with pytest.raises(InputError, match="'stduy' is not there, but study"):
        Trials(url, "stduy")


def test_without_optuna_the_extra_is_named(url, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(InputError, match=r"vademecum\[search\]"):
        Trials(url, "study", {})


def test_passwords_are_blotted_out() -> None:
    assert without_password("postgresql://ada:se@cret@host:5/db") == "postgresql://ada:***@host:5/db"
    assert without_password("postgresql://ada@host/db") == "postgresql://ada@host/db"
    assert without_password("sqlite:///a:b@c") == "sqlite:///a:b@c"
