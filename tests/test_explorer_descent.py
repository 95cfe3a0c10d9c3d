"""A ball is the real training: every parameter of it, its true loss, and the Python that "copy as Python" gives."""

import ast
import contextlib
import dataclasses
import io
import re

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.explorer import CLASSICS, Exhibit, RunSubject
from downslope.explorer.protocol import DescentSettings
from downslope.explorer.subjects import descent_recipe
from downslope.training.engine.batches import epoch_chunks
from explorer_page import DirectPage

MOONS = {"kind": "network", "data": "moons", "hidden": [4], "epochs": 2}
RULES = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9, "batch_size": 50, "seed": 3},
    "adam": {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 32},
}


@pytest.fixture(scope="module")
def page():
    """Return a page on a small network, opened once."""
    with DirectPage() as one:
        one.told = one.open(MOONS)
        yield one


def executed(code, **names):
    """Return what a program leaves in `losses`, in a session that has some names."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "copied", "exec"), names)  # noqa: S102  (that is what the code is for)
    return names["losses"]


def copied(page):
    """Return the code on screen."""
    page.say("code")
    return page.until("code")["text"]


def check_public(code):
    """Check that a program imports this library as `ds`, and uses what its rooms list."""
    imported, chains = set(), []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and re.fullmatch(r"ds(\.\w+)+", ast.unparse(node)):
            chains.append(ast.unparse(node).split(".")[1:])
    assert imported <= {"dataclasses", "numpy", "downslope"}
    for chain in chains:
        owner = ds
        for name in chain:
            assert name in owner.__all__, chain
            owner = getattr(owner, name)


@pytest.mark.product
@pytest.mark.parametrize("name", CLASSICS)
def test_copied_code_of_every_classic_surface_uses_public_names(name):
    with DirectPage() as page:
        told = page.open({"kind": "classic", "name": name})["suggested"]
        page.say("start", id=0, a=told["a"], b=told["b"], settings=told["settings"] | {"learning_rate": 1e-3})
        page.walk(1)
        page.say("set", id=0, momentum=0.5)
        page.walk(1)
        code = copied(page)
        check_public(code)
        assert executed(code) == pytest.approx([page.last()["loss"]], rel=1e-12)


@pytest.mark.product
@pytest.mark.parametrize("name", RULES)
def test_the_ball_is_the_training_of_train_bit_by_bit(page, name):
    settings = RULES[name] | {"steps": 10_000}
    page.say("start", id=0, a=0.3, b=-0.2, settings=settings)
    page.walk(2)
    page.walk(11)
    exploration = page.session.exploration
    descent, rows = exploration.descents[0], exploration.subject.rows
    epoch = descent.stepper.epoch_steps
    page.walk(2 * epoch - 13)
    start = ds.Variables(exploration.projector.params_at(0.3, -0.2), exploration.subject.variables.state)
    recipe = descent_recipe(exploration.subject.run.recipe, DescentSettings(**settings))
    plain = getattr(ds, settings.get("optimizer", "sgd"))
    rule = plain(settings["learning_rate"], **({"momentum": 0.9} if name == "sgd" else {}))
    words = recipe.settings | {"optimizer": rule, "epochs": 2, "start": start}
    run = ds.train(recipe.net, recipe.data, **words, progress=False)
    assert rows == len(recipe.data)
    assert descent.stepper.step == 2 * epoch
    for ours, theirs in zip(jax.tree.leaves(descent.stepper.params), jax.tree.leaves(run.last.params), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert page.last()["loss"] == pytest.approx(run.history["train_loss"][-1], rel=1e-6)
    assert page.last()["loss"] == pytest.approx(run.surface().value(run.params), rel=1e-6)


@pytest.mark.slow
def test_rivals_learn_from_the_same_batches(page):
    for number, rule in enumerate(("sgd", "sgd", "adam")):
        page.say("start", id=number, a=0.3, b=0.2, settings={"optimizer": rule, "learning_rate": 0.01, "seed": 5})
    page.walk(20, numbers=(0, 1, 2))
    first, second, other = (page.session.exploration.descents[number].stepper for number in range(3))
    np.testing.assert_array_equal(first.params[0]["weight"], second.params[0]["weight"])
    ours, theirs = (epoch_chunks(stepper.problem, 0)[0].indices for stepper in (first, other))
    np.testing.assert_array_equal(ours, theirs)
    assert page.last(0)["loss"] != page.last(2)["loss"]
    page.say("remove", id=1)
    page.say("remove", id=2)


def test_a_path_is_honest_about_being_a_projection(page):
    page.say("start", id=0, a=0.5, b=0.5, settings={"learning_rate": 0.3, "batch_size": 32})
    page.walk(15)
    path, exploration = page.path(), page.session.exploration
    surface, point = exploration.cut.surface, exploration.descents[0].points[-1]
    seen = ds.project(jax.tree.map(lambda leaf: np.asarray(leaf)[None], point.params), exploration.cut)
    np.testing.assert_allclose(path[-1][1:3], seen.coordinates[0], rtol=1e-5)
    np.testing.assert_allclose(path[-1][3:6], [seen.losses[0], seen.heights[0], seen.distances[0]], rtol=1e-5)
    assert path[0][5] == pytest.approx(0, abs=1e-9)
    assert path[-1][5] > 0.01
    slope = surface.gradient(point.params)
    norm = np.sqrt(sum(float(np.sum(np.asarray(leaf) ** 2)) for leaf in jax.tree.leaves(slope)))
    assert page.last()["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    every = jax.tree.map(lambda *leaves: np.stack(leaves), *(one.params for one in exploration.descents[0].points))
    page.say("pause")
    page.until("status")
    assert page.descent()["explained"] == pytest.approx(ds.project(every, exploration.cut).explained, rel=1e-6)


NOISY = {
    "kind": "network", "data": "moons", "noise": 0.3, "hidden": [3, 3], "norm": "batch", "dropout": 0.2, "skip": True,
    "epochs": 1, "seed": 4,
}  # fmt: skip
COPIED = {
    "a classic surface": ({"kind": "classic", "name": "rosenbrock"}, {"learning_rate": 1e-3, "momentum": 0.5}),
    "the line": ({"kind": "line"}, {"learning_rate": 1e-4, "batch_size": 32}),
    "a schedule": (
        {"kind": "classic", "name": "bowl"},
        {"learning_rate": 0.1, "schedule": {"kind": "cosine_decay", "steps": 9}},
    ),
    "the line of mean squares": ({"kind": "line", "loss": "mean_squared_error"}, {"learning_rate": 0.02}),
    "a network on noisy data": (NOISY, {"learning_rate": 0.05, "batch_size": 32}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COPIED)
def test_copied_code_prints_the_losses_on_screen(name):
    subject, settings = COPIED[name]
    with DirectPage() as page:
        page.open(subject)
        _wander(page, settings)
        code = copied(page)
        check_public(code)
        rel = 1e-6 if subject["kind"] == "network" else 1e-12
        assert executed(code) == pytest.approx([page.last(number)["loss"] for number in range(2)], rel=rel)


def test_copied_code_of_a_network_prints_the_losses_on_screen(page):
    _wander(page, {"learning_rate": 0.1, "batch_size": 32, "seed": 2})
    code = copied(page)
    check_public(code)
    assert executed(code) == pytest.approx([page.last(number)["loss"] for number in range(2)], rel=1e-6)


def _wander(page, settings):
    """Stepper with two balls, whose numbers are changed on the way."""
    page.say("start", id=0, a=0.2, b=-0.1, settings=settings)
    page.say("start", id=1, a=0.2, b=-0.1, settings={"optimizer": "adam", "learning_rate": 0.01})
    page.walk(4, numbers=(0, 1))
    page.say("set", id=0, learning_rate=settings["learning_rate"] / 2, momentum=0.3, weight_decay=0.01)
    page.walk(5, numbers=(0, 1))
    page.say("set", weight_decay=0.02)
    page.walk(3, numbers=(0, 1))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return the folder of a run with batch norm and dropout, its path recorded."""
    where = tmp_path_factory.mktemp("runs") / "normed"
    net = ds.mlp([4], outputs=3, norm="batch", dropout=0.2)
    settings = {"optimizer": ds.adam(ds.schedules.cosine_decay(0.02, 40)), "batch_size": 40, "normalize": "standard"}
    ds.train(net, ds.load("iris"), epochs=3, record=ds.Record(parameters_every=1), store=where, progress=False,
             validation=0.2, **settings)  # fmt: skip
    return where


