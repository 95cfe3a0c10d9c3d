"""One small network of ours, its data, and what the same network made with another library must agree on."""

import jax
import numpy as np
import pytest

import cases
import downslope as ds
from downslope.core import generator

RANDOM = generator(0, "tests", "adapters")
X, T = RANDOM.normal(size=(20, 5)), RANDOM.integers(0, 3, 20)
BATCHES = [(X[:11], T[:11]), (X[11:], T[11:])]
NET = ds.mlp([6], outputs=3, activation="tanh")
VARIABLES = cases.moved(NET.init(0, (5,)))
(W1, B1), (W2, B2) = ((np.array(layer["weight"]), np.array(layer["bias"])) for layer in VARIABLES.params if layer)


def assert_same_numbers(theirs, *, rtol=1e-9):
    """Fail where a surface over the same network elsewhere, in another order and layout, differs from ours."""
    params, their_params = VARIABLES.params, theirs.params
    ours = ds.surface_of(NET, "cross_entropy", ds.Dataset(X, T), VARIABLES)
    assert theirs.value(their_params) == pytest.approx(ours.value(params), rel=rtol)
    for mine, other in [
        (ours.gradient(params), theirs.gradient(their_params)),
        (ours.hvp(params, params), theirs.hvp(their_params, their_params)),
        (ours.gauss_newton_product(params, params), theirs.gauss_newton_product(their_params, their_params)),
    ]:
        np.testing.assert_allclose(sorted_numbers(other), sorted_numbers(mine), rtol=rtol, atol=1e-12)
    pairs = [
        ds.eigenvalues(surface, at, k=3, which="both", tol=1e-7)
        for surface, at in ((ours, params), (theirs, their_params))
    ]
    np.testing.assert_allclose(pairs[1].values, pairs[0].values, rtol=rtol, atol=1e-11)
    traces = [ds.hessian_trace(surface, at, probes=60) for surface, at in ((ours, params), (theirs, their_params))]
    assert traces[1].standard_error == 0
    assert traces[1].value == pytest.approx(traces[0].value, rel=rtol)


def sorted_numbers(tree):
    """Return all numbers of a tree, sorted: the same whatever the order and layout."""
    return np.sort(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]))
