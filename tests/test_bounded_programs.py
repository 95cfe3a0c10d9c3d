"""F13: a process that trains many shapes keeps a bounded number of compiled programs, and leaves the user's alone."""

import gc
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from downslope.core import bounded_jit
from downslope.training.engine import batches, evaluate, population, step
from downslope.training.surfaces import network

SHAPES = range(3, 43)


def product(x):
    return jnp.sin(x) @ jnp.cos(x).T


def maps():
    gc.collect()
    return len(Path("/proc/self/maps").read_text().splitlines())


def kept(function):
    """Return how many memory maps a function keeps for many shapes."""
    before = maps()
    for size in SHAPES:
        function(jnp.asarray(np.ones((size, size + 1))))
    return maps() - before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory maps are read from /proc")
def test_f13_programs_are_dropped_with_their_memory_maps():
    assert kept(bounded_jit(product, most=4)) < 0.5 * kept(jax.jit(product))


def test_f13_a_shape_that_comes_again_is_not_compiled_again():
    traced = []
    function = bounded_jit(lambda x: traced.append(x.shape) or 2 * x, most=3)
    for size in (1, 2, 1, 2, 1, 3, 1, 2, 3):
        assert function(jnp.ones(size)).tolist() == [2.0] * size
    assert traced[:3] == [(1,), (2,), (3,)]
    assert len(traced) <= 6


@pytest.mark.slow
def test_f13_the_users_programs_stay():
    traced = []
    users = jax.jit(lambda x: traced.append(x.shape) or x + 1)
    users(jnp.ones(5))
    kept(bounded_jit(product, most=2))
    users(jnp.ones(5))
    assert traced == [(5,)]


def test_f13_static_arguments_are_those_of_jit():
    function = bounded_jit(lambda x, power, scale=1: scale * x**power, static_argnames="power")
    assert function(jnp.ones(2), power=3, scale=2).tolist() == function(jnp.ones(2), 3, 2).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("module", [batches, evaluate, population, step, network], ids=lambda m: m.__name__)
def test_f13_what_training_compiles_is_bounded(module):
    assert "jax.jit" not in Path(module.__file__).read_text(encoding="utf-8")
