"""Runs side by side: what differs is named, losses are those of the kept epoch, the best comes first."""

import numpy as np
import pytest

import downslope as ds
from downslope.runs import Compared, Comparison

DATA = ds.load("iris")
NET = ds.mlp([4], outputs=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("compare")
    common = {"epochs": 4, "normalize": "standard", "progress": False}
    ways = {
        "slow": {"optimizer": ds.sgd(1e-3), "validation": 0.2},
        "fast": {"optimizer": ds.sgd(0.1, momentum=0.9), "validation": 0.2},
        "adam": {"optimizer": ds.adam(ds.schedules.cosine_decay(0.05, 20)), "validation": 0.2},
        "all rows": {"optimizer": ds.sgd(0.1)},
    }
    runs = {name: ds.train(NET, DATA, store=place / name, **common, **ways[name]) for name in ways}
    return place, runs


@pytest.mark.slow
def test_only_what_differs_is_named(folders):
    place, _ = folders
    found = ds.compare([place / "slow", place / "fast"])
    settings = {run.name.rsplit("/", 1)[1]: run.settings for run in found.runs}
    assert settings == {
        "slow": {"learning_rate": "0.001", "momentum": "0"},
        "fast": {"learning_rate": "0.1", "momentum": "0.9"},
    }
    assert (found.loss, found.notes) == ("cross_entropy", ())


def test_parts_of_different_kinds_are_named_with_their_numbers(folders):
    place, _ = folders
    found = ds.compare([place / "fast", place / "adam"])
    settings = {run.name.rsplit("/", 1)[1]: run.settings for run in found.runs}
    assert settings["fast"]["optimizer"] == "sgd(momentum 0.9)"
    assert settings["adam"]["optimizer"] == "adam(b1 0.9, b2 0.999, eps 1e-08)"
    assert "bias_correction" not in settings["adam"]
    assert settings["adam"]["learning_rate"] == "cosine_decay(0.05, 20, 0)"


def test_losses_are_those_of_the_kept_epoch_the_lowest_first(folders):
    place, runs = folders
    found = ds.compare([place / name for name in ("slow", "adam", "fast")])
    losses = [run.loss for run in found.runs]
    assert losses == sorted(losses)
    for compared in found.runs:
        run = runs[compared.name.rsplit("/", 1)[1]]
        assert compared.kept_epoch == run.best_epoch
        assert compared.loss == run.history["validation_loss"].min()
        np.testing.assert_array_equal(compared.history["train_loss"], run.history["train_loss"])
        assert compared.seconds > 0
    table = found.table()
    assert table["validation_loss"].to_list() == losses
    assert table["seconds"].to_list() == [run.seconds for run in found.runs]
    assert str(found).splitlines()[1].startswith(found.runs[0].name)


def test_what_hardly_compares_is_said(folders, tmp_path):
    place, _ = folders
    found = ds.compare([place / "fast", place / "all rows"])
    assert "not learn from the same rows" in found.notes[0]
    assert "compare their training losses" in found.notes[1]
    line = ds.mlp([], outputs=1)
    ds.train(line, ds.load("old_faithful"), epochs=1, store=tmp_path / "line", progress=False)
    found = ds.compare([place / "all rows", tmp_path / "line"])
    assert "different losses" in found.notes[0]
    assert found.loss is None


def test_equal_runs_and_those_under_way(folders):
    place, _ = folders
    found = ds.compare([place / "fast", place / "fast"])
    assert [run.settings for run in found.runs] == [{}, {}]
    running = Compared("new", {}, {}, 0, "running", None)
    text = str(Comparison((running,), None, ()))
    assert text.split() == ["run", "epochs", "stopped", "time", "new", "0", "running", "—"]
    longer = Comparison((Compared("new", {"epochs": "50"}, {}, 0, "running", None),), None, ())
    assert str(longer).splitlines()[0].split("  ")[1:3] == ["epochs asked", "epochs made"]
    assert {"epochs_asked": "50", "epochs": 0}.items() <= longer.as_json()["runs"][0].items()


def test_what_cannot_be_compared_is_said(folders, tmp_path):
    with pytest.raises(ds.RunError, match="two folders or more, got 1"):
        ds.compare([tmp_path])
    with pytest.raises(ds.RunError, match="nothing at"):
        ds.compare([folders[0] / "fast", tmp_path / "nowhere"])


def test_the_figure_shows_every_run(folders):
    from downslope.figures import alt_text, comparison

    place, runs = folders
    found = ds.compare([place / name for name in runs])
    figure = comparison(found)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "loss: cross entropy (nats)"
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(drawn) == 7  # four of training, three of validation
    assert alt_text(figure).startswith("Loss against the epoch of 4 runs, the lowest first: ")
    keys = [" ".join(text.get_text().split()) for text in figure.legends[0].get_texts()]
    told = [name.replace("_", " ") for name in found.runs[0].settings]
    for key in keys:
        places = [key.find(f" {name} ") for name in told if f" {name} " in key]
        assert "bias correction" not in key
        assert places == sorted(places)
    assert alt_text(comparison(Comparison(found.runs * 2, None, ()))).startswith(
        "Loss against the epoch of the best 7 of 8 runs, the lowest first: "
    )
    with pytest.raises(ds.DataError, match="in which an epoch ended"):
        comparison(Comparison((Compared("new", {}, {}, 0, "running", None),), None, ()))
