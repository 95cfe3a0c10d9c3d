"""D5: early stopping on a metric, by how much it must get better, and the parameters that follow it."""

import json
from typing import ClassVar

import numpy as np
import pytest

import downslope as ds
from cases import assert_bitwise
from downslope.core import SettingError, UnknownNameError
from downslope.training.engine.epoch import last_progress, monitored_score

IRIS, NET = ds.load("iris"), ds.mlp([8], outputs=3)
SETTINGS = {"optimizer": ds.adam(0.03), "validation": 0.3, "progress": False}


def by(metric="accuracy", **settings):
    return ds.EarlyStopping(metric=metric, **settings)


def train(rule, net=NET, data=IRIS, **settings):
    return ds.train(net, data, early_stopping=rule, **{**SETTINGS, **settings})


class Reference:
    """The rule as Keras has it: an epoch counts if it is better than the last that counted by more than `min_delta`."""

    series: ClassVar = {
        "steps of less": [1.0, 0.995, 0.992, 0.9, 0.899, 0.898, 0.897, 0.5],
        "steps that add up": [1.0, 0.991, 0.989, 0.988, 0.987, 0.978, 0.97, 0.96],
        "never": [1.0, 1.1, np.nan, 0.995, np.inf, 1.2, 0.991, 1.0],
        "not a number at first": [np.nan, np.nan, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5],
    }

    @staticmethod
    def last(values, least):
        best, number = np.inf, 0
        for epoch, value in enumerate(values, start=1):
            if np.isfinite(value) and value < best - least:
                best, number = value, epoch
        return number


@pytest.mark.parametrize("name", Reference.series)
@pytest.mark.parametrize("least", [1e-9, 0.01, 0.3])
def test_d5_progress_is_counted_from_the_last_epoch_that_counted(name, least):
    values, rule = Reference.series[name], by("loss", min_delta=least)
    for end in range(1, len(values) + 1):
        history = [{"train_loss": 0.0, "validation_loss": value} for value in values[:end]]
        assert last_progress(rule, history, 0) == Reference.last(values[:end], least)
    members = [{"validation_loss": np.array([value, -value]), "train_loss": 0.0} for value in values]
    expected = [Reference.last(values, least), Reference.last(np.negative(values), least)]
    assert last_progress(rule, members, np.zeros(2, int)).tolist() == expected


@pytest.mark.parametrize("metric, sign", [("accuracy", -1), ("auc", -1), ("r2", -1), ("rmse", 1), ("mae", 1)])
def test_d5_it_is_known_of_each_metric_whether_high_or_low_is_good(metric, sign):
    assert monitored_score(by(metric), {f"validation_{metric}": 0.5, "train_loss": 1.0}) == sign * 0.5


def test_d5_the_best_parameters_follow_the_metric_and_it_is_in_the_history():
    run = train(by(patience=3, min_delta=0.01))
    accuracy = run.history["validation_accuracy"]
    assert (run.stop_reason, run.best_epoch) == ("early_stopping", int(np.argmax(accuracy)) + 1)
    assert run.epochs == Reference.last(-accuracy, 0.01) + 3
    held_out = IRIS.split(validation=0.3, seed=0).validation
    assert run.evaluate(held_out)["accuracy"] == accuracy.max()


def test_d5_without_patience_the_metric_still_chooses_the_parameters():
    run = train(by(patience=None), epochs=8)
    assert (run.stop_reason, run.epochs) == ("completed", 8)
    assert run.best_epoch == int(np.argmax(run.history["validation_accuracy"])) + 1


def test_d5_a_number_and_the_rule_it_stands_for_are_the_same():
    plain, written = train(2, epochs=6), train(ds.EarlyStopping(2), epochs=6)
    assert (plain.epochs, plain.best_epoch) == (written.epochs, written.best_epoch)
    assert_bitwise(plain.params, written.params)


