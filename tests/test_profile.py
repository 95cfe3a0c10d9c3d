"""Profiles: what is measured adds up, is named rightly, keeps to its limits and touches nothing."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import refused
from downslope.core import SettingError, ShapeError
from downslope.efficiency import NO_TIME, Deadline, Loop, Timing, compile_loop, powers_of_two, profile, stops_growing
from downslope.efficiency._layer_times import layer_loops, time_in_rounds
from downslope.networks._sites import sites_of

pytestmark = pytest.mark.optimized

NET = ds.Sequential([ds.Conv2D(3, 3), ds.Flatten(), ds.Frozen(ds.Dense(6)), ds.Residual([ds.Dense(6)]), ds.Dense(2)])
SHAPE = (6, 5, 2)


@dataclass(frozen=True)
class Reversed:
    """A user's own layer whose cache holds what is no array."""

    def forward(self, params, x):
        return x[:, ::-1], {"how": "reversed", "axis": 1, "x": x}

    def backward(self, params, cache, dy):
        return {}, jnp.flip(dy, cache["axis"]) if cache["how"] == "reversed" else dy


def times_of(site, rows, *, seconds=0):
    loops = layer_loops(site, rows, seed=0)
    return loops.times(time_in_rounds(loops, deadline=Deadline.after(seconds)))


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(told):
    return profile(NET, SHAPE, batch_size=4, batch_sizes=[8, 4, 4], seconds=600, tell=told.append)


@pytest.mark.slow
def test_shares_of_all_layers_sum_to_one(found):
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    assert sum(row.seconds for row in found.rows) == pytest.approx(found.layer_seconds)


@pytest.mark.slow
def test_rows_are_those_of_the_summary(found):
    assert [(row.place, row.layer, row.parameters, row.connections) for row in found.rows] == [
        (row.place, row.layer, row.parameters, row.connections) for row in NET.summary(SHAPE).rows
    ]


def test_times_are_positive_where_there_is_work(found):
    for row in found.rows:
        view = row.layer == "Flatten()"
        assert (row.forward_seconds > 0) != view
        assert (row.backward_seconds > 0) != view
        assert (row.flops_per_second is None) == view
    assert found.step.seconds > 0
    assert found.peak_flops > 0
    assert found.flops_per_second > 0


def test_operations_count_each_gradient_that_training_needs(found):
    forward = [row.flops for row in NET.summary(SHAPE).rows]
    gradients = [1, 1, 1, 1, 2, 2]  # none of the first input, none of frozen weights
    expected = [4 * flops * (1 + count) for flops, count in zip(forward, gradients, strict=True)]
    assert [row.flops for row in found.rows] == expected


def test_layers_before_all_that_learn_are_not_swept_back():
    site = sites_of([ds.Tanh(), ds.Dense(2)], (3,))[0]
    forward, backward = times_of(site, 2)
    assert forward.seconds > 0
    assert backward == NO_TIME


def test_throughput_is_measured_at_the_sizes_asked_for(found):
    assert [step.batch_size for step in found.throughput] == [4, 8]
    assert all(0 < step.memory <= found.memory_limit for step in found.throughput)
    assert set(found.growth_between) <= {4, 8}
    assert [step.memory for step in found.throughput] == sorted(step.memory for step in found.throughput)


def test_memory_holds_parameters_gradients_and_the_batch(found):
    params = 8 * (found_parameters := NET.summary(SHAPE).parameters)
    frozen = 8 * NET.summary(SHAPE).frozen
    batch = 8 * 4 * (6 * 5 * 2 + 2)
    assert found_parameters > 0
    assert found.step.memory >= 2 * params + frozen + batch


def test_convolutions_are_compared_with_the_dense_layer_between_their_shapes(found):
    (saving,) = found.savings
    n_in, n_out = 6 * 5 * 2, 6 * 5 * 3
    assert (saving.place, saving.parameters, saving.dense_parameters) == ("0", 3 * 3 * 2 * 3 + 3, n_in * n_out + n_out)
    assert saving.dense_connections == n_in * n_out
    assert saving.connections == (3 * 6 - 2) * (3 * 5 - 2) * 2 * 3
    assert saving.dense_bytes == 8 * n_in * n_out
    assert saving.seconds > 0
    assert saving.dense_seconds > 0


