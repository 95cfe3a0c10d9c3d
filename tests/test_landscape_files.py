"""Slices on disk: what is opened is what was saved, whatever the tree; what is damaged is refused."""

from dataclasses import fields
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from downslope.core import DataError, ShapeError, generator
from downslope.landscape import Slice, open_slice, save_slice, slice_1d, slice_2d, surfaces

RANDOM = generator(0, "tests", "slice files")


class Pair(NamedTuple):
    """A tree that JSON has no word for."""

    left: np.ndarray
    right: np.ndarray


TREES = {
    "one array": np.ones(3),
    "layers": ({"weight": np.ones((2, 3)), "bias": np.zeros(3)}, {}, {"weight": np.ones((3, 1), np.float32)}),
    "a list with nothing in it": [np.ones(2), None, [], {"a/b": np.array(2.0)}],
    "half precision": {"w": np.asarray(jnp.array([0.1, 1.5], jnp.bfloat16))},
}


def of(params):
    direction = jax.tree.map(lambda leaf: RANDOM.normal(size=np.shape(leaf)).astype(leaf.dtype), params)
    losses = np.array([np.inf, 1.0, np.nan])
    return Slice(
        (np.array([-1.0, 0.0, 1.0]),), losses, np.array([True, True, False]), params, (direction,), "given", ("way",),
        left_out=("θ",), explained=(0.25,), standard_error=0.5, description="a loss",
    )  # fmt: skip


def assert_same(opened, saved):
    assert opened.surface is None
    for name in (field.name for field in fields(Slice) if field.name != "surface"):
        one, other = getattr(opened, name), getattr(saved, name)
        assert jax.tree.structure(one) == jax.tree.structure(other)
        for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            assert np.asarray(x).dtype == np.asarray(y).dtype
            assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize("params", TREES.values(), ids=TREES)
def test_opened_is_what_was_saved(params, tmp_path):
    saved = of(params)
    path = save_slice(saved, tmp_path / "slice")
    assert path == tmp_path / "slice.npz"
    assert_same(open_slice(path), saved)
    assert list(tmp_path.iterdir()) == [path]


def test_other_trees_need_their_like(tmp_path):
    saved = of({"pair": Pair(np.ones(2), np.zeros(3))})
    path = saved.save(tmp_path / "slice.npz")
    with pytest.raises(ShapeError, match="like="):
        open_slice(path)
    assert_same(open_slice(path, like=saved.params), saved)
    with pytest.raises(ShapeError, match="names and shapes"):
        open_slice(path, like={"pair": Pair(np.ones(2), np.zeros(2))})


def test_numpy_alone_reads_it(tmp_path):
    with np.load(of(np.ones(3)).save(tmp_path / "slice"), allow_pickle=False) as file:
        assert {"facts", "axis_0", "losses", "computed", "params/0", "direction_0/0"} == set(file.files)
        assert '"downslope"' in str(file["facts"])


def test_what_was_opened_can_be_gone_on_with(tmp_path):
    bowl = surfaces.himmelblau()
    calls = iter(range(2))
    part = slice_2d(bowl, np.zeros(2), directions="axes", size=5, span=5.0, should_stop=lambda: next(calls) == 1)
    assert 0 < part.computed.sum() < 25
    opened = open_slice(part.save(tmp_path / "part"))
    whole = slice_2d(bowl, opened.params, resume=opened)
    assert np.array_equal(whole.losses, slice_2d(bowl, np.zeros(2), directions="axes", size=5, span=5.0).losses)


def test_what_is_no_slice_is_refused(tmp_path):
    with pytest.raises(DataError, match="missing"):
        open_slice(tmp_path / "none.npz")
    path = slice_1d(surfaces.bowl(), np.ones(2), np.ones(2), size=3, span=1.0).save(tmp_path / "slice.npz")
    whole = path.read_bytes()
    for damaged in (b"", b"words", whole[: len(whole) // 2], whole[:200] + b"\xff" + whole[201:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"slice\.npz is damaged"):
            open_slice(path)
    np.savez(path, losses=np.ones(3))
    with pytest.raises(DataError, match="no slice"):
        open_slice(path)