def test_copied_code_of_a_run_opens_its_folder_if_it_has_one(tmp_path):
    run = ds.train(ds.mlp([2], outputs=3), ds.load("iris"), epochs=1, store=tmp_path / "run", progress=False)
    with DirectPage(Exhibit(RunSubject(), run=run)) as page:
        page.open({"kind": "run"})
        assert f"run = ds.open_run({str(tmp_path / 'run')!r}).with_data()" in copied(page).splitlines()
    with DirectPage(Exhibit(RunSubject(), run=dataclasses.replace(run, path=None))) as page:
        assert page.open({"kind": "run"})["title"] == "Run without a folder: 19 parameters"
        page.say("start", id=0, a=0.1, b=0.1, settings={"learning_rate": 0.1, "batch_size": 40})
        page.walk(2)
        code = copied(page)
        check_public(code)
        assert "open_run" not in code
        assert executed(code, run=run) == pytest.approx([page.last()["loss"]], rel=1e-6)


@pytest.mark.slow
def test_a_run_from_its_folder_with_its_path_batch_norm_and_dropout(stored):
    run = ds.open_run(stored).with_data()
    with DirectPage(Exhibit(RunSubject(), run=run, name=str(stored))) as page:
        told = page.open({"kind": "run"})
        assert told["can_redirect"] == ["filter", "pca", "eigen"]
        assert told["suggested"]["settings"]["optimizer"] == "adam"
        assert told["suggested"]["settings"]["learning_rate"] == 0.02
        middle = page.frames[-1].values[0][4, 4]
        assert middle == pytest.approx(run.surface().value(run.params), rel=1e-6)
        page.say("slice", run=2, plane={"directions": "pca", "size": 9})
        assert page.until("surface")["surface"]["explained"]
        page.until("done")
        page.say("start", id=0, a=0.1, b=0.1, settings={"learning_rate": 0.1, "batch_size": 40})
        page.walk(6)
        code = copied(page)
        check_public(code)
        assert executed(code) == pytest.approx([page.last()["loss"]], rel=1e-6)
        page.say("slice", run=3, plane={"through": 0, "size": 9})
        page.until("done", where=lambda one: one["run"] == 3)
        page.settle()
        row = page.path()[-1]
        np.testing.assert_allclose(row[1:3], 0, atol=1e-6)
        assert row[3] == pytest.approx(row[4], rel=1e-6)
        walk = page.session.exploration.descents[0].stepper
        assert np.any(walk.variables.state[1]["mean"] != run.variables.state[1]["mean"])
        true = dataclasses.replace(run, variables=walk.variables).surface().value(walk.params)
        assert page.last()["loss"] == pytest.approx(true, rel=1e-6)
        page.say("slice", run=5, plane={"directions": "pca", "through": 0, "size": 9})
        told = page.until("descent", where=lambda one: one["run"] == 5)
        page.until("done", where=lambda one: one["run"] == 5)
        assert told["explained"] > 0.7  # along its own path, in contrast to that of the training
        page.say("slice", run=4, plane={"mode": "training", "size": 9})
        assert "training mode with dropout" in page.until("surface")["description"]
        page.until("done", where=lambda one: one["run"] == 4)
        rough = page.frames[-1].values[0]
        assert np.isfinite(rough).all()
