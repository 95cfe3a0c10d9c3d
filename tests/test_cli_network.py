"""Networks as they are written on the command line, and rows that are images or sequences."""

import json

import numpy as np
import pytest

import downslope as ds
from downslope.cli.parse import convolves, network_of
from downslope.core import DownslopeError
from downslope.losses import cross_entropy

PLAIN = {"activation": "relu", "initializer": "auto", "norm": None, "skip": False, "dropout": 0.0}
AROUND = [
    {},
    {"norm": "batch"},
    {"norm": "layer", "skip": True, "dropout": 0.1, "activation": "tanh"},
    {"skip": True, "initializer": "he_normal"},
    {"skip": True},
]
TEN = np.arange(20) % 10
IMAGES = ds.Dataset(np.ones((20, 8, 8, 1)), TEN, task="classification")
LINES = ds.Dataset(np.ones((20, 40, 1)), TEN, task="classification")
ROWS = ds.Dataset(np.ones((20, 64)), TEN, task="classification")
QUICK = ("--epochs", "1", "--batch-size", "64")


def written(data, text, **around):
    return network_of(data, text, cross_entropy, **{**PLAIN, **around})


@pytest.mark.parametrize("around", AROUND, ids=str)
def test_the_notation_writes_what_the_builders_build(around):
    assert written(ROWS, "64,32", **around) == ds.mlp([64, 32], outputs=10, **around)
    assert written(ROWS, "dense64-dense32", **around) == ds.mlp([64, 32], outputs=10, **around)
    assert written(ROWS, " Linear ", **around) == ds.mlp([], outputs=10, **around)
    image = ds.cnn([16, 32], outputs=10, dense=[64], **around)
    assert written(IMAGES, "conv16-pool-conv32-pool-dense64", **around) == image
    line = ds.cnn([8, 8, 4], outputs=10, dimensions=1, kernel=5, pool=3, pooling="average", **around)
    assert written(LINES, "conv8k5-avgpool3-conv8k5-avgpool3-conv4k5-avgpool3", **around) == line


def test_stages_may_stand_in_any_order_before_the_dense_ones():
    net = written(IMAGES, "conv4k5s2-conv8-maxpool3-dense16")
    assert net.layers == (
        ds.Conv2D(4, 5, 2),
        ds.ReLU(),
        ds.Conv2D(8, 3),
        ds.ReLU(),
        ds.MaxPool(3),
        *(ds.Flatten(), ds.Dense(16), ds.ReLU(), ds.Dense(10)),
    )
    assert written(IMAGES, "avgpool4").shapes((8, 8, 1)) == ((8, 8, 1), (2, 2, 1), (4,), (10,))


def test_dense_networks_see_images_flat():
    assert written(IMAGES, "16").layers == (ds.Flatten(), *ds.mlp([16], outputs=10).layers)


@pytest.mark.parametrize("text", ["conv", "conv0", "conv8k", "pool-", "-", "64,", "8;8", "dense4-pool", "conv8 pool"])
def test_what_is_no_notation_is_refused(text):
    with pytest.raises(DownslopeError, match=r"`network` must"):
        convolves(text)


@pytest.mark.slow
def test_shipped_sets_know_what_their_rows_are(cli):
    code, out, err = cli("train", "digits", "--network", "conv4-pool-dense8", "--store", "run", "--json", *QUICK)
    assert code == 0, err
    assert "8 × 8 × 1 features" in err
    assert ds.open_run("run").net == ds.cnn([4], outputs=10, dense=[8])
    code, out, err = cli("evaluate", "run", "digits", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 1797), err


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_files_say_with_an_option_what_their_rows_are(cli, ending, tmp_path):
    table = np.column_stack([np.random.default_rng(0).integers(0, 9, (60, 16)), np.arange(60) % 2])
    target = "label" if ending == "csv" else -1
    if ending == "csv":
        names = [*(f"pixel{i}" for i in range(16)), "label"]
        np.savetxt("pixels.csv", table, "%d", ",", header=",".join(names), comments="")
    else:
        np.save("pixels.npy", table)
    file = f"pixels.{ending}"
    options = ("--target", target, "--task", "classification", "--shape", "4x4x1", "--network", "conv2k2s2")
    code, _, err = cli("train", file, *options, "--store", "run", *QUICK)
    assert code == 0, err
    run = ds.open_run("run")
    assert run.preprocessing.input_shape == (4, 4, 1)
    code, out, err = cli("predict", "run", file)
    assert (code, err) == (0, "")
    expected = run.predict(table[:, :16].reshape(60, 4, 4, 1))
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == list(map(str, expected))
    assert cli("evaluate", "run", file)[0] == 0
    code, _, err = cli("predict", "run", "iris")
    assert (code, "must have the shape (rows, 4, 4, 1)" in err) == (2, True)


@pytest.mark.slow
def test_every_option_of_the_engine_reaches_the_run(cli, tmp_path):
    code, out, err = cli(
        *("train", "iris", "--network", "8,8,8", "--norm", "batch", "--skip", "--dropout", "0.1"),
        *("--restarts", "3", "--class-weight", "0=2", "--class-weight", "2=0.5", "--label-smoothing", "0.1"),
        *("--optimizer", "rmsprop", "--weight-decay", "0.1", "--clip", "1", "--metric", "f1", "--metric", "auc"),
        *("--store", "run", *QUICK),
    )
    assert code == 0, err
    assert "3 starts: lowest loss" in out
    assert out.splitlines()[3].split() == ["rows", "loss", "accuracy", "f1", "auc"]
    run = ds.open_run("run")
    assert run.net == ds.mlp([8, 8, 8], outputs=3, norm="batch", skip=True, dropout=0.1)
    assert run.loss == ds.losses.cross_entropy_with(label_smoothing=0.1)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["class_weights"] == [[0, 2.0], [1, 1.0], [2, 0.5]]
    rendered = json.dumps(record)
    assert all(name in rendered for name in ("optimizers.clip", "optimizers.decoupled_weight_decay"))


def test_restarts_are_told_to_programs(cli):
    options = ("--network", "4", "--restarts", "2", "--class-weight", "balanced", "--json", *QUICK)
    code, out, err = cli("train", "iris", *options)
    assert code == 0, err
    told = json.loads(out)["restarts"]
    assert told["best"] == int(np.argmin(told["losses"]))
    assert told["epochs"] == [1, 1]
