"""Nothing of the user's is shared: what is written to arrays later changes no data set, run, surface or result."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

import downslope as ds

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "bool")
NET = ds.mlp([4], outputs=1)


def placed_at(values, offset):
    """Return a writable copy of an array whose address is `offset` bytes beyond a multiple of 64."""
    buffer = np.zeros(values.nbytes + 256, np.uint8)
    start = -buffer.ctypes.data % 64 + offset * values.itemsize
    own = buffer[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    own[...] = values
    return own


LAYOUTS = {
    "aligned": lambda x: placed_at(x, 0),
    "unaligned": lambda x: placed_at(x, 1),
    "columns first": lambda x: np.array(x, order="F"),
    "every other": lambda x: np.repeat(x, 2, axis=0)[::2],
    "read-only view": lambda x: read_only_view(x),
}


def read_only_view(x):
    """Return a view that cannot be written to; what it is a view of can."""
    view = placed_at(x, 0).view()
    view.flags.writeable = False
    return view


def overwrite(array):
    """Write to an array, or to what it is a view of."""
    base = array if array.flags.writeable else array.base
    base[...] = 1


def rows(dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    return (4 * random.normal(size=(48, 3))).astype(dtype), random.normal(size=(48, 2)).astype("float32")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_f6_a_data_set_keeps_its_numbers(dtype, layout):
    (x, y), weights = rows(dtype), np.linspace(0.5, 2, 48)
    given = [LAYOUTS[layout](array) for array in (x, y, weights)]
    data = ds.Dataset(given[0], given[1], row_weights=given[2])
    part = data.take(np.arange(20))
    for array in given:
        overwrite(array)
    for own, expected in ((data.x, x), (data.y, y), (data.row_weights, weights), (part.x, x[:20]), (part.y, y[:20])):
        np.testing.assert_array_equal(own, expected)
        with pytest.raises(ValueError, match="read-only"):
            own[0] = 0


@pytest.mark.parametrize("kind", ["jax", "jax of numpy", "pandas", "polars", "polars series", "columns of numpy"])
def test_f6_a_data_set_of_other_libraries_keeps_its_numbers(kind):
    x = placed_at(rows("float64")[0], 0)
    expected = x.copy()
    columns = {name: np.ascontiguousarray(x[:, i]) for i, name in enumerate("abc")}
    given = {
        "jax": lambda: jnp.array(x),
        "jax of numpy": lambda: jax.device_put(x),
        "pandas": lambda: pd.DataFrame(columns, copy=False),
        "polars": lambda: pl.DataFrame(x, schema=["a", "b", "c"]),
        "polars series": lambda: pl.DataFrame([pl.Series(name, column) for name, column in columns.items()]),
        "columns of numpy": lambda: pl.DataFrame(columns),
    }[kind]()
    data = ds.Dataset(given)
    x[...] = 0
    for column in columns.values():
        column[...] = 0
    if isinstance(given, pd.DataFrame):
        given.iloc[:, :] = 0.0
    if isinstance(given, pl.DataFrame):
        given[0, "a"] = 7.0
    own = data.x.to_numpy() if isinstance(data.x, pl.DataFrame) else data.x
    np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_f6_a_run_keeps_what_it_learned_from(layout):
    (x, y), (xv, yv) = rows(), rows(seed=1)
    plain = trained(ds.Dataset(x, y), ds.Dataset(xv, yv))
    given = [LAYOUTS[layout](array) for array in (x, y, xv, yv)]

    def overwrites(moment):
        for array in given:
            overwrite(array)

    run = trained(ds.Dataset(*given[:2]), ds.Dataset(*given[2:]), observers=[overwrites])
    for name, values in plain.history.items():
        np.testing.assert_array_equal(run.history[name], values)
    surface, expected = run.surface(), plain.surface()
    assert surface.value(run.params) == expected.value(plain.params)
    again = ds.train(run.recipe.net, run.recipe.data, **run.recipe.settings, progress=False)
    np.testing.assert_array_equal(again.history["train_loss"], plain.history["train_loss"])


def trained(data, validation, **settings):
    net = ds.mlp([4], outputs=2)
    return ds.train(net, data, validation=validation, epochs=3, batch_size=16, progress=False, **settings)


@pytest.mark.parametrize("offset", [0, 1])
def test_f6_a_start_may_be_written_to_later(offset):
    data, net = ds.Dataset(*rows()), ds.mlp([4], outputs=2, norm="batch")
    start = jax.tree.map(lambda leaf: placed_at(np.asarray(leaf), offset), net.init(0, (3,)))
    settings = {"start": start, "epochs": 2, "batch_size": 16, "progress": False}

    def overwrites(moment):
        jax.tree.map(overwrite, start)

    plain = ds.train(net, data, **settings)
    run = ds.train(net, data, **settings, observers=[overwrites])
    np.testing.assert_array_equal(run.history["train_loss"], plain.history["train_loss"])
    recipe = run.recipe
    again = ds.train(recipe.net, recipe.data, **recipe.settings, progress=False)
    np.testing.assert_array_equal(again.history["train_loss"], plain.history["train_loss"])


def test_f6_class_weights_may_change_later():
    weights = {"no": 3.0}
    data = ds.Dataset(rows()[0], np.array(["no", "yes"])[np.arange(48) % 2])
    run = ds.train(ds.mlp([], outputs=2), data, class_weight=weights, epochs=1, progress=False)
    weights["no"] = 100.0
    assert run.recipe.settings.class_weight == {"no": 3.0}


def test_f6_what_a_run_hands_out_cannot_change_it():
    data, record = ds.Dataset(*rows()), ds.Record(parameters_every=1)
    plain, run = (trained(data, data, record=record) for _ in range(2))
    run.predict(data)[...] = 0
    run.params[0]["weight"] = np.zeros(1)
    arrays = jax.tree.leaves((run.params, run.last, run.history, run.trajectory.params))
    for array in arrays:
        with pytest.raises((ValueError, TypeError)):
            array[...] = 0
    np.testing.assert_array_equal(run.predict(data), plain.predict(data))


def test_f6_an_observer_cannot_change_the_variables():
    def meddles(moment):
        moment.variables.params[0]["weight"] = jnp.zeros((3, 4))
        moment.variables.params[0].clear()

    data = ds.Dataset(*rows())
    plain, run = trained(data, data), trained(data, data, observers=[meddles])
    np.testing.assert_array_equal(run.history["train_loss"], plain.history["train_loss"])


@pytest.mark.parametrize("offset", [0, 1])
def test_f6_a_surface_of_a_network_keeps_its_rows_and_its_state(offset):
    (x, y), net = rows(), ds.mlp([4], outputs=2, norm="batch")
    variables = jax.tree.map(lambda leaf: placed_at(np.asarray(leaf), offset), net.init(0, (3,)))
    x = placed_at(x, offset)
    surface = ds.surface_of(net, "squared_error", ds.Dataset(x, y), variables)
    params = jax.tree.map(np.array, variables.params)
    before = surface.value(params)
    overwrite(x)
    jax.tree.map(overwrite, variables)
    assert surface.value(params) == before


@pytest.mark.parametrize("make", [np.array, jnp.array, jax.device_put], ids=["numpy", "jax", "jax of numpy"])
@pytest.mark.parametrize("offset", [0, 1])
def test_f6_a_surface_of_a_function_keeps_its_batches(offset, make):
    (x, y), θ = rows(), np.ones((3, 2), np.float32)
    base = placed_at(x, offset)
    given, start = (base if make is np.array else make(base)), placed_at(θ, offset)

    def loss(params, batch):
        return jnp.mean((batch["x"] @ params - batch["y"]) ** 2)

    surface = ds.adapters.from_function(loss, start, [{"x": given, "y": y}])
    before = surface.value(θ)
    overwrite(base)
    start[...] = 0
    assert surface.value(θ) == before
    np.testing.assert_array_equal(surface.params, θ)


def test_f6_parameters_may_be_written_to_while_a_gradient_is_computed():
    θ = placed_at(np.ones((700, 700), np.float32), 0)
    surface = ds.FunctionSurface(lambda p: jnp.sum(jnp.linalg.matrix_power(p / 700, 8)), θ)
    expected = np.asarray(surface.gradient(θ.copy()))
    gradient = surface.gradient(θ)
    θ[...] = 0
    np.testing.assert_array_equal(gradient, expected)


def test_f6_what_numpy_cannot_read_is_one_sentence():
    torch = pytest.importorskip("torch")
    for x in (torch.ones(4, 2, requires_grad=True), torch.ones(4, 2, dtype=torch.bfloat16)):
        with pytest.raises(ds.DataError, match="must be an array of numbers, but cannot be read as one"):
            ds.Dataset(x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_f6_a_tensor_may_change_later(dtype):
    torch = pytest.importorskip("torch")
    x = torch.arange(12).reshape(6, 2).to(getattr(torch, dtype))
    data = ds.Dataset(x, x[:, 0].double())
    x.zero_()
    assert data.x.tolist() == np.arange(12).reshape(6, 2).tolist()
    assert data.y.tolist() == [0, 2, 4, 6, 8, 10]


def mapped(path, x):
    """Return rows of a file that is mapped."""
    from downslope.data.stored import StoredRows

    np.save(path, x)
    return StoredRows(np.load(path, mmap_mode="r"))


@pytest.mark.parametrize("read", [lambda rows: rows[:], lambda rows: rows[np.array([40, 0])], np.asarray])
def test_f6_a_file_that_became_shorter_is_refused(tmp_path, read):
    stored = mapped(tmp_path / "x.npy", rows()[0])
    assert read(stored).shape[1] == 3
    np.save(tmp_path / "x.npy", rows()[0][:2])
    with pytest.raises(ds.DataError, match=r"x.npy' is shorter than when it was opened.*Open it again"):
        read(stored)


def test_f6_a_file_that_was_written_to_is_refused(tmp_path):
    import os

    stored = mapped(tmp_path / "x.npy", rows()[0])
    np.save(tmp_path / "x.npy", 0 * rows()[0])
    os.utime(tmp_path / "x.npy", (1, 1))
    with pytest.raises(ds.DataError, match="was written to after it was opened"):
        stored[:]


def test_f6_a_file_may_be_replaced(tmp_path):
    stored = mapped(tmp_path / "x.npy", rows()[0])
    np.save(tmp_path / "other.npy", rows()[0][:2])
    (tmp_path / "other.npy").rename(tmp_path / "x.npy")
    np.testing.assert_array_equal(stored[:], rows()[0])
    (tmp_path / "x.npy").unlink()
    np.testing.assert_array_equal(stored[:], rows()[0])


def test_f6_a_small_file_is_read_whole(tmp_path):
    x = rows()[0]
    np.save(tmp_path / "x.npy", np.tile(x, (500, 1)))
    data = ds.read(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", x[:1])
    np.testing.assert_array_equal(data.x, np.tile(x, (500, 1)))


@pytest.mark.parametrize("with_model", [False, True])
@pytest.mark.parametrize("make", [np.array, jnp.array, jax.device_put], ids=["numpy", "jax", "jax of numpy"])
def test_f5_what_a_function_refers_to_may_change_after_its_first_use(make, with_model):
    scale = placed_at(np.full(3, 2.0), 0)
    held, x = (scale if make is np.array else make(scale)), np.arange(12.0).reshape(4, 3)

    def loss(params, batch):
        return jnp.mean((batch @ (params * held)) ** 2)

    def outputs(params, batch):
        return batch @ (params * held)

    def of_outputs(outputs, batch):
        return jnp.mean(outputs**2)

    arguments = {"model": outputs} if with_model else {}
    surface = ds.adapters.from_function(of_outputs if with_model else loss, np.ones(3), [x[:2], x[2:]], **arguments)
    θ, H = np.ones(3), 2 * 4 * x.T @ x / 4
    assert surface.value(θ) == pytest.approx(θ @ H @ θ / 2)
    scale[...] = 100.0
    assert surface.value(θ) == pytest.approx(θ @ H @ θ / 2)
    np.testing.assert_allclose(surface.gradient(θ), H @ θ)
    np.testing.assert_allclose(surface.hvp(θ, θ), H @ θ)
    np.testing.assert_allclose(surface.hvp_at(θ)(θ), H @ θ)
    np.testing.assert_allclose(surface.values(np.stack([θ, 2 * θ])), [θ @ H @ θ / 2, 2 * θ @ H @ θ])


def test_f5_a_function_that_draws_while_it_is_traced_is_refused():
    random = np.random.default_rng(0)
    surface = ds.adapters.from_function(lambda p: jnp.sum(p**2) + random.normal(), np.ones(2))
    with pytest.raises(ds.SettingError, match="must answer the same"):
        surface.value(np.ones(2))
