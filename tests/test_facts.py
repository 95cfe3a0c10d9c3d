"""Facts live once: what the tables hold, every face offers, with nothing added by hand here."""

from downslope import losses
from downslope.cli.options import names
from downslope.layers import activation_names, initializers
from downslope.networks import norm_names
from downslope.optimizers import OPTIMIZERS, as_optimizer
from downslope.schedules import SCHEDULES


def takes(facts, name):
    return name in {number.name for number in facts.hyperparams}


def test_help_lists_what_the_tables_hold():
    assert {name: facts.learning_rate for name, facts in OPTIMIZERS.items()} == names.OPTIMIZERS
    assert set(names.WITH_MOMENTUM) == {name for name, facts in OPTIMIZERS.items() if takes(facts, "momentum")}
    decays = {name: facts for name, facts in OPTIMIZERS.items() if facts.decays_weights}
    assert set(names.WITH_L2) == {name for name, facts in decays.items() if not facts.decouples_decay}
    usual = {name: as_optimizer(name).settings["weight_decay"] for name in decays}
    assert {name: decay for name, decay in usual.items() if decay} == names.DECAYING
    assert activation_names() == names.ACTIVATIONS
    assert tuple(facts.notation for facts in SCHEDULES.values()) == names.SCHEDULES
    assert norm_names() == names.NORMS
    scaled = {f"{name}_{shape}" for name in names.SCALED_INITIALIZERS for shape in ("normal", "uniform")}
    assert {*names.INITIALIZERS, *scaled} == set(initializers.names(aliases=False))
    assert names.WITH_NUMBER.keys() == initializers.WITH_NUMBER.keys()
    assert {*names.LOSSES_FOR_CLASSES, *names.LOSSES_FOR_NUMBERS} == set(losses.loss_names())
