"""The remedy table: what centering, normalizing and other remedies do to the condition of the loss."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import downslope as ds
from downslope.core import generator
from downslope.diagnosis import Remedy, RemedyTable, compare_remedies
from downslope.diagnosis.measurements.tangents import Tangents, tangents
from downslope.losses import squared_error

ROWS = 12


def line(rows, seed=0):
    """Return rows of three features of unequal scales, and a target that depends on all three alike."""
    z = generator(seed, "remedies").standard_normal((rows, 3))
    return ds.Dataset(z * [1.0, 30.0, 0.2] + [5.0, 0.0, 1.0], z @ [1.0, 1.0, 1.0], task="regression")


@pytest.fixture(scope="module")
def table():
    return compare_remedies(ds.mlp([8, 3], outputs=1, activation="sigmoid"), line(60), rows=ROWS, seeds=2)


@pytest.mark.slow
def test_every_remedy_that_changes_anything_is_tried(table):
    names = ["as it is", "centered inputs", "normalized inputs", "centered activations", "equal widths", "1/n weights"]
    assert [remedy.name for remedy in table.remedies] == [*names, "batch norm", "skips"]
    assert table.rows == ROWS
    assert list(table.gains) == [remedy.name for remedy in table.remedies[1:]]
    assert table.answer in str(table)


@pytest.mark.slow
def test_normalizing_helps_inputs_of_unequal_scales_before_and_after_training():
    found = compare_remedies(ds.mlp([16], outputs=1), line(200), epochs=5)
    assert found.gains["normalized inputs"] > 10
    assert found.gains["normalized inputs"] > 3 * found.gains["1/n weights"]
    columns = found.table()
    assert columns.columns == ["remedy", "kappa", "gain", "largest", "rank", "kappa_after", "loss_after"]
    losses = dict(zip(columns["remedy"], columns["loss_after"], strict=True))
    assert losses["normalized inputs"] < losses["as it is"]


@pytest.mark.parametrize(
    ("kappas", "words"),
    [
        (((100.0, 120.0), (5.0, 6.0)), "What helps most here: skips. κ falls 20-fold"),
        (((100.0, 120.0), (60.0, 110.0)), "No remedy helps for sure"),
        (((100.0, 120.0), (500.0, 510.0)), "None of these remedies helps here"),
        (((np.inf, np.inf), (5.0, 6.0)), "κ falls to 5.48; as it is, most of what is to be learned is beyond"),
    ],
)
def test_the_answer_says_what_chance_could_do(kappas, words):
    def remedy(name, given):
        spectra = [Tangents(np.array([1.0, 1 / kappa]), np.array([0.0, 1.0]), floor=1e-9) for kappa in given]
        return Remedy(name, tuple(spectra), None, None)

    found = RemedyTable((remedy("as it is", kappas[0]), remedy("skips", kappas[1])), rows=2, epochs=0)
    assert words in found.answer


def test_a_remedy_already_in_place_is_not_offered():
    x = generator(0, "data").standard_normal((20, 2))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found = compare_remedies(ds.mlp([4], outputs=1, activation="tanh"), ds.Dataset(x, x[:, 0]), rows=6, seeds=1)
    assert [remedy.name for remedy in found.remedies] == ["as it is", "1/n weights", "batch norm"]


def test_the_kernel_has_the_eigenvalues_of_the_gauss_newton_matrix():
    draws = generator(1, "kernel")
    x, t = draws.standard_normal((6, 2)), draws.standard_normal((6, 3))
    net = ds.mlp([2], outputs=3, activation="tanh")
    variables = net.init(0, (2,))
    surface = ds.surface_of(net, "squared_error", ds.Dataset(x, t, task="regression"), variables)
    flat, unravel = ravel_pytree(variables.params)
    columns = [surface.gauss_newton_product(variables.params, unravel(jnp.asarray(e))) for e in np.eye(flat.size)]
    dense = np.linalg.eigvalsh(np.stack([ravel_pytree(column)[0] for column in columns]))[::-1]
    found = tangents(net, squared_error, variables, jnp.asarray(x), jnp.asarray(t))
    assert 2 * found.values[: found.rank] == pytest.approx(dense[: found.rank], rel=1e-6)
    assert found.rank > 10
    assert found.shares.sum() == pytest.approx(1)


def test_for_a_linear_model_it_has_those_of_covariance_plus_mean_outer_mean():
    x = generator(2, "linear").standard_normal((9, 2)) + 3
    net = ds.mlp([], outputs=1)
    found = tangents(net, squared_error, net.init(0, (2,)), jnp.asarray(x), jnp.asarray(x[:, :1]))
    bordered = np.concatenate([x, np.ones((9, 1))], axis=1)
    moment = np.cov(bordered.T, bias=True) + np.outer(bordered.mean(axis=0), bordered.mean(axis=0))
    assert found.values[:3] == pytest.approx(np.linalg.eigvalsh(moment)[::-1])
    assert found.rank == 3
