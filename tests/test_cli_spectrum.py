"""`downslope spectrum`: what it prints, what programs get, what it draws, and what it refuses."""

import json

import numpy as np
import pytest

import downslope as ds

SGD = ("--optimizer", "sgd", "--learning-rate", "0.2", "--momentum", "0.5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_command):
    """Return a folder with two runs in it."""
    where = tmp_path_factory.mktemp("runs")
    for name, options in (("sgd", SGD), ("adam", ())):
        words = ["train", "iris", "--network", "3", "--epochs", "3", "--store", str(where / name), *options]
        assert run_command(words) == 0
    return where


@pytest.fixture
def cli(command_line, folder, monkeypatch):
    """Run a command in the folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)
    return command_line


@pytest.fixture
def reported(cli):
    """Return what programs are told about a run."""

    def found(*words):
        code, out, err = cli("spectrum", *words, "--json")
        assert code == 0, err
        return json.loads(out, parse_constant=pytest.fail)

    return found


@pytest.mark.slow
def test_a_reader_is_told_all(cli):
    code, out, err = cli("spectrum", "sgd", "--k", "2", "--blocks")
    assert code == 0, err
    words = (
        "4 eigenvalues of the Hessian", "κ ", "Negative directions: ", "Trace ", "gᵀHg", "Best step",
        "Together these 2 directions hold", "Stability: descent along the largest curvature diverges from the rate",
        "the run's rate 0.2 is", "lies outside the 2 blocks",
    )  # fmt: skip
    assert [word for word in words if word not in out] == []
    assert "sgd: cross_entropy over 90 rows, inference mode; the parameters after 3 epochs." in err


def test_programs_are_told_the_same_as_python(reported, folder):
    found = reported("sgd", "--k", "2", "--blocks")
    run = ds.open_run(folder / "sgd").with_data()
    pairs = ds.eigenvalues(run.surface(), run.params, k=2, which="both", tol=1e-8)
    np.testing.assert_allclose([pair["value"] for pair in found["eigenvalues"]], pairs.values, atol=3e-3 * pairs.scale)
    assert (found["rows"], found["parameters"], found["operator"]) == (90, 27, "hessian")
    assert found["negative_directions"]["exact"]
    assert found["trace"]["standard_error"] == 0
    limit = ds.curvature.stability_limit(pairs.values[0], momentum=0.5)
    assert found["stability"]["limit"] == pytest.approx(limit, rel=1e-2)
    assert found["step_model"]["learning_rate"] == pytest.approx(0.2)
    assert 0 <= found["blocks"]["share_outside"] <= 1
    assert [group["parameters"] for group in found["blocks"]["groups"]] == [15, 12]


@pytest.mark.slow
def test_other_rows_and_fewer_rows_can_be_measured(reported):
    whole, few = reported("sgd", "iris", "--k", "1"), reported("sgd", "iris", "--k", "1", "--rows", "40")
    assert (whole["rows"], few["rows"]) == (150, 40)
    assert reported("sgd", "--k", "1", "--rows", "40")["rows"] == 40
    assert few["eigenvalues"] != whole["eigenvalues"]
    assert few["eigenvalues"] == reported("sgd", "iris", "--k", "1", "--rows", "40")["eigenvalues"]


def test_optimizers_with_a_limit_of_their_own_are_named(cli):
    code, out, err = cli("spectrum", "adam", "--k", "1")
    assert code == 0, err
    assert "plain gradient descent diverges from the rate 2/λ =" in out
    assert "adam has a limit of its own" in out


@pytest.mark.slow
def test_the_gauss_newton_term_and_its_figures(cli, folder):
    options = ("--operator", "gauss_newton", "--k", "1", "--blocks", "--figure", "term.png")
    code, out, err = cli("spectrum", "sgd", *options)
    assert code == 0, err
    assert "2 eigenvalues of the Gauss–Newton term" in out
    assert "With the Hessian itself:" in out
    for name in ("term.png", "term-blocks.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_certified_negative_directions_spare_the_search_for_a_condition(reported):
    found = reported("adam", "--k", "1", "--max-hvps", "20")
    assert found["condition"]["kappa"] is None
    assert not found["negative_directions"]["exact"]
    assert found["condition"]["hvps"] in (0, 20)


@pytest.mark.parametrize(
    "words, message",
    [
        (("nowhere",), "nowhere"),
        (("sgd", "nothing.csv"), "nothing.csv"),
        (("sgd", "--k", "0"), "--k must be a whole number, 1 or more, got 0"),
        (("sgd", "--k", "many"), "--k must be a whole number, got 'many'"),
        (("sgd", "--rows", "0"), "--rows must be a whole number, 1 or more"),
        (("sgd", "--tol", "0"), "--tol must be a number above 0"),
        (("sgd", "--max-hvps", "3"), "--max-hvps must be a whole number, 20 or more"),
        (("sgd", "--operator", "hesian"), "Did you mean 'hessian'"),
        (("sgd", "--figure", "spectrum.gif"), "--figure must end in .png, .svg or .pdf"),
    ],
)
def test_what_cannot_be_is_bad_usage(cli, words, message):
    code, out, err = cli("spectrum", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_ctrl_c_keeps_the_eigenvalues_as_they_stood(cli, monkeypatch):
    def interrupted(*arguments, **settings):
        def stop(*told):
            raise KeyboardInterrupt

        return whole(*arguments, **settings, progress=stop)

    whole = ds.eigenvalues
    monkeypatch.setattr("downslope.curvature.eigenvalues", interrupted)
    code, out, _ = cli("spectrum", "sgd", "--k", "1")
    assert code == 130
    assert "Interrupted: these are the pairs as they stood." in out


def test_its_page_of_help_has_examples(cli):
    code, out, err = cli("spectrum", "--help")
    assert (code, err) == (0, "")
    assert "downslope spectrum runs" in out.split("Examples")[1]
