import pytest
import torch
from torch.testing import assert_close

from vademecum._core.errors import InputError
from vademecum.data import split


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def all_of(parts):
    return torch.cat([parts.train, parts.val, parts.test]).sort().values


def labels(*counts):
    return torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [(50, 50), (90, 7, 3), (3, 3, 3), (4, 100, 5, 33), (12,) * 40])
def test_classes_are_stratified(counts, seed):
    y = labels(*counts)
    parts = split(y, generator=seeded(seed))
    assert_close(all_of(parts), torch.arange(len(y)))
    for part, share in ((parts.train, 0.65), (parts.val, 0.15), (parts.test, 0.2)):
        found = y[part].bincount(minlength=len(counts))
        want = share * torch.tensor(counts)
        assert bool((found >= 1).all())
        assert float((found - want).abs().max()) <= 2.0


def test_totals_are_right_though_each_class_is_rounded():
    y = labels(*(12,) * 40)  # 15 % of 12 is 1.8: rounding by class alone would give 80
    parts = split(y)
    assert (len(parts.train), len(parts.val), len(parts.test)) == (312, 72, 96)


def test_small_classes():
    parts = split(labels(30, 2, 1))
    y = labels(30, 2, 1)
    assert set(y[parts.train].tolist()) == {0, 1, 2}


def test_same_seed_same_split_other_seed_other_split():
    y = labels(50, 50)
    first, again, other = (split(y, generator=seeded(s)) for s in (0, 0, 1))
    assert_close(again.test, first.test, rtol=0, atol=0)
    assert_close(split(y).test, first.test, rtol=0, atol=0)
    assert not torch.equal(other.test, first.test)


def test_the_global_stream_is_left_alone():
    before = torch.get_rng_state()
    split(labels(50, 50))
    assert_close(torch.get_rng_state(), before)


def test_regression_is_only_shuffled():
    y = torch.linspace(0, 1, 100)
    parts = split(y)
    assert (len(parts.train), len(parts.val), len(parts.test)) == (65, 15, 20)
    assert_close(all_of(parts), torch.arange(100))
    assert_close(float(y[parts.test].mean()), 0.5, rtol=0, atol=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_in_two_parts(seed):
    g = seeded(seed)
    groups = torch.randint(40, (500,), generator=g)
    y = torch.randint(3, (500,), generator=g)
    parts = split(y, groups=groups, generator=g)
    assert_close(all_of(parts), torch.arange(500))
    sets = [set(groups[part].tolist()) for part in (parts.train, parts.val, parts.test)]
    assert sets[0] & sets[1] == sets[0] & sets[2] == sets[1] & sets[2] == set()
    for part, share in ((parts.train, 0.65), (parts.val, 0.15), (parts.test, 0.2)):
        assert_close(len(part) / 500, share, rtol=0, atol=0.05)
        assert_close(y[part].bincount() / len(part), y.bincount() / 500, rtol=0, atol=0.08)


def test_groups_of_one_class_each_are_still_stratified():
    groups = torch.arange(30).repeat_interleave(10)  # ten people, each of one class
    y = groups % 2
    parts = split(y, groups=groups)
    for part in (parts.train, parts.val, parts.test):
        assert_close(float(y[part].double().mean()), 0.5, rtol=0, atol=0.2)


def test_three_groups_are_one_for_each_part():
    groups = torch.tensor([0] * 50 + [1] * 2 + [2] * 2)
    parts = split(torch.zeros(54), groups=groups)
    assert sorted([len(parts.train), len(parts.val), len(parts.test)]) == [2, 2, 50]
    assert len(parts.train) == 50


@pytest.mark.parametrize("seed", range(5))
def test_time_runs_from_train_to_test_and_ties_stay_together(seed):
    times = torch.randint(30, (200,), generator=seeded(seed)).double()
    parts = split(torch.zeros(200), times=times)
    assert_close(all_of(parts), torch.arange(200))
    assert times[parts.train].max() < times[parts.val].min()
    assert times[parts.val].max() < times[parts.test].min()
    assert_close(len(parts.test) / 200, 0.2, rtol=0, atol=0.05)


def test_three_times_are_one_for_each_part():
    times = torch.tensor([1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    parts = split(torch.zeros(8), times=times)
    assert_close(parts.val, torch.tensor([0]))
    assert_close(parts.test, torch.tensor([2]))


def test_given_parts_are_kept():
    given = torch.tensor([0] * 20 + [1] * 5 + [2] * 5)
    parts = split(labels(15, 15), parts=given)
    assert_close(parts.val, torch.arange(20, 25))
    assert_close(parts.test, torch.arange(25, 30))


def test_a_missing_val_is_cut_out_of_train():
    given = torch.tensor([0] * 40 + [2] * 10)
    y = torch.tensor([0, 1] * 25)
    parts = split(y, parts=given)
    assert_close(parts.test, torch.arange(40, 50))
    assert len(parts.val) == 6
    assert int(parts.val.max()) < 40
    assert_close(y[parts.val].bincount(), torch.tensor([3, 3]))


def test_not_said_is_cut_like_train():
    given = torch.full((50,), -1)
    y = labels(25, 25)
    assert_close(split(y, parts=given).test, split(y).test)


def test_refusals():
    y = labels(20, 20)
    with pytest.raises(InputError, match="positive and leave something"):
        split(y, val_fraction=0.5, test_fraction=0.5)
    with pytest.raises(InputError, match="positive"):
        split(y, val_fraction=0.0)
    with pytest.raises(InputError, match=r"groups must have one entry.*\(40,\).*\(3,\)"):
        split(y, groups=torch.zeros(3))
    with pytest.raises(InputError, match="2 groups for 3 parts"):
        split(y, groups=torch.arange(40) % 2)
    with pytest.raises(InputError, match="2 distinct times for 3 parts"):
        split(y, times=torch.arange(40) % 2)
    with pytest.raises(InputError, match="finite"):
        split(y, times=torch.full((40,), torch.nan))
    with pytest.raises(InputError, match="2 are there to be cut into train and val and test"):
        split(torch.tensor([0, 1]))
    with pytest.raises(InputError, match="no class has as many"):
        split(torch.arange(6))
    with pytest.raises(InputError, match="parts must be 0"):
        split(y, parts=torch.full((40,), 7))
    with pytest.raises(InputError, match="20 groups stand in two"):
        split(y, parts=torch.tensor([0, 2] * 20), groups=torch.arange(20).repeat_interleave(2))
    with pytest.raises(InputError, match="groups stand in two"):
        split(y, times=torch.arange(40.0), groups=torch.arange(40) % 4)
