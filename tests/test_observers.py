"""Observers see each epoch's end and may change numbers; batch sizes may follow a schedule."""

import numpy as np
import pytest

import downslope as ds
from cases import assert_trees_close, refused

RNG = np.random.default_rng(0)
DATA = ds.Dataset(RNG.normal(size=(60, 3)), RNG.normal(size=60))
NET = ds.mlp([5], outputs=1, activation="tanh")
STEPS = 4  # an epoch


def trained(net=NET, **settings):
    defaults = {"epochs": 6, "batch_size": 15, "optimizer": ds.sgd(0.1, momentum=0.9), "progress": False}
    return ds.train(net, DATA, **defaults | settings)


def test_rates_and_momenta_changed_while_training_equal_a_schedule():
    def change(moment):
        return ds.Change(learning_rate=0.02, momentum=0.5) if moment.epoch == 2 else None

    rate = ds.schedules.piecewise_constant([0.1, 0.02], at=[2 * STEPS])
    momentum = ds.schedules.piecewise_constant([0.9, 0.5], at=[2 * STEPS])
    changed, scheduled = trained(observers=[change]), trained(optimizer=ds.sgd(rate, momentum=momentum))
    assert changed.history["learning_rate"].tolist() == [0.1] * 2 + [0.02] * 4
    assert_trees_close(changed.last, scheduled.last, rtol=1e-12)


def test_an_observer_sees_and_stops():
    seen = []

    def watch(moment):
        seen.append(moment)
        return ds.Stop() if moment.epoch == 3 else None

    run = trained(observers=[watch])
    assert (run.stop_reason, run.epochs) == ("stopped", 3)
    assert [moment.step for moment in seen] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert [moment.values["train_loss"] for moment in seen] == run.history["train_loss"].tolist()
    assert seen[0].hyperparams["momentum"] == 0.9
    with pytest.raises(TypeError):
        seen[0].values["train_loss"] = 0.0


def test_watching_changes_nothing():
    assert_trees_close(trained(observers=[lambda moment: None]).last, trained().last, rtol=0, atol=0)


def test_wishes_that_cannot_be_are_refused():
    with pytest.raises(ds.UnknownNameError, match="learning_rate"):
        trained(observers=[lambda moment: ds.Change(learning_rat=0.1)])
    with pytest.raises(ds.SettingError, match=r"ds\.Stop"):
        trained(observers=[lambda moment: True])
    with refused(ds.SettingError, match="functions of one argument"):
        trained(observers=[3])
    with pytest.raises(ds.SettingError, match="one descent"):
        trained(observers=[lambda moment: None], restarts=2)


def test_a_batch_size_follows_a_schedule():
    sizes = ds.schedules.piecewise_constant([10, 60], at=[2])
    run = trained(batch_size=sizes, epochs=4, order="sequential", record=ds.Record(parameters_every=1))
    assert run.history["batch_size"].tolist() == [10, 10, 60, 60]
    assert len(run.trajectory) == 1 + 6 + 6 + 1 + 1
    early = trained(batch_size=10, epochs=2, order="sequential")
    assert_trees_close(run.trajectory.at(12), early.last.params, rtol=0, atol=0)


def test_a_scheduled_batch_size_is_kept_in_the_run(tmp_path):
    sizes = ds.schedules.piecewise_constant([10, 60], at=[2])
    trained(batch_size=sizes, store=tmp_path / "run")
    assert '"schedules.piecewise_constant"' in (tmp_path / "run" / "run.json").read_text()


def test_every_scheduled_size_is_checked_before_training():
    with pytest.raises(ds.SettingError, match="batch_size"):
        trained(batch_size=ds.schedules.piecewise_constant([10, 0], at=[5]))
    with pytest.raises(ds.SettingError, match="2 rows or more"):
        trained(ds.mlp([5], outputs=1, norm="batch"), batch_size=ds.schedules.piecewise_constant([10, 1], at=[5]))
