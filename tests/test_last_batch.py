"""B5: a last batch of one row, which batch norm cannot take: left out if the size is ours, refused if it is not."""

import json

import numpy as np
import pytest

import cases
import downslope as ds
from downslope.core import SettingError
from downslope.data import Batches
from downslope.estimators import NetworkClassifier
from downslope.training import find_batch_size

NET = ds.mlp([3], outputs=1, norm="batch")


def data(rows, features=3):
    return ds.Dataset(np.asarray(cases.normal(0, rows, features)), np.asarray(cases.normal(1, rows)))


@pytest.mark.parametrize("drop_last, steps, last", [(False, 3, 1), ("lone", 2, 4), (True, 2, 4)])
def test_b5_batches_leave_a_lone_row_out(drop_last, steps, last):
    batches = Batches(9, 4, drop_last=drop_last, seed=3)
    indices, weights = batches.epoch(1)
    assert batches.steps == len(indices) == steps
    assert batches.last_size == last == weights[-1].sum()
    whole, _ = Batches(9, 4, seed=3).epoch(1)
    np.testing.assert_array_equal(indices[:2], whole[:2])


@pytest.mark.parametrize("rows, lone, dropped", [(10, 3, 2), (8, 2, 2), (3, 1, 1), (1, 1, 1)])
def test_b5_two_rows_are_no_lone_one_and_a_single_batch_stays(rows, lone, dropped):
    assert (Batches(rows, 4, drop_last="lone").steps, Batches(rows, 4, drop_last=True).steps) == (lone, dropped)


@pytest.mark.parametrize("drop_last", ["first", "", "True"])
def test_b5_what_is_no_rule_is_refused(drop_last):
    with pytest.raises(SettingError, match="`drop_last` must be True, False or 'lone'"):
        Batches(9, 4, drop_last=drop_last)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [33, 65, 129])
def test_b5_the_usual_size_leaves_a_lone_row_out_and_says_so(rows):
    run = ds.train(NET, data(rows), epochs=1, progress=False)
    assert any(
        f"of {rows} training rows in batches of 32, every epoch leaves the last one out" in note for note in run.notes
    )
    assert int(run.optimizer_state.step) == rows // 32


def test_b5_without_batch_norm_every_row_is_learned_from():
    run = ds.train(ds.mlp([3], outputs=1), data(33), epochs=1, progress=False)
    assert int(run.optimizer_state.step) == 2
    assert not any("leaves" in note for note in run.notes)


def test_b5_a_size_of_the_users_is_refused_by_the_name_of_what_helps():
    with pytest.raises(SettingError, match=r"the last batch holds one.*leave that batch out \(drop_last=True\)"):
        ds.train(NET, data(33), batch_size=16, epochs=1, progress=False)
    for drop_last in (True, "lone"):
        run = ds.train(NET, data(33), batch_size=16, epochs=1, drop_last=drop_last, progress=False)
        assert int(run.optimizer_state.step) == 2
    with pytest.raises(SettingError, match="the last batch holds one"):
        ds.train(NET, data(33), epochs=1, drop_last=False, progress=False)


def test_b5_a_schedule_of_sizes_leaves_out_what_each_leaves_over():
    sizes = ds.schedules.piecewise_constant([16, 8, 5], at=[1, 2])
    run = ds.train(NET, data(33), batch_size=sizes, epochs=3, drop_last="lone", progress=False)
    assert int(run.optimizer_state.step) == 2 + 4 + 7


def test_b5_a_run_goes_on_as_if_it_had_not_stopped(tmp_path):
    settings = {"drop_last": True, "batch_size": 10, "progress": False}
    whole = ds.train(NET, data(34), epochs=4, **settings)
    ds.train(NET, data(34), epochs=2, store=tmp_path / "run", **settings)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["configuration"]["drop_last"] is True
    resumed = ds.resume(tmp_path / "run", data(34), epochs=4, progress=False)
    cases.assert_bitwise(resumed.params, whole.params)
    assert resumed.recipe.settings.drop_last is True


def test_b5_an_unfit_member_of_a_sweep_is_reported_and_the_others_go_on():
    found = ds.sweep(NET, data(33), batch_size=[16, 11], learning_rate=[0.01, 0.1], epochs=1, progress=False)
    assert [settings["batch_size"] for settings in found.settings] == [11, 11]
    assert [unfit.settings["batch_size"] for unfit in found.unfit] == [16, 16]
    assert "the last batch holds one" in str(found.unfit[0])
    assert found.table()["stop_reason"].to_list() == ["completed"] * 2 + ["unfit"] * 2
    assert str(found).endswith("; 2 cannot be trained.")
    with pytest.raises(SettingError, match="the last batch holds one"):
        ds.sweep(NET, data(33), batch_size=[16, 8], epochs=1, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [33, 65, 129])
def test_b5_a_batch_size_is_found_where_the_usual_one_leaves_a_lone_row(rows):
    found = find_batch_size(NET, data(rows), seconds=0.2, steps=20, trainings=1, epochs=1, progress=False)
    assert found.suggestion <= rows
    assert all(np.isfinite(trained.train_loss).all() for trained in found.trainings)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_b5_an_estimator_with_its_own_size_leaves_a_lone_row_out():
    x, labels = np.asarray(cases.normal(0, 201, 3)), np.arange(201) % 2
    assert NetworkClassifier((3,), norm="batch", max_iter=1, random_state=0).fit(x, labels).n_iter_ == 1
    given = {"norm": "batch", "batch_size": 40, "max_iter": 1, "random_state": 0}
    with pytest.raises(SettingError, match="drop_last=True"):
        NetworkClassifier((3,), **given).fit(x, labels)
    assert NetworkClassifier((3,), drop_last=True, **given).fit(x, labels).n_iter_ == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_b5_no_fold_of_a_cross_validation_is_lost():
    from sklearn.model_selection import cross_val_score

    x, labels = np.asarray(cases.normal(0, 302, 3)), np.arange(302) % 2
    scores = cross_val_score(NetworkClassifier((3,), norm="batch", max_iter=2, random_state=0), x, labels, cv=3)
    assert np.isfinite(scores).all()
