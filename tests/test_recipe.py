"""A run knows what it was told, and gets its rows back from where they came."""

from __future__ import annotations

import inspect
from functools import partial

import numpy as np
import pytest

import downslope as ds
from cases import assert_bitwise
from downslope.core import SettingError, UnknownNameError
from downslope.data import Origin
from downslope.diagnosis import compare_initializations, initialization_report
from downslope.training import Recipe, TrainingSettings, train

NET = ds.mlp([4], outputs=3)
SETTINGS = {"epochs": 2, "normalize": "standard", "optimizer": ds.clip(1.0, ds.adam(0.01)), "progress": False}


def iris_file(folder, *, spoiled=False):
    data = ds.load("iris")
    x = np.array(data.x)
    x[7, 2] += spoiled
    lines = [",".join([*map(str, row), f"kind{label}"]) for row, label in zip(x, data.y, strict=True)]
    path = folder / "iris.csv"
    path.write_text("\n".join(["a,b,c,d,kind", *lines]) + "\n")
    return path


def sources(folder):
    return {
        "a set": ds.load("iris"),
        "a part of a set": ds.load("iris").split(validation=0.2, test=0.1, seed=3).train,
        "a part of a part of a file": ds.read(iris_file(folder), "kind").split(test=0.2, seed=5).train,
    }


@pytest.mark.product
@pytest.mark.parametrize("name", ["a set", "a part of a set", "a part of a part of a file"])
def test_an_opened_run_finds_its_rows_again(name, tmp_path):
    data = sources(tmp_path)[name]
    run = train(NET, data, validation=0.2, store=tmp_path / "run", class_weight="balanced", **SETTINGS)
    found = ds.open_run(tmp_path / "run").with_data()
    np.testing.assert_array_equal(found.training_rows.x, run.training_rows.x)
    np.testing.assert_array_equal(found.training_rows.weights, run.training_rows.weights)
    again = train(found.recipe.net, found.recipe.data, **found.recipe.settings, progress=False)
    assert_bitwise(again.last, run.last)
    assert again.history["validation_loss"].tolist() == run.history["validation_loss"].tolist()


def test_an_opened_run_has_its_surface(tmp_path):
    run = train(NET, ds.load("iris"), store=tmp_path / "run", **SETTINGS)
    assert ds.open_run(tmp_path / "run").surface().value(run.params) == run.surface().value(run.params)


def test_validation_rows_are_found_again_too(tmp_path):
    split = ds.load("iris").split(validation=0.2)
    train(NET, split.train, validation=split.validation, store=tmp_path / "run", early_stopping=5, **SETTINGS)
    recipe = ds.open_run(tmp_path / "run").with_data().recipe
    np.testing.assert_array_equal(recipe.settings["validation"].x, split.validation.x)
    assert recipe.settings["early_stopping"] == 5


def test_rows_that_are_others_now_are_refused(tmp_path):
    train(NET, ds.read(iris_file(tmp_path), "kind"), store=tmp_path / "run", **SETTINGS)
    iris_file(tmp_path, spoiled=True)
    with pytest.raises(ds.DataError, match="must be what this run was trained with, 150 rows"):
        ds.open_run(tmp_path / "run").surface()


def test_rows_of_a_file_that_has_moved_are_found_there(tmp_path):
    path = iris_file(tmp_path)
    run = train(NET, ds.read(path, "kind"), store=tmp_path / "run", **SETTINGS)
    moved = path.rename(tmp_path / "moved.csv")
    with pytest.raises(ds.DataError, match="There is no file"):
        ds.open_run(tmp_path / "run").with_data()
    found = ds.open_run(tmp_path / "run").with_data(file=moved)
    np.testing.assert_array_equal(found.training_rows.x, run.training_rows.x)
    train(NET, ds.load("iris"), store=tmp_path / "set", **SETTINGS)
    with pytest.raises(ds.DataError, match="came from load"):
        ds.open_run(tmp_path / "set").with_data(file=moved)


def test_rows_from_arrays_must_be_given(tmp_path):
    data = ds.load("iris")
    arrays = ds.Dataset(data.x, data.y)
    run = train(NET, arrays, store=tmp_path / "run", **SETTINGS)
    opened = ds.open_run(tmp_path / "run")
    with pytest.raises(ds.DataError, match="trained on arrays, and its folder keeps no rows"):
        opened.with_data()
    np.testing.assert_array_equal(opened.with_data(arrays).training_rows.x, run.training_rows.x)
    assert run.with_data() is run