def test_tables_hold_what_was_measured(found):
    assert found.table()["share"].sum() == pytest.approx(1)
    assert found.throughput_table()["batch_size"].to_list() == [4, 8]
    assert found.savings_table()["place"].to_list() == ["0"]
    assert replace(found, savings=()).savings_table().height == 0
    text = str(found)
    for piece in ("Conv2D(3, 3)", "batch size", "if dense", "GFLOP/s", "reserves"):
        assert piece in text


def test_what_is_measured_is_told(found, told):
    assert told[:3] == ["a step on 4 examples", "a large matrix product", "layer 1 of 6, Conv2D(3, 3)"]
    assert "throughput of batches of 8" in told
    assert told[-1] == "the dense layer in place of Conv2D(3, 3)"


@pytest.mark.slow
def test_a_layer_far_larger_than_the_others_is_the_bottleneck():
    net = ds.Sequential([ds.Dense(700), ds.Dense(700), ds.Dense(2)])
    found = profile(net, (4,), batch_size=8, batch_sizes=[], seconds=600)
    assert found.bottleneck is found.largest is found.rows[1]
    assert found.bottleneck_sentence().startswith("The bottleneck is Dense(700) at place 1")
    assert found.throughput == ()
    assert found.growth_stops_at is None
    assert "batch size" not in str(found)


def test_no_layer_dominates_where_none_has_half(found):
    share = 1 / len(found.rows)
    even = tuple(replace(row, share=share, share_between=(share, share)) for row in found.rows)
    assert replace(found, rows=even).bottleneck is None
    assert replace(found, rows=even).bottleneck_sentence().startswith("No layer dominates")


@pytest.mark.parametrize(
    "sizes, rates, stops",
    [
        ([1, 2, 4, 8], [10, 20, 40, 80], 8),
        ([1, 2, 4, 8], [80, 80, 80, 80], 1),
        ([1, 2, 4, 8], [50, 91, 100, 100], 2),
        ([1, 2, 4, 8], [50, 90, 100, 100], 4),
        ([1, 2, 4, 8], [100, 60, 70, 65], 1),
        ([1, 2, 4, 8], [50, 100, 40, 120], 8),
        ([8, 1, 4, 2], [100, 50, 100, 91], 2),
        ([16], [3.0], 16),
    ],
)
def test_growth_stops_where_no_larger_batch_is_over_ten_percent_faster(sizes, rates, stops):
    assert stops_growing(sizes, rates, rates) == (stops, stops)


def test_growth_that_did_not_stop_is_said_to_go_on(found):
    steps = [replace(found.step, batch_size=size, timing=Timing(1.0, 0.0, 9)) for size in (1, 2)]
    assert replace(found, throughput=tuple(steps)).growth_sentence().startswith("Throughput was still growing at 2")
    steps[1] = replace(steps[1], timing=Timing(2.0, 0.0, 9))
    assert replace(found, throughput=tuple(steps)).growth_sentence().startswith("Throughput stops growing at a batch")


def test_one_batch_size_says_nothing_about_growth(found):
    alone = replace(found, throughput=(found.step,))
    assert alone.growth_stops_at is None
    assert "growing" not in str(alone)


def test_powers_of_two_go_no_further_than_the_rows():
    assert powers_of_two(100) == [1, 2, 4, 8, 16, 32, 64]
    assert powers_of_two(1) == [1]


def test_larger_batches_than_the_memory_limit_allows_are_not_run():
    settings = {"batch_size": 1, "seconds": 600, "memory_limit": 100_000}
    found = profile(ds.mlp([], outputs=1), (100,), batch_sizes=[16, 1024], **settings)
    assert [step.batch_size for step in found.throughput] == [16]
    assert any("on 1024 examples would reserve" in note for note in found.notes)


@pytest.mark.slow
def test_dense_layers_too_large_for_the_limit_are_counted_only():
    net = ds.Sequential([ds.Conv1D(1, 3)])
    found = profile(net, (400, 1), batch_size=1, batch_sizes=[], memory_limit=500_000, seconds=600)
    assert found.savings[0].dense_seconds is None
    assert found.savings[0].dense_parameters == 400 * 400 + 400
    assert "too large to measure" in str(found)


def test_nothing_new_is_begun_after_the_time_is_up():
    found = profile(NET, SHAPE, batch_size=4, seconds=1e-9)
    assert [row.seconds for row in found.rows] == [None] * len(found.rows)
    assert found.largest is None
    assert [step.batch_size for step in found.throughput] == [4]
    assert [note for note in found.notes if "more `seconds`" in note] == list(found.notes)
    assert len(found.notes) == 2
    assert "?" in str(found)


