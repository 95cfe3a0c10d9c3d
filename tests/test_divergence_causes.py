"""F12: what is said after a divergence names what is extreme, and advises a finite rate below the one used."""

import re

import numpy as np
import pytest

import cases
import downslope as ds
from downslope.core import SettingError
from downslope.training import find_learning_rate

X = np.asarray(cases.normal(0, 60, 3))
Y = X @ [1.0, 2.0, 3.0]
NET = ds.mlp([4], outputs=1)
NAMES = ["age", "height", "income"]


def with_cell(value, row=41, column=1):
    x = X.copy()
    x[row, column] = value
    return x


def with_weight(value, row=17):
    weights = np.ones(60)
    weights[row] = value
    return weights


def diverged(data=None, net=NET, **settings):
    settings = {"epochs": 20, "progress": False, **settings}
    run = ds.train(net, ds.Dataset(X, Y) if data is None else data, **settings)
    assert run.stop_reason == "diverged"
    return str(run.divergence.message)


@pytest.mark.parametrize("rate", [1e300, 1e200, 1e30, 1e5, 50.0, 5.0])
@pytest.mark.parametrize("maker", [ds.sgd, lambda rate: ds.sgd(rate, momentum=0.9)], ids=["plain", "momentum"])
def test_f12_a_rate_is_followed_by_a_finite_one_below_it(rate, maker):
    said = diverged(optimizer=maker(rate))
    assert f"the learning rate {rate:g} is too large" in said
    advised = float(re.search(r"[Tt]ry ([^,. ]+(\.\d+)?)", said).group(1))
    assert 0 < advised < min(rate, 10)


@pytest.mark.slow
def test_f12_a_rate_in_a_sweep_is_blamed_too(float32):
    found = ds.sweep(NET, ds.Dataset(X, Y), optimizer="sgd", learning_rate=[1e300, 0.01], epochs=3, progress=False)
    said = str(found.runs[0].divergence.message)
    assert "the learning rate 1e+300 is too large" in said
    assert "ry 0.01," in said


@pytest.mark.parametrize("weight, loss", [(1e300, "squared_error"), (1e30, "sum_squared_error")])
def test_f12_one_heavy_row_is_blamed_not_the_rate(weight, loss, float32):
    data = ds.Dataset(X, Y, row_weights=with_weight(weight))
    said = diverged(data, loss=loss, optimizer=ds.sgd(1e-3))
    assert "training row 17 (counting from 0) weighs" in said
    assert "learning rate" not in said


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "x, said",
    [
        (X * [1.0, 1e200, 1.0], "in all rows, column 'height'"),
        (with_cell(1e200), "in all rows, column 'height'"),
        (with_cell(1e300, column=2), "column 'income'"),
    ],
    ids=["a column", "a cell", "another"],
)
def test_f12_normalized_inputs_are_not_told_to_be_normalized(x, said, float32):
    data = ds.Dataset(x, Y, feature_names=NAMES)
    message = diverged(data, normalize="standard")
    assert said in message
    assert "though they are normalized" in message
    assert "normalize=" not in message


def test_f12_inputs_that_are_not_normalized_are_with_the_largest(float32):
    data = ds.Dataset(X * [1.0, 1.0, 1000.0], Y, feature_names=NAMES)
    message = diverged(data, optimizer=ds.sgd(0.1))
    assert "not normalized" in message
    assert "column 'income'" in message
    assert "(normalize='standard'). If that is not enough, try 0.01." in message


@pytest.mark.parametrize("size, rate", [(1e30, 0.1), (1e6, 0.5)])
def test_f12_large_targets_are_blamed(size, rate, float32):
    message = diverged(ds.Dataset(X, Y * size), optimizer=ds.sgd(rate))
    assert "The targets are large: the largest is" in message
    assert "(normalize_targets='standard')" in message


@pytest.mark.parametrize("size", [1e30, 100.0])
def test_f12_a_start_that_is_too_large_is_blamed(size, float32):
    net = ds.mlp([4, 4], outputs=1, initializer=ds.initializers.normal(size))
    message = diverged(net=net, optimizer=ds.sgd(0.01))
    assert "The weights start too large" in message


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_f12_a_finder_names_what_is_extreme_too(float32):
    data = ds.Dataset(with_cell(1e200), Y, feature_names=NAMES)
    with pytest.raises(SettingError, match="though they are normalized: in all rows, column 'height'") as refused:
        find_learning_rate(NET, data, normalize="standard", progress=False)
    assert "normalize=" not in str(refused.value)


@pytest.mark.slow
def test_f12_suggested_commands_are_quoted_and_a_dash_is_no_option(cli, tmp_path):
    (tmp_path / "my rows.csv").write_text(
        "a,y\n" + "\n".join(f"{a:.4f},{b:.4f}" for a, b in zip(X[:, 0], Y, strict=True))
    )
    train = ["train", "my rows.csv", "--target", "y", "--epochs", "9", "--network", "2"]
    code, out, err = cli(*train, "--store", "-r")
    assert code == 0, err
    assert "  downslope predict -- -r 'my rows.csv'" in out
    code, out, err = cli(*train, "--store", "my run", "--optimizer", "sgd", "--learning-rate", "1e30")
    assert code == 1
    assert "  downslope diagnose 'my run'" in out
