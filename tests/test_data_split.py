"""Parts of a data set: disjoint, complete, stratified, and a function of the seed."""

import itertools

import numpy as np
import pytest

from downslope.core import SettingError
from downslope.data import Dataset, load

SHARES = [(0.0, 0.0), (0.2, 0.0), (0.0, 0.2), (0.2, 0.2), (0.1, 0.35), (0.4, 0.4)]


def rows_of(part):
    return [] if part is None else part.x[:, 0].astype(int).tolist()


def numbered(rows, y=None, **options):
    return Dataset(np.arange(float(rows)), y, **options)


@pytest.mark.parametrize("validation, test", SHARES)
@pytest.mark.parametrize("rows", [10, 11, 97])
@pytest.mark.parametrize("labeled", [False, True])
def test_parts_are_disjoint_and_complete(rows, validation, test, labeled):
    data = numbered(rows, np.arange(rows) % 2, task="classification" if labeled else "regression")
    split = data.split(validation=validation, test=test, seed=1)
    parts = [rows_of(part) for part in (split.train, split.validation, split.test)]
    assert sorted(itertools.chain(*parts)) == list(range(rows))
    assert [len(part) for part in parts[1:]] == [int(rows * validation + 0.5), int(rows * test + 0.5)]
    assert all(part == sorted(part) for part in parts)
    assert [part is None for part in (split.validation, split.test)] == [validation == 0, test == 0]


def test_only_parts_that_exist_are_unpacked():
    data = numbered(10)
    train, test = data.split(test=0.2)
    assert (len(train), len(test)) == (8, 2)
    train, validation, test = data.split(validation=0.3, test=0.2)
    assert (len(train), len(validation), len(test)) == (5, 3, 2)
    assert len(list(data.split())) == 1


def test_a_split_is_a_function_of_the_seed():
    data = load("old_faithful")
    first, again, other = (data.split(test=0.2, seed=seed).test.y for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_test_part_does_not_depend_on_the_validation_share(task):
    data = numbered(60, np.arange(60) % 3, task=task)
    assert rows_of(data.split(test=0.2).test) == rows_of(data.split(validation=0.3, test=0.2).test)


@pytest.mark.parametrize("validation, test", SHARES[1:])
def test_every_class_keeps_its_share(validation, test):
    y = np.repeat([0, 1, 2, 3], [500, 40, 13, 5])
    split = numbered(len(y), y).split(validation=validation, test=test, seed=2)
    for part, share in ((split.validation, validation), (split.test, test)):
        if part is not None:
            counts = np.bincount(part.y, minlength=4)
            assert np.abs(counts - share * np.bincount(y)).max() < 2
    assert split.notes == ()


def test_a_class_of_one_row_is_said():
    split = numbered(20, [0] * 10 + [1] * 9 + [7], task="classification").split(test=0.2)
    assert split.notes == ("The split is not stratified by class, because class 7 has one row only.",)
    assert split.train.classes.tolist() == [0, 1, 7]


def test_rows_are_drawn_from_everywhere():
    counts = np.zeros(20)
    for seed in range(400):
        counts[rows_of(numbered(20).split(test=0.25, seed=seed).test)] += 1
    # Each count is binomial with mean 100 and deviation 8.7.
    assert np.abs(counts - 100).max() < 5 * 8.7


@pytest.mark.parametrize(
    "shares, words",
    [
        ({"test": -0.1}, "`test`"),
        ({"test": 1.0}, "`test`"),
        ({"validation": 1.5}, "`validation`"),
        ({"validation": 0.5, "test": 0.5}, "less than 1"),
        ({"test": 0.01}, "at least one row"),
        ({"validation": 0.01}, "at least one row"),
        ({"test": 0.99}, "to learn from"),
    ],
)
def test_shares_that_cannot_be(shares, words):
    with pytest.raises(SettingError, match=words):
        numbered(10).split(**shares)