def test_a_data_set_gives_shape_task_and_the_largest_batch():
    data = ds.Dataset(np.ones((3, 3)), ["a", "b", "c"])
    before = data.x.copy()
    found = profile(ds.mlp([], outputs=3), data, batch_size=2, seconds=600)
    assert found.input_shape == (3,)
    assert [step.batch_size for step in found.throughput] == [1, 2]
    assert np.array_equal(data.x, before)


def test_an_interruption_ends_it_at_once():
    def interrupt(words):
        raise KeyboardInterrupt(words)

    with pytest.raises(KeyboardInterrupt, match="a step on 32 examples"):
        profile(ds.mlp([], outputs=1), (2,), tell=interrupt)


def test_layers_whose_arrays_are_too_large_to_be_copied_are_timed_again_and_again(monkeypatch):
    monkeypatch.setattr("downslope.efficiency._stopwatch.MOST_COPIED", 0)
    loops = layer_loops(sites_of([ds.Dense(3), ds.Tanh()], (3,))[1], 4, seed=0)
    assert all(loop() > 0 for _ in range(3) for loop in loops)


@pytest.mark.product
@pytest.mark.parametrize("layer", [Reversed(), cases.NoisyCounter(), ds.Dropout(0.5), ds.Identity()], ids=str)
def test_layers_of_any_kind_are_timed(layer):
    site = sites_of([ds.Dense(3), layer], (3,))[1]
    forward, backward = times_of(site, 4)
    works = layer != ds.Identity()
    assert ((forward.seconds > 0), (backward.seconds > 0)) == (works, works)


def test_a_timed_loop_returns_what_the_function_does():
    x = cases.normal(0, 5, 5)
    loop = Loop.of(compile_loop(lambda x, y: {"product": x @ y, "sum": x + y}, x, x), x, x)
    assert loop() > 0
    cases.assert_trees_close(loop.results, {"product": x @ x, "sum": x + x})
    assert loop.program.memory >= 8 * 4 * 25


def test_the_work_of_a_timed_loop_is_done_in_every_run():
    small, large = (cases.normal(0, side, side) for side in (4, 300))
    loops = [Loop.of(compile_loop(jnp.matmul, x, x), x, x) for x in (small, large)]
    times = time_in_rounds(loops, deadline=Deadline.after(600))
    assert times[loops[1]].seconds > 10 * times[loops[0]].seconds


def test_keys_are_new_to_every_run_so_that_drawing_is_timed():
    sites = sites_of([ds.ReLU(), ds.Dropout(0.5)], (500,))
    relu, dropout = (times_of(site, 200, seconds=600).forward for site in sites)
    assert dropout.seconds > 2 * relu.seconds


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"net": ds.Dense(2)}, "`net` must be a network"),
        ({"data": 4}, "`data` must be a ds.Dataset or the shape of one example"),
        ({"data": (4, 0)}, "`data` must be a whole number, 1 or more"),
        ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or more"),
        ({"batch_sizes": [1, -2]}, "`batch_sizes` must be a whole number, 1 or more"),
        ({"batch_sizes": "32"}, "`batch_sizes` must be a list such as"),
        ({"seconds": 0}, "`seconds` must be a number above 0"),
        ({"memory_limit": 1.5}, "`memory_limit` must be a whole number"),
        ({"memory_limit": 100}, "`memory_limit` must hold a step on 32 examples, which reserves"),
        ({"loss": "crossentropy"}, "`loss` must be one of"),
        ({"seed": -1}, "`seed` must be a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    settings = {"net": ds.mlp([], outputs=2), "data": (4,)} | settings
    with refused(SettingError, message):
        profile(**settings)


def test_classes_need_a_row_of_outputs():
    with refused(ShapeError, "must end in a row of outputs"):
        profile(ds.Sequential([ds.Conv1D(2, 3)]), (5, 1), loss="cross_entropy")
    with refused(ShapeError, "Dense expects examples that are vectors"):
        profile(ds.mlp([], outputs=2), (5, 1))


@pytest.mark.usefixtures("float32")
def test_profiles_are_in_the_precision_of_the_moment():
    found = profile(ds.mlp([], outputs=1), (1000,), batch_size=16, batch_sizes=[], seconds=1e-9)
    assert 4 * 16_000 < found.step.memory < 8 * 16_000
