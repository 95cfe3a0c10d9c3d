"""`downslope surface`: what it says and writes, for runs and for names, and what it refuses."""

import json
import sys

import numpy as np
import pytest

import downslope as ds


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_command):
    """Return a folder with a small run in it."""
    where = tmp_path_factory.mktemp("runs")
    words = ["train", "iris", "--network", "3", "--epochs", "4", "--optimizer", "sgd", "--store", str(where / "small")]
    assert run_command(words) == 0
    return where


@pytest.fixture
def cli(command_line, folder, monkeypatch):
    """Run a command in the folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)
    return command_line


def test_a_run_s_own_path_is_made_again_and_is_the_true_one(cli, folder):
    code, out, err = cli("surface", "small", "--directions", "pca", "--size", "5", "--json", "--output", "s.npz")
    assert code == 0, err
    assert "training once more from the same start" in err
    found = json.loads(out)
    run = ds.open_run(folder / "small").with_data()
    path = found["paths"]["sgd"]
    assert found["center"] == pytest.approx(run.surface().value(run.params), rel=1e-6)
    assert path["losses"][-1] == pytest.approx(run.history["train_loss"][-1], rel=1e-5)
    assert path["steps"][0] == 0
    plane = ds.open_slice(folder / "s.npz")
    np.testing.assert_array_equal(plane.losses, found["losses"])


def test_without_files_a_picture_and_a_page_go_to_the_run(cli, folder):
    code, out, err = cli("surface", "small", "--size", "5", "--rows", "40", "--seed", "3")
    assert code == 0, err
    assert "cross_entropy over 40 rows, inference mode" in out
    assert "5 × 5 losses along filter-normalized direction 1" in out
    assert "Left as they are: 0/bias, 2/bias." in out
    assert (folder / "small" / "figures" / "surface.png").stat().st_size > 10_000
    assert "<!doctype html>" in (folder / "small" / "figures" / "surface.html").read_text("utf-8")[:20].lower()


def test_old_faithful_is_the_example_of_the_notes(cli, folder):
    code, out, err = cli("surface", "old-faithful", "--size", "9", "--output", "line.html", "--json")
    assert code == 0, err
    found = json.loads(out)
    path = found["paths"]["sgd"]
    assert found["labels"] == ["intercept", "slope"]
    assert len(path["steps"]) == 201
    assert path["losses"][-1] == pytest.approx(51.2827, abs=1e-3)
    assert path["explained"] == 1
    # coefficients are from the center on; with their origins they are intercept and slope
    np.testing.assert_allclose(np.array(path["coordinates"][0]) + found["origins"], [4, 4], rtol=1e-5)
    assert found["origins"][1] == pytest.approx(0.9008, abs=1e-3)
    assert '"kind":"line"' in (folder / "line.html").read_text("utf-8")


def test_a_classic_surface_with_a_race(cli, folder):
    rules = "sgd,momentum:0.004,adam:0.05"
    words = ("--optimizers", rules, "--epochs", "12", "--size", "9", "--view", "losses", "--output", "r.svg")
    code, out, err = cli("surface", "ravine", *words)
    assert code == 0, err
    assert "sgd, rate 0.02: 13 points, loss 8.25 to" in out
    assert out.count("all of it in the plane.") == 3
    assert (folder / "r.svg").is_file()


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("nowhere",), 2, "neither a run at nowhere nor a surface of that name"),
        (("ravin",), 2, "Did you mean ravine?"),
        (("ravine", "--size", "50"), 2, "--size must be odd"),
        (("ravine", "--span", "0"), 2, "--span must be"),
        (("ravine", "--mode", "training"), 2, "ravine is a formula"),
        (("ravine", "--optimizers", "sdg"), 2, "--optimizers must be one of"),
        (("ravine", "--optimizers", "adam:fast"), 2, "--optimizers must be names such as sgd or adam:0.01"),
        (("ravine", "--output", "here.txt"), 2, "--output must end in"),
        (("ravine", "--directions", "up"), 2, "--directions must be"),
        (("ravine", "--view", "front"), 2, "--view must be"),
        (("small", "--view", "losses", "--size", "5", "--output", "l.png"), 2, "--view losses needs a path"),
        (("small", "--size", "5", "--output", "l.gif"), 2, "needs a path"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_said_in_a_sentence(cli, words, code, said):
    found, _, err = cli("surface", *words)
    assert found == code, err
    assert said in err
    assert "Traceback" not in err


def test_a_film_that_cannot_be_written_is_refused_before_any_work(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    code, out, err = cli("surface", "ravine", "--optimizers", "sgd", "--output", "race.mp4")
    assert (code, out) == (1, "")
    assert err == (
        "downslope: An MP4 needs the package `imageio-ffmpeg`, which is not installed: pip install 'downslope[film]'. "
        "Or end the file in .gif, which needs nothing more.\n"
    )
