"""Every order of every batch size: the right rows, the right weights, the same each time."""

import numpy as np
import pytest

from downslope.core import SettingError, UnknownNameError, generator
from downslope.data import ORDERS, Batches
from downslope.data.batches import shuffled_by_blocks

ROWS = 23
SIZES = [1, 7, ROWS - 1, ROWS, ROWS + 9]
CASES = [(order, size) for order in ORDERS for size in SIZES]


@pytest.mark.parametrize("order, size", CASES)
def test_an_epoch_is_padded_to_whole_steps(order, size):
    batches = Batches(ROWS, size, order, seed=3)
    indices, weights = batches.epoch(2)
    clipped = min(size, ROWS)
    assert batches.batch_size == clipped
    assert batches.steps == -(-ROWS // clipped)
    assert indices.shape == weights.shape == (batches.steps, clipped)
    assert (indices.dtype, weights.dtype) == (np.int32, np.float64)
    flat, filled = indices.ravel(), np.arange(indices.size) < ROWS
    np.testing.assert_array_equal(weights.ravel(), filled)
    assert not flat[~filled].any()
    assert flat.min() >= 0
    assert flat.max() < ROWS


@pytest.mark.parametrize("order, size", CASES)
def test_at_is_the_batch_without_its_padding(order, size):
    batches = Batches(ROWS, size, order, seed=3)
    indices, weights = batches.epoch(5)
    for step in range(batches.steps):
        np.testing.assert_array_equal(batches.at(5, step), indices[step][weights[step] > 0])


@pytest.mark.parametrize("order", ["shuffle", "shuffle_once", "sequential", "blocks"])
@pytest.mark.parametrize("size", SIZES)
def test_an_epoch_without_replacement_is_a_permutation(order, size):
    for epoch in range(4):
        indices, weights = Batches(ROWS, size, order).epoch(epoch)
        assert sorted(indices[weights > 0].tolist()) == list(range(ROWS))


@pytest.mark.parametrize("order, size", CASES)
def test_batches_are_a_function_of_seed_and_epoch(order, size):
    forward = [Batches(ROWS, size, order, seed=8).epoch(epoch)[0] for epoch in range(3)]
    backward = [Batches(ROWS, size, order, seed=8).epoch(epoch)[0] for epoch in (2, 1, 0)]
    np.testing.assert_array_equal(forward, backward[::-1])


@pytest.mark.parametrize("order", ORDERS)
def test_what_changes_between_epochs_and_seeds(order):
    rows = 1000
    drawn = {
        (seed, epoch): Batches(rows, rows, order, seed=seed).epoch(epoch)[0] for seed in (0, 1) for epoch in (0, 1)
    }
    assert np.array_equal(drawn[0, 0], drawn[0, 1]) == (order in ("sequential", "shuffle_once"))
    assert np.array_equal(drawn[0, 0], drawn[1, 0]) == (order == "sequential")


def test_the_order_does_not_depend_on_the_batch_size():
    for order in ORDERS:
        whole = Batches(ROWS, ROWS, order).epoch(1)[0].ravel()
        np.testing.assert_array_equal(whole, Batches(ROWS, 4, order).epoch(1)[0].ravel()[:ROWS])


def test_replacement_draws_all_rows_alike():
    rows, epochs = 50, 400
    counts = sum(
        np.bincount(Batches(rows, 10, "replacement").epoch(e)[0].ravel(), minlength=rows) for e in range(epochs)
    )
    assert counts.sum() == rows * epochs
    # Each count is binomial with mean 400 and deviation 19.8.
    assert np.abs(counts - epochs).max() < 5 * 19.8
    first = Batches(rows, 10, "replacement").epoch(0)[0]
    assert 25 < len(np.unique(first)) < 40


def test_blocks_have_1024_rows_and_64_are_shuffled_together():
    expected = shuffled_by_blocks(70_000, generator(3, "order", 2), block_rows=1024, window_blocks=64)
    np.testing.assert_array_equal(Batches(70_000, 70_000, "blocks", seed=3).epoch(2)[0].ravel(), expected)


def test_blocks_shuffle_within_the_stated_bounds():
    rows, size, epochs = 8 * 40, 16, 400
    places = np.zeros(rows)
    alike = np.repeat(np.random.default_rng(0).normal(size=40), 8)  # correlation 1 within a block
    squares = []
    for epoch in range(epochs):
        order = shuffled_by_blocks(rows, generator(0, "order", epoch), block_rows=8, window_blocks=4)
        places[order] += np.arange(rows)
        for window in np.split(order, np.arange(32, rows, 32)):
            assert len(np.unique(window // 8)) == 4
        means = (alike - alike.mean())[order.reshape(-1, size)].mean(axis=1)
        squares.append(np.mean(means**2))
    # a place is uniform over the epoch: its mean over epochs has this deviation
    assert np.abs(places / epochs - rows / 2).max() < 5 * rows / np.sqrt(12 * epochs) + 8
    inflation = size * np.mean(squares) / alike.var()
    exact = 1 + (size - 1) * (8 - 1) / (4 * 8 - 1)
    assert inflation == pytest.approx(exact, rel=0.15)
    assert exact < 1 + (size - 1) / 4


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"rows": 0, "batch_size": 1}, SettingError),
        ({"rows": 2**31, "batch_size": 1}, SettingError),
        ({"rows": 5, "batch_size": 0}, SettingError),
        ({"rows": 5, "batch_size": -32}, SettingError),
        ({"rows": 5, "batch_size": 1, "seed": -1}, SettingError),
        ({"rows": 5, "batch_size": 1, "order": "shufle"}, UnknownNameError),
    ],
)
def test_settings_that_cannot_be(arguments, error):
    with pytest.raises(error):
        Batches(**arguments)


def test_steps_that_cannot_be():
    with pytest.raises(SettingError, match="below 3"):
        Batches(5, 2).at(0, 3)
    with pytest.raises(SettingError, match="`epoch`"):
        Batches(5, 2).epoch(-1)
