"""The training loop: what it learns, how it ends, and what must not change it."""

import jax
import numpy as np
import pytest

import cases
import downslope as ds
from cases import assert_bitwise, refused
from downslope.training.problem.problem import check_kinds
from jobs import Failing, train_in_chunks

pytestmark = pytest.mark.optimized

RNG = np.random.default_rng(0)
NUMBERS = ds.Dataset(RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2)))
CLASSES = ds.Dataset(RNG.normal(size=(50, 3)), RNG.integers(0, 3, 50))
NET = ds.mlp([5], outputs=2, activation="tanh")


def trained(net=NET, data=NUMBERS, **settings):
    return ds.train(net, data, **{"epochs": 3, "batch_size": 8, "progress": False} | settings)


# Old Faithful: the worked example


def faithful(standardized=True):
    data = ds.load("old_faithful")
    x, y = data.x[:, 0], np.asarray(data.y, float)
    if standardized:
        x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    return ds.Dataset(x[:, None], y)


def line(intercept, slope):
    return ds.Variables(({"weight": np.array([[slope]], float), "bias": np.array([intercept], float)},), ({},))


def test_old_faithful_reaches_the_least_squares_line():
    run = trained(ds.mlp([], outputs=1), faithful(), optimizer=ds.sgd(0.5), batch_size=272, epochs=3)
    assert run.params[0]["weight"][0, 0] == pytest.approx(0.900811168322, abs=1e-10)
    assert run.params[0]["bias"][0] == pytest.approx(0, abs=1e-12)
    sum_of_squares = trained(
        ds.mlp([], outputs=1),
        faithful(),
        loss="sum_squared_error",
        epochs=1,
        optimizer=ds.sgd(0.0),
        start=run.variables,
    )
    assert sum_of_squares.history["train_loss"][-1] == pytest.approx(51.2826730, abs=1e-6)


