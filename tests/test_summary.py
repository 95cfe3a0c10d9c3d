"""Summaries: counts against closed forms, against Jacobians, and against what XLA counts."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import every_shaped_network, refused
from downslope.core import ShapeError, seconds_text, tree_size
from downslope.layers import AvgPool, Conv1D, Conv2D, MaxPool, initialize
from downslope.networks._costs import connections, forward_flops
from downslope.networks._sites import short_name

WINDOWED = {
    name: case for name, case in cases.SHAPED.items() if isinstance(case[0], (Conv1D, Conv2D, MaxPool, AvgPool))
} | {"dense": (ds.Dense(3), (4,))}


@dataclass(frozen=True)
class Doubled:
    """A user's own layer, without parameters."""

    def forward(self, params, x):
        return 2 * x, None

    def backward(self, params, cache, dy):
        return {}, 2 * dy


@pytest.mark.product
@pytest.mark.parametrize("layer, shape", WINDOWED.values(), ids=WINDOWED.keys())
def test_connections_are_the_entries_of_the_jacobian(layer, shape):
    joining = AvgPool(layer.window, layer.stride, layer.padding) if isinstance(layer, MaxPool) else layer
    units = jnp.eye(math.prod(shape)).reshape(-1, *shape)
    jacobian = joining.forward(initialize(joining, 0, shape), units)[0]  # biases are zero
    assert connections(layer, shape) == int(jnp.sum(jacobian != 0))


def test_the_convolution_of_lenet_has_as_many_connections_as_its_paper_says_without_biases():
    row = ds.Sequential([ds.Conv2D(6, 5, padding="valid")]).summary((32, 32, 1)).rows[0]
    assert (row.output_shape, row.parameters, row.connections) == ((28, 28, 6), 156, 122_304 - 28 * 28 * 6)


@pytest.mark.parametrize("hidden", [[], [7], [16, 5]])
@pytest.mark.parametrize("rows", [1, 6])
def test_flops_of_dense_networks_are_those_that_xla_counts(hidden, rows):
    net = ds.mlp(hidden, outputs=3)
    variables = net.init(0, (4,))
    counted = jax.jit(net.apply).lower(variables, np.ones((rows, 4))).cost_analysis()["flops"]
    assert net.summary((4,)).flops * rows == counted


@pytest.mark.parametrize("name", ["conv2d", "conv2d, valid", "conv1d, strided"])
def test_flops_of_convolutions_are_those_that_xla_counts(name):
    layer, shape = cases.SHAPED[name]
    params = initialize(layer, 0, shape)
    lowered = jax.jit(lambda params, x: layer.forward(params, x)[0]).lower(params, np.ones((1, *shape)))
    assert forward_flops(layer, shape) == lowered.cost_analysis()["flops"]


@every_shaped_network
def test_rows_tell_of_the_variables_and_shapes(net, shape):
    summary = net.summary(shape)
    assert summary.parameters == tree_size(net.init(0, shape).params)
    assert summary.frozen == 0
    whole = [row for row in summary.rows if "." not in row.place]
    assert tuple(row.output_shape for row in whole) == net.shapes(shape)[1:]
    assert [row.place for row in whole] == [str(place) for place in range(len(net.layers))]
    assert all(row.activation_bytes == 8 * math.prod(row.output_shape) for row in summary.rows)
    for column in ("connections", "flops", "activation_bytes"):
        assert getattr(summary, column) == sum(getattr(row, column) for row in summary.rows)


def test_what_is_inside_a_block_has_rows_of_its_own():
    block = ds.Residual([ds.ReLU(), ds.Residual([ds.Dense(3)]), ds.Dense(5)])
    rows = ds.Sequential([ds.Dense(3), block]).summary((2,)).rows
    assert [(row.place, row.layer) for row in rows] == [
        ("0", "Dense(3)"),
        ("1", "Residual"),
        ("1.0", "ReLU()"),
        ("1.1", "Residual"),
        ("1.1.0", "Dense(3)"),
        ("1.2", "Dense(5)"),
        ("1.skip", "Dense(5, bias=False)"),
    ]
    assert [row.flops for row in rows] == [15, 5, 3, 3, 21, 35, 30]


@every_shaped_network
def test_freezing_moves_numbers_and_nothing_else(net, shape):
    plain = net.summary(shape)
    frozen = ds.freeze(net, range(len(net.layers))).summary(shape)
    assert (frozen.parameters, frozen.frozen) == (0, plain.parameters)
    assert (frozen.connections, frozen.flops) == (plain.connections, plain.flops)
    assert "frozen" in str(frozen)
    assert "frozen" not in str(plain)


def test_what_nobody_can_count_is_said_to_be_unknown():
    summary = ds.Sequential([ds.Dense(3), Doubled(), cases.NoisyCounter()]).summary((4,))
    assert [row.connections for row in summary.rows] == [12, None, None]
    assert (summary.flops, summary.connections, summary.parameters) == (None, None, 15 + 3)
    assert "12 + ?" in str(summary)
    assert summary.table()["flops"].to_list() == [27, None, None]


def test_the_table_is_aligned_and_holds_every_row():
    summary = ds.cnn([3], outputs=2, dense=[4]).summary((6, 6, 1))
    head, *rows = str(summary).splitlines()[: len(summary.rows) + 2]
    assert len({len(line) for line in (head, *rows)}) == 1
    assert [line.split()[0] for line in rows] == [*(row.place for row in summary.rows), "total"]
    assert summary.table().height == len(summary.rows)


def test_slow_initializers_cost_nothing():
    net = ds.Sequential([ds.Dense(30_000, initializer="orthogonal"), ds.Dense(20_000, initializer="orthogonal")])
    assert net.summary((10_000,)).parameters == 10_000 * 30_000 + 30_000 + 30_000 * 20_000 + 20_000


def test_shapes_that_do_not_fit_are_refused():
    with refused(ShapeError, "Dense expects examples that are vectors"):
        ds.mlp([4], outputs=2).summary((3, 3, 1))
    with refused(ValueError, "`input_shape` must be a whole number"):
        ds.mlp([4], outputs=2).summary((0,))


@pytest.mark.parametrize(
    "layer, name",
    [
        (ds.Dense(8, initializer="zeros"), "Dense(8)"),
        (ds.LeakyReLU(0.2), "LeakyReLU(slope=0.2)"),
        (ds.Frozen(ds.Residual([ds.ReLU()])), "Frozen(Residual)"),
        (ds.MaxPool(2, stride=1), "MaxPool(2, stride=1)"),
    ],
)
def test_layers_are_named_by_what_is_not_a_default(layer, name):
    assert short_name(layer) == name


@pytest.mark.parametrize(
    "seconds, text",
    [(12.34, "12.3 s"), (0.9999, "1000 ms"), (1.0, "1.00 s"), (0.000999, "999 µs"), (0.01, "10.0 ms"), (None, "?")],
)
def test_times_have_three_digits(seconds, text):
    assert seconds_text(seconds) == text