def test_images_get_their_shape_back(tmp_path):
    flat = ds.load("digits").take(range(60))
    images = ds.Dataset(flat.x.reshape(-1, 8, 8, 1), flat.y, task="classification")
    net = ds.Sequential([ds.Flatten(), ds.Dense(10)])
    run = train(net, images, store=tmp_path / "run", epochs=1, progress=False)
    found = ds.open_run(tmp_path / "run").with_data(flat)
    np.testing.assert_array_equal(found.training_rows.x, run.training_rows.x)


def test_a_recipe_of_restarts_begins_with_the_start_that_was_kept():
    run = train(NET, ds.load("iris"), restarts=3, seed=1, **SETTINGS)
    again = train(run.recipe.net, run.recipe.data, **run.recipe.settings, progress=False)
    np.testing.assert_allclose(again.history["train_loss"], run.history["train_loss"], rtol=1e-10)


@pytest.mark.slow
def test_every_run_of_a_sweep_has_its_recipe():
    found = ds.sweep(NET, ds.load("iris"), learning_rate=[1e-3, 1e-2], batch_size=[32, 64], epochs=1, progress=False)
    for settings, run in zip(found.settings, found.runs, strict=True):
        assert run.recipe.settings["optimizer"].hyperparams["learning_rate"] == settings["learning_rate"]
        assert run.recipe.settings["batch_size"] == settings["batch_size"]


def test_rows_taken_by_number_have_no_origin():
    data = ds.load("iris")
    assert str(data.origin) == "load(name='iris')"
    assert data.take([1, 2]).origin is None


def test_an_origin_survives_json():
    origin = ds.load("moons", seed=4).split(test=0.3).test.origin
    assert Origin.from_json(origin.as_json()) == origin


def test_settings_are_those_of_train_with_its_defaults():
    of_one_run = {"net", "data", "restarts", "store", "overwrite", "record", "track", "observers", "progress"} | {
        "resume"
    }
    told = {name: one.default for name, one in inspect.signature(train).parameters.items() if name not in of_one_run}
    assert told == dict(TrainingSettings())


def test_settings_are_a_mapping_of_which_some_can_be_changed():
    settings = TrainingSettings(epochs=3, validation=0.2, early_stopping=2)
    changed = settings | {"epochs": 5, "seed": 1}
    assert (settings.epochs, changed.epochs, changed["seed"], changed.early_stopping) == (3, 5, 1, 2)
    assert TrainingSettings(**changed) is not changed
    assert dict(TrainingSettings(**changed)) == dict(changed)
    assert ({"epochs": 9, "restarts": 2} | settings)["epochs"] == 3
    with pytest.raises(KeyError):
        settings["split_by_seed"]
    with pytest.raises(
        UnknownNameError, match=r"must be one of batch_size, class_weight, .* got 'epoch'\. Did you mean"
    ):
        settings | {"epoch": 5}


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"epochs": 0}, "`epochs` must be a whole number, 1 or more"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more"),
        ({"early_stopping": 3}, r"without validation rows\. Hold some out \(validation=0\.2\), or leave it off"),
        ({"early_stopping": -3, "validation": 0.2}, "It counts epochs"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(SettingError, match=words):
        TrainingSettings(**wrong)


@pytest.mark.product
@pytest.mark.parametrize(
    "measure",
    [
        partial(ds.find_learning_rate, steps=20, curvature=False, progress=False),
        partial(ds.find_batch_size, steps=20, seconds=1e-3, progress=False),
        initialization_report,
        partial(compare_initializations, initializers=["zeros"], restarts=2, progress=False),
    ],
    ids=["find_learning_rate", "find_batch_size", "initialization_report", "compare_initializations"],
)
def test_what_measures_by_training_takes_the_settings_of_a_run(measure):
    settings = TrainingSettings(epochs=2, normalize="standard", validation=0.2, early_stopping=5, metrics=("accuracy",))
    assert measure(NET, ds.load("iris"), **settings)
    with pytest.raises(UnknownNameError, match=r"got 'normalise'\. Did you mean 'normalize'"):
        measure(NET, ds.load("iris"), normalise="standard")


def test_a_recipe_is_changed_with_its_network():
    recipe = Recipe(NET, ds.load("iris"), TrainingSettings(epochs=2))
    other = ds.mlp([3], outputs=3)
    changed = recipe.changed({"net": other, "epochs": 1})
    assert (changed.net, changed.data, changed.settings.epochs) == (other, recipe.data, 1)
    assert recipe.changed({}).net is NET
