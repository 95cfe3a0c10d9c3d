"""Facts live once: what the tables hold, every face offers, with nothing added by hand here."""

import json

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import downslope as ds
from downslope import losses
from downslope.cli.options import names
from downslope.cli.parse import initializer_of, optimizer_of, schedule_of
from downslope.data import NORMALIZATIONS, available
from downslope.estimators import NetworkRegressor
from downslope.explorer import ClassicSubject, Exhibit
from downslope.explorer.protocol import DescentSettings, NetworkSubject, parse_request, to_json
from downslope.explorer.session.welcome import welcome
from downslope.explorer.subjects import make_optimizer, optimizer_code, settings_of
from downslope.landscape import surfaces
from downslope.layers import activation_labels, activation_names, initializers
from downslope.networks import norm_names
from downslope.optimizers import OPTIMIZERS, as_optimizer
from downslope.schedules import SCHEDULES

STEPWISE = {name: facts for name, facts in SCHEDULES.items() if not facts.observes}
SETS = {info.name: info for info in available()}

every_optimizer = pytest.mark.parametrize("facts", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
every_schedule = pytest.mark.parametrize("facts", STEPWISE.values(), ids=STEPWISE.keys())


@pytest.fixture(scope="module")
def told():
    """Return what the page is told first."""
    return json.loads(to_json(welcome(Exhibit(opens=ClassicSubject(name="ravine")))))


def start(**settings):
    """Return the settings of a descent as they come from the wire."""
    request = {"type": "start", "id": 0, "a": 0, "b": 0, "settings": settings}
    return parse_request(json.dumps(request)).settings


def by_name(parts):
    return {part["name"]: part for part in parts}


def test_help_lists_what_the_tables_hold():
    assert {name: facts.learning_rate for name, facts in OPTIMIZERS.items()} == names.OPTIMIZERS
    usual = {name: as_optimizer(name).settings for name in OPTIMIZERS}
    assert {name for name in OPTIMIZERS if "momentum" in usual[name]} == set(names.WITH_MOMENTUM)
    decays = {name: facts for name, facts in OPTIMIZERS.items() if facts.decays_weights}
    assert {name for name, facts in decays.items() if not facts.decouples_decay} == set(names.WITH_L2)
    assert {name: usual[name]["weight_decay"] for name in decays if usual[name]["weight_decay"]} == names.DECAYING
    assert tuple(facts.notation for facts in SCHEDULES.values()) == names.SCHEDULES
    assert {*names.LOSSES_FOR_CLASSES, *names.LOSSES_FOR_NUMBERS} == set(losses.loss_names())
    assert tuple(surfaces.NAMES) == names.CLASSICS


def test_help_lists_what_the_tables_of_networks_and_data_hold():
    assert activation_names() == names.ACTIVATIONS
    assert norm_names() == names.NORMS
    assert names.NORMALIZATIONS == NORMALIZATIONS
    flat = {name: info.shape for name, info in SETS.items() if info.shape is not None and "path" not in info.arguments}
    assert {name: "x".join(map(str, shape)) for name, shape in flat.items()} == names.SHAPES
    scaled = {f"{name}_{shape}" for name in names.SCALED_INITIALIZERS for shape in ("normal", "uniform")}
    assert {*names.INITIALIZERS, *scaled} == set(initializers.names(aliases=False))
    assert names.WITH_NUMBER.keys() == initializers.WITH_NUMBER.keys()


@every_optimizer
def test_an_optimizer_is_offered_by_command_line_explorer_page_and_estimators(facts, told):
    assert optimizer_of(facts.name, None, None, "constant", 10).base == as_optimizer(facts.name)
    made = make_optimizer(start(optimizer=facts.name, learning_rate=0.25))
    assert (made.maker, made.hyperparams["learning_rate"]) == (facts.maker, 0.25)
    assert eval(optimizer_code(start(optimizer=facts.name, learning_rate=0.25)), {"ds": ds}) == made  # noqa: S307
    offered = by_name(told["optimizers"])[facts.name]
    ranges = {one["name"]: one for one in told["ranges"]}
    assert {*offered["numbers"], *offered["choices"]} == {*settings_of(facts), "weight_decay"}
    assert set(offered["numbers"]) <= ranges.keys() & told["descent"].keys()
    assert set(offered["choices"]) <= told["descent"].keys()
    assert [line["text"] for line in offered["formula"]] == [line.text for line in facts.formula]
    assert {name for line in offered["formula"] for name in line["numbers"]} <= told["letters"].keys()
    assert told["labels"][facts.name] == facts.label
    rows = np.random.default_rng(0).normal(size=(8, 2))
    with pytest.warns(ConvergenceWarning):
        assert NetworkRegressor([], solver=facts.name, max_iter=1).fit(rows, rows[:, 0]).n_iter_ == 1


@every_optimizer
def test_every_number_that_controls_offer_passes_the_wire_and_reaches_the_optimizer(facts):
    for number in facts.hyperparams:
        if number.facts.range is not None:
            value = (number.facts.range.low + number.facts.range.high) / 2
            made = make_optimizer(start(optimizer=facts.name, **{number.name: value}))
            assert made.hyperparams[number.name] == value
            assert parse_request(json.dumps({"type": "set", number.name: value})).model_dump()[number.name] == value


@every_schedule
def test_a_schedule_is_offered_by_command_line_explorer_and_page(facts, told):
    numbers = by_name(told["schedules"])[facts.name]["numbers"]
    assert [one["name"] for one in numbers] == [number.name for number in facts.numbers]
    usual = {one["name"]: int(one["default"]) if one["whole"] else one["default"] for one in numbers}
    settings = start(schedule={"kind": facts.name, **usual})
    assert settings == start(schedule={"kind": facts.name})
    rate = make_optimizer(settings).hyperparams["learning_rate"]
    assert type(rate) is type(facts.maker(**facts.shares(0.1), **usual)) if facts.numbers else rate == 0.1
    written = ":".join([facts.short, *(str(usual.get(name, 0.01)) for name in facts.needed)])
    assert type(schedule_of(written, 0.1, 100)) is type(facts.maker(**facts.shares(0.1), **usual))


def test_what_a_network_is_made_of_is_offered_by_explorer_and_page(told):
    assert tuple(told["activations"]) == activation_names()
    assert activation_labels().items() <= told["labels"].items()
    assert tuple(told["norms"]) == norm_names()
    assert tuple(told["normalizations"]) == tuple(NORMALIZATIONS)
    assert told["initializers"] == ["auto", *initializers.names(aliases=False)]
    assert all(initializer_of(name) == name for name in told["initializers"])
    choices = {
        "activation": activation_names(),
        "initializer": told["initializers"],
        "norm": norm_names(),
        "normalize": NORMALIZATIONS,
    }
    for name, values in choices.items():
        for value in values:
            assert getattr(NetworkSubject(data="iris", **{name: value}), name) == value


def test_surfaces_and_sets_of_classes_without_files_are_offered_by_explorer_and_page(told):
    assert tuple(told["classics"]) == tuple(surfaces.NAMES)
    classes = {name for name, info in SETS.items() if info.task == "classification" and "path" not in info.arguments}
    assert set(by_name(told["data_sets"])) == classes
    assert all(NetworkSubject(data=name).data == name for name in classes)
    assert told["descent"] == json.loads(DescentSettings().model_dump_json())