def test_old_faithful_as_the_notes_tell_it():
    run = trained(
        ds.mlp([], outputs=1),
        faithful(),
        loss="sum_squared_error",
        optimizer=ds.sgd(1e-4),
        batch_size=272,
        epochs=200,
        start=line(4, 4),
        record=ds.Record(parameters_every=1),
    )
    x, y = np.asarray(faithful().x)[:, 0], np.asarray(faithful().y)
    beta = np.array([4.0, 4.0])
    X = np.stack([np.ones_like(x), x], axis=1)
    table = [beta]
    for _ in range(200):
        beta = beta - 1e-4 * 2 * X.T @ (X @ beta - y)
        table.append(beta)
    recorded = run.trajectory.table()
    np.testing.assert_allclose(recorded["0/bias[0]"], np.array(table)[:, 0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(recorded["0/weight[0, 0]"], np.array(table)[:, 1], rtol=0, atol=1e-10)
    assert run.history["train_loss"][-1] == pytest.approx(51.28, abs=0.05)
    assert run.params[0]["weight"][0, 0] == pytest.approx(0.9, abs=0.002)
    assert run.table().height == 200


@pytest.mark.slow
@pytest.mark.parametrize("share, falls", [(0.99, True), (1.01, False)])
def test_raw_old_faithful_converges_up_to_the_limit_of_its_curvature(share, falls):
    largest = 28.7445  # of the Hessian of the mean squared error in intercept and slope; the smallest is 0.180617
    run = trained(
        ds.mlp([], outputs=1),
        faithful(standardized=False),
        optimizer=ds.sgd(share * 2 / largest),
        batch_size=272,
        epochs=300,
        start=line(1, 1),
    )
    assert (run.history["train_loss"][-1] < run.history["train_loss"][0]) == falls


@pytest.mark.slow
def test_raw_old_faithful_contracts_at_its_smallest_curvature():
    run = trained(
        ds.mlp([], outputs=1), faithful(standardized=False), optimizer=ds.sgd(1 / 28.7445), batch_size=272, epochs=2500
    )
    excess = run.history["train_loss"] - 9443.38705 / 272
    rate = (1 - 0.180617 / 28.7445) ** 2
    assert excess[599] / excess[99] == pytest.approx(rate**500, rel=1e-2)
    assert run.params[0]["weight"][0, 0] == pytest.approx(10.7296414, rel=1e-4)


# Agreement with torch, step by step

OPTIMIZERS = {
    "sgd": (ds.sgd(0.1), lambda t, p: t.optim.SGD(p, 0.1)),
    "momentum": (ds.sgd(0.05, momentum=0.9), lambda t, p: t.optim.SGD(p, 0.05, momentum=0.9)),
    "nesterov": (
        ds.sgd(0.05, momentum=0.9, nesterov=True),
        lambda t, p: t.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    ),
    "rmsprop": (
        ds.rmsprop(1e-2, decay=0.99, eps_in_sqrt=False),
        lambda t, p: t.optim.RMSprop(p, 1e-2, alpha=0.99, eps=1e-8),
    ),
    "adam": (ds.adam(1e-2), lambda t, p: t.optim.Adam(p, 1e-2)),
    "adamw": (ds.adamw(1e-2, weight_decay=0.1), lambda t, p: t.optim.AdamW(p, 1e-2, weight_decay=0.1)),
}


@pytest.mark.product
@pytest.mark.parametrize(
    "activation", ["relu", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tanh", "sigmoid"))]
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_agrees_with_torch_step_by_step(name, activation):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = OPTIMIZERS[name]
    net = ds.mlp([7, 6], outputs=3, activation=activation)
    start = net.init(1, (3,))
    every_step = ds.Record(parameters_every=1)
    run = trained(net, CLASSES, optimizer=ours, batch_size=16, start=start, record=every_step, seed=5)
    model = _torch_twin(torch, activation, ds.weights(net, start.params))
    optimizer = theirs(torch, model.parameters())
    batches = ds.Batches(50, 16, seed=5)
    step = 0
    for epoch in range(3):
        total = 0.0
        for k in range(batches.steps):
            rows = batches.at(epoch, k)
            x, t = torch.from_numpy(CLASSES.x[rows]), torch.from_numpy(CLASSES.y[rows])
            loss = torch.nn.functional.cross_entropy(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, step = total + loss.item() * len(rows), step + 1
            W, B = ds.weights(net, run.trajectory.at(step))
            for layer, w, b in zip(model[::2], W, B, strict=True):
                np.testing.assert_allclose(w.T, layer.weight.detach().numpy(), rtol=0, atol=1e-10)
                np.testing.assert_allclose(b, layer.bias.detach().numpy(), rtol=0, atol=1e-10)
        assert run.history["batch_loss"][epoch] == pytest.approx(total / 50, abs=1e-10)


def _torch_twin(torch, activation, lists):
    kinds = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}
    layers = []
    for w, b in zip(*lists, strict=True):
        dense = torch.nn.Linear(*w.shape, dtype=torch.float64)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(np.array(w.T)))
            dense.bias.copy_(torch.from_numpy(np.array(b)))
        layers += [dense, kinds[activation]()]
    return torch.nn.Sequential(*layers[:-1])


def test_any_optax_transformation_trains():
    import optax

    run = trained(CLASSES_NET, CLASSES, optimizer=optax.chain(optax.clip(1.0), optax.lion(1e-2)), epochs=20)
    assert run.history["train_loss"][-1] < run.history["train_loss"][0]


CLASSES_NET = ds.mlp([8], outputs=3)


@pytest.mark.slow
def test_the_engine_is_ours(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("training must not differentiate automatically")

    jax.clear_caches()
    for name in ("grad", "vjp", "value_and_grad", "jacrev", "linearize"):
        monkeypatch.setattr(jax, name, refuse)
    run = trained(CLASSES_NET, CLASSES, epochs=30, optimizer=ds.adam(1e-2))
    assert run.history["train_loss"][-1] < run.history["train_loss"][0]


# What goes wrong, as the notes say it does


@pytest.mark.product
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_zero_initialization_learns_only_the_mean(activation):
    net = ds.mlp([6, 6], outputs=2, activation=activation, initializer="zeros")
    run = trained(net, NUMBERS, optimizer=ds.sgd(0.2), batch_size=50, epochs=200)
    np.testing.assert_allclose(run.predict(NUMBERS.x), np.tile(NUMBERS.y.mean(axis=0), (50, 1)), atol=1e-8)
    assert all(not np.any(layer["weight"]) for layer in run.params if layer)


def test_constant_initialization_keeps_units_identical():
    net = ds.mlp([6, 4], outputs=2, activation="tanh", initializer=ds.initializers.constant(0.3))
    run = trained(net, NUMBERS, optimizer=ds.adam(1e-2), epochs=20)
    W, _ = ds.weights(net, run.params)
    np.testing.assert_allclose(W[0], np.tile(W[0][:, :1], (1, 6)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(W[1], np.full((6, 4), W[1][0, 0]), rtol=0, atol=1e-12)
    assert np.ptp(W[0], axis=0).max() > 0.01  # it did learn


def test_sequential_order_oscillates_on_correlated_data_and_shuffling_cures_it():
    x = np.random.default_rng(3).normal(size=(400, 1))
    y = np.where(np.arange(400)[:, None] < 200, 2 * x, -x)  # first y = 2x, then y = −x
    slopes = {}
    for order in ("sequential", "shuffle"):
        run = trained(
            ds.mlp([], outputs=1),
            ds.Dataset(x, y),
            optimizer=ds.sgd(0.05),
            batch_size=10,
            epochs=10,
            order=order,
            record=ds.Record(parameters_every=10),
        )
        slopes[order] = run.trajectory.params[0]["weight"][21:, 0, 0]  # after the first five epochs
    swing = {order: np.ptp(values) for order, values in slopes.items()}
    assert swing["sequential"] > 2
    assert swing["shuffle"] < 0.3 * swing["sequential"]
    assert abs(slopes["shuffle"].mean() - 0.5) < 0.25


# Compilation and chunks


TRACES = []
"""An entry for each time that the backward pass of `Traced` was compiled into a program."""


class Traced(ds.ReLU):
    """ReLU that counts how often its backward pass is traced: once for each compiled training step."""

    def backward(self, *arguments):
        TRACES.append(1)
        return super().backward(*arguments)


def traced(units, outputs, **hidden):
    TRACES.clear()
    return ds.Sequential([ds.Dense(units, **hidden), Traced(), ds.Dense(outputs)])


def test_three_learning_rates_compile_once():
    net = traced(11, 2)
    trained(net, optimizer=ds.adam(1e-3))
    assert TRACES
    TRACES.clear()
    for rate in (1e-2, 1e-1):
        trained(net, optimizer=ds.adam(rate, b1=0.8), seed=3)
    assert not TRACES


def test_equal_settings_of_losses_and_classes_compile_once():
    net = traced(13, 3)
    for weights in (None, {0: 2.0}, "balanced"):
        trained(net, CLASSES, loss=ds.losses.cross_entropy_with(label_smoothing=0.1), class_weight=weights)
    assert len(TRACES) == 1


def test_networks_that_only_start_otherwise_compile_once():
    nets = [traced(9, 2, initializer=name) for name in ("he_normal", "glorot_uniform", "auto")]
    runs = [trained(net) for net in nets]
    assert len(TRACES) == 1
    assert runs[1].net.layers[0].initializer == "glorot_uniform"


@pytest.mark.parametrize("order", ["shuffle", "replacement"])
def test_chunk_length_does_not_change_a_bit(order):
    runs = []
    for length in (1, 7, 32):
        settings = {"batch_size": 4, "epochs": 3, "optimizer": ds.adam(1e-2), "order": order}
        runs.append(train_in_chunks(NET, NUMBERS, chunk=length, **settings))
    for other in runs[1:]:
        assert_bitwise(runs[0].variables, other.variables)
        assert_bitwise(runs[0].history, other.history)


@pytest.mark.usefixtures("float32")
def test_watching_and_recording_do_not_change_a_bit(capsys, tmp_path):
    plain = trained()
    watched = trained(
        progress="lines", record=ds.Record(parameters_every=2), store=tmp_path / "run", validation=NUMBERS
    )
    assert plain.params[0]["weight"].dtype == np.float32
    assert_bitwise(plain.last, watched.last)
    assert "epoch 3/3" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    one, same, other = trained(seed=1, validation=0.2), trained(seed=1, validation=0.2), trained(seed=2, validation=0.2)
    assert_bitwise(one.variables, same.variables)
    assert_bitwise(one.history, same.history)
    assert not np.array_equal(one.params[0]["weight"], other.params[0]["weight"])


def test_training_leaves_data_and_start_untouched():
    start = NET.init(0, (3,))
    before = jax.tree.map(np.array, (start, NUMBERS.x, NUMBERS.y))
    trained(start=start)
    assert_bitwise(before, (start, NUMBERS.x, NUMBERS.y))


# Batches and weights


@pytest.mark.slow
def test_a_padded_batch_counts_its_rows_only():
    start = NET.init(0, (3,))
    whole = trained(start=start, batch_size=50, epochs=1, order="sequential", optimizer=ds.sgd(0.1))
    larger = trained(start=start, batch_size=500, epochs=1, order="sequential", optimizer=ds.sgd(0.1))
    assert_bitwise(whole.params, larger.params)
    by_hand = start
    for rows in (slice(0, 32), slice(32, 50)):
        g = ds.loss_and_gradients(NET, by_hand, NUMBERS.x[rows], NUMBERS.y[rows], "squared_error").params
        by_hand = ds.Variables(jax.tree.map(lambda p, g: p - 0.1 * g, by_hand.params, g), by_hand.state)
    padded = trained(start=start, batch_size=32, epochs=1, order="sequential", optimizer=ds.sgd(0.1))
    for a, b in zip(jax.tree.leaves(padded.params), jax.tree.leaves(by_hand.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_row_weights_count_as_repeated_rows():
    weights = np.where(np.arange(50) < 20, 3.0, 1.0)
    repeated = np.repeat(np.arange(50), weights.astype(int))
    start = NET.init(0, (3,))
    settings = {"start": start, "batch_size": 200, "optimizer": ds.sgd(0.1), "epochs": 5}
    weighted = trained(data=ds.Dataset(NUMBERS.x, NUMBERS.y, row_weights=weights), **settings)
    doubled = trained(data=ds.Dataset(NUMBERS.x[repeated], NUMBERS.y[repeated]), **settings)
    np.testing.assert_allclose(weighted.history["batch_loss"], doubled.history["batch_loss"], rtol=1e-12)
    assert weighted.evaluate(ds.Dataset(NUMBERS.x, NUMBERS.y, row_weights=weights))["loss"] == pytest.approx(
        doubled.evaluate(ds.Dataset(NUMBERS.x[repeated], NUMBERS.y[repeated]))["loss"], rel=1e-12
    )


# How it ends


def noisy(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    return ds.Dataset(rng.normal(size=(rows, 5)), rng.normal(size=rows))


def test_early_stopping_keeps_the_best_parameters():
    held_out = noisy(seed=1)
    run = trained(
        ds.mlp([32], outputs=1), noisy(), optimizer=ds.adam(1e-2), validation=held_out, early_stopping=4, epochs=200
    )
    losses = run.history["validation_loss"]
    assert run.stop_reason == "early_stopping"
    assert run.best_epoch == np.argmin(losses) + 1 == run.epochs - 4
    assert run.evaluate(held_out)["loss"] == pytest.approx(losses.min(), rel=1e-12)
    assert not np.array_equal(run.params[0]["weight"], run.last.params[0]["weight"])


def test_without_validation_the_last_parameters_are_used():
    run = trained()
    assert_bitwise(run.variables, run.last)
    assert (run.stop_reason, run.best_epoch, run.epochs) == ("completed", 3, 3)


@pytest.mark.parametrize("batch_size", [8, 50])
def test_divergence_is_a_result(batch_size):
    run = trained(ds.mlp([], outputs=2), optimizer=ds.sgd(50.0), epochs=2000, batch_size=batch_size)
    assert run.stop_reason == "diverged"
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(run.last))
    assert np.isfinite(run.divergence.loss)
    assert run.divergence.norm > 1e100
    assert run.divergence.step >= run.epochs * (50 // batch_size)
    assert "Try 5" in str(run.divergence)
    assert all(np.all(np.isfinite(values)) for values in run.history.values())


def test_divergence_names_unnormalized_inputs():
    data = ds.Dataset(1e4 * NUMBERS.x, NUMBERS.y)
    run = trained(ds.mlp([], outputs=2), data, optimizer=ds.sgd(0.1), epochs=500)
    assert run.stop_reason == "diverged"
    assert "not normalized" in run.divergence.cause
    assert "normalize='standard'" in run.divergence.remedy


@pytest.mark.usefixtures("float32")
def test_a_loss_that_is_infinite_from_the_start_is_said_so():
    data = ds.Dataset(np.full((4, 1), 1e30), np.arange(4.0) + 0.5)
    run = trained(ds.mlp([], outputs=1), data)
    assert (run.stop_reason, run.epochs, run.divergence.step) == ("diverged", 0, 0)
    assert "before the first step" in run.divergence.cause


def test_control_c_keeps_what_was_learned(tmp_path):
    run = trained(NET, epochs=100, store=tmp_path / "run", progress=Failing(at_epoch=3))
    assert (run.stop_reason, run.epochs) == ("interrupted", 3)
    assert_bitwise(run.last, trained(NET, epochs=3).last)
    assert ds.open_run(tmp_path / "run").stop_reason == "interrupted"


def test_reduce_on_plateau_watches_the_validation_loss():
    rate = ds.schedules.reduce_on_plateau(0.05, 0.5, 2)
    run = trained(ds.mlp([32], outputs=1), noisy(), optimizer=ds.adam(rate), validation=noisy(seed=1), epochs=40)
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    twin = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.05)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(twin, factor=0.5, patience=2)
    rates = []
    for loss in run.history["validation_loss"]:
        rates.append(twin.param_groups[0]["lr"])
        scheduler.step(loss)
    np.testing.assert_allclose(run.history["learning_rate"], rates, rtol=1e-12)
    assert rates[-1] < 0.05


# What users ask of a run


def test_targets_are_normalized_and_predictions_are_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = 1000 + 50 * x[:, 0]
    run = trained(
        ds.mlp([], outputs=1),
        ds.Dataset(x, y),
        normalize="standard",
        normalize_targets="standard",
        optimizer=ds.sgd(0.3),
        batch_size=200,
        epochs=100,
    )
    assert run.predict(x).shape == (200,)
    np.testing.assert_allclose(run.predict(x), y, rtol=1e-6)
    scores = run.evaluate(ds.Dataset(x, y))
    assert scores["r2"] == pytest.approx(1)
    assert scores["rmse"] < 1e-3


@pytest.mark.product
@pytest.mark.parametrize(
    "loss, outputs", [("binary_cross_entropy", 1), ("cross_entropy", 2), ("hinge", 1), ("perceptron", 1), ("hinge", 2)]
)
def test_two_classes_with_every_loss_for_them(loss, outputs):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2))
    y = np.where(x @ [2.0, -1.0] > 0.3, "yes", "no")
    data = ds.Dataset(x, y)
    run = trained(ds.mlp([], outputs=outputs), data, loss=loss, optimizer=ds.sgd(0.3), epochs=60)
    assert run.evaluate(data)["accuracy"] > 0.95
    assert set(run.predict(x)) == {"yes", "no"}
    if "entropy" in loss:
        shares = run.predict_proba(x)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert np.mean(run.preprocessing.classes[shares.argmax(axis=1)] == run.predict(x)) == 1
    else:
        with pytest.raises(ds.SettingError, match="probabilities"):
            run.predict_proba(x)


@pytest.mark.usefixtures("float32")
def test_a_layer_of_a_users_own_follows_the_precision_of_the_session(tmp_path):
    net = ds.Sequential([cases.NoisyCounter(), ds.Dense(2)])  # it starts from float64
    run = trained(net, store=tmp_path / "run")
    assert net.init(0, (3,)).params[0]["scale"].dtype == np.float32
    assert_bitwise(ds.open_run(tmp_path / "run", net=net).variables, run.variables)


def test_metrics_enter_the_history():
    run = trained(CLASSES_NET, CLASSES, metrics=["accuracy"], validation=0.2)
    assert len(run.history["validation_accuracy"]) == len(run.history["train_accuracy"]) == 3


REFUSED = {
    "batch size": ({"batch_size": 0}, "batch_size"),
    "negative batch size": ({"batch_size": -3}, "batch_size"),
    "epochs": ({"epochs": 0}, "epochs"),
    "share": ({"validation": 1.5}, "validation"),
    "order": ({"order": "shufle"}, "'shuffle'"),
    "loss": ({"loss": "crossentropy"}, "cross_entropy"),
    "loss for classes": ({"loss": "cross_entropy"}, "numbers"),
    "optimizer": ({"optimizer": "adma"}, "'adam'"),
    "normalize": ({"normalize": "standrad"}, "'standard'"),
    "early stopping": ({"early_stopping": 3}, "validation"),
    "metric": ({"metrics": ["accuracy"]}, "rmse"),
    "metrics": ({"metrics": "rmse"}, "list"),
    "progress": ({"progress": "loud"}, "progress"),
    "seed": ({"seed": -1}, "seed"),
    "start": ({"start": NET.init(0, (4,))}, "start"),
}


@pytest.mark.parametrize("settings, words", REFUSED.values(), ids=REFUSED)
def test_a_setting_that_cannot_be_is_refused_in_a_sentence(settings, words):
    with pytest.raises(ds.DownslopeError) as refusal:
        trained(**settings)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("start", [{"weight": 1.0}, NET.init(0, (3,)).params, NET], ids=["dict", "params", "network"])
def test_a_start_that_is_no_variables_is_refused(start):
    message = (
        rf"`start` must be ds\.Variables, got {type(start).__name__}\. .*: start=run\.variables, or .*\(params, state\)"
    )
    with refused(ds.SettingError, match=message):
        trained(start=start)


def test_things_in_the_wrong_place_are_refused():
    with pytest.raises(ds.SettingError, match=r"ds\.Dataset"):
        check_kinds(NET, NUMBERS.x)
    with pytest.raises(ds.SettingError, match="network"):
        check_kinds([ds.Dense(3)], NUMBERS)
    with pytest.raises(ds.SettingError, match="outputs"):
        trained(net=ds.mlp([3], outputs=1))
    with pytest.raises(ds.DataError, match="Dense\\(3\\)"):
        trained(net=ds.mlp([3], outputs=2), data=CLASSES)