def test_d5_the_rule_is_recorded_and_a_run_goes_on_by_it(tmp_path):
    rule = by(patience=4, min_delta=0.02)
    whole = train(rule, epochs=30)
    train(rule, epochs=whole.epochs - 3, store=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())["configuration"]["early_stopping"]
    assert record == {"patience": 4, "metric": "accuracy", "min_delta": 0.02}
    resumed = ds.resume(tmp_path / "run", IRIS, epochs=30, progress=False)
    assert (resumed.stop_reason, resumed.epochs, resumed.best_epoch) == (
        whole.stop_reason,
        whole.epochs,
        whole.best_epoch,
    )
    assert_bitwise(resumed.params, whole.params)
    assert ds.open_run(tmp_path / "run").with_data(IRIS).recipe.settings.early_stopping == rule


def test_d5_members_of_a_sweep_stop_as_they_would_alone():
    rule = by(patience=3, min_delta=0.01)
    found = ds.sweep(NET, IRIS, learning_rate=[0.01, 0.05], early_stopping=rule, **{**SETTINGS, "optimizer": "adam"})
    for rate, member in zip((0.01, 0.05), found.runs, strict=True):
        alone = train(rule, optimizer=ds.adam(rate))
        assert (member.epochs, member.best_epoch, member.stop_reason) == (
            alone.epochs,
            alone.best_epoch,
            alone.stop_reason,
        )
        np.testing.assert_allclose(member.history["validation_accuracy"], alone.history["validation_accuracy"])


def test_d5_of_several_starts_the_best_by_the_metric_is_kept(tmp_path):
    run = train(by(patience=3), restarts=4, store=tmp_path / "run")
    best = [np.nanmax(scores) for scores in run.restarts.histories["validation_accuracy"].T]
    assert best[run.restarts.best] == max(best)
    losses = run.restarts.histories["validation_loss"]
    assert run.restarts.losses[run.restarts.best] == losses[run.best_epoch - 1, run.restarts.best]
    np.testing.assert_array_equal(ds.open_run(tmp_path / "run").restarts.losses, run.restarts.losses)


def test_d5_runs_are_compared_where_their_metric_was_best(tmp_path):
    runs = [train(by(patience=3), store=tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    compared = {run.name: run.kept_epoch for run in ds.compare([tmp_path / "0", tmp_path / "1"]).runs}
    assert [compared[str(tmp_path / str(seed))] for seed in (0, 1)] == [run.best_epoch for run in runs]


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"early_stopping": by("acuracy")}, "accuracy"),
        ({"early_stopping": by("rmse")}, "early_stopping"),
        ({"early_stopping": by(), "validation": 0.0}, "watches the validation accuracy"),
    ],
    ids=["misspelled", "of numbers", "without rows"],
)
def test_d5_a_metric_that_cannot_be_watched_is_refused(settings, said):
    with pytest.raises((SettingError, UnknownNameError), match=said):
        train(**{"rule": settings["early_stopping"], **{k: v for k, v in settings.items() if k == "validation"}})


@pytest.mark.parametrize("numbers", [{"patience": 0}, {"min_delta": -0.1}, {"min_delta": float("nan")}])
def test_d5_numbers_that_cannot_be_are_refused(numbers):
    with pytest.raises(SettingError, match=f"`{next(iter(numbers))}` must be"):
        ds.EarlyStopping(**numbers)


def test_d5_the_command_line_says_by_what_it_stopped(cli):
    words = ["train", "iris", "--network", "8", "--learning-rate", "0.03", "--early-stopping", "3", "--store", "run"]
    code, out, err = cli(*words, "--early-stopping-metric", "accuracy", "--min-delta", "0.01")
    assert code == 0, err
    assert "3 of them without a higher validation accuracy, by more than 0.01. Kept: epoch" in out
    code, out, err = cli("resume", "run")
    assert code == 0, err
    assert "the highest validation accuracy" in out
    code, _, err = cli("train", "iris", "--validation", "0", "--min-delta", "0.01")
    assert code == 2
    assert "--min-delta needs validation rows" in err
