"""No two sentences of a diagnosis contradict each other: a law over many runs, broken and healthy ones."""

import itertools

import numpy as np
import pytest

import downslope as ds
from contradictions import contradictions
from downslope.cli.app import command
from downslope.cli.output import in_command_words
from downslope.cli.output.face import CommandFace, using_face
from downslope.core import FunctionSurface, generator
from downslope.diagnosis.kinds import facts_of
from downslope.optimizers import OPTIMIZERS

QUIET = {"progress": False}


def little_to_learn():
    draws = generator(3, "little")
    x = draws.standard_normal((150, 4))
    return ds.Dataset(x, 0.2 * x[:, 0] + draws.standard_normal(150))


DATA = {
    "iris": (lambda: ds.load("iris"), 3, {"normalize": "standard"}),
    "raw wine": (lambda: ds.load("wine"), 3, {}),
    "quadrants": (lambda: ds.load("quadrants").take(np.arange(200)), 2, {}),
    "raw line": (lambda: ds.load("old_faithful"), 1, {}),
    "little to learn": (little_to_learn, 1, {"normalize": "standard"}),
}
NETS = {
    "relu": {"units": [16]},
    "narrow": {"units": [2], "activation": "tanh"},
    "deep": {"units": [8] * 5, "activation": "sigmoid"},
    "zeros": {"units": [8], "initializer": "zeros"},
    "constant": {"units": [8], "initializer": ds.initializers.constant(0.2)},
}
RATES = (1e-5, 1e-2, 1.0, 30.0)
BATCHES = (1, 32, 150)


def cases():
    """Return 60 trainings: optimizers, data sets and networks in turn, at rates from far too small to far too large."""
    turns = (itertools.cycle(list(options)) for options in (OPTIMIZERS, DATA, NETS, RATES, BATCHES))
    names, data, nets, rates, batches = turns
    chosen = []
    for number in range(60):
        if number % 20 == 0:
            next(data)  # so that the same do not meet again
        if number % 12 == 0:
            next(rates)
        chosen.append((next(names), next(data), next(nets), next(rates), next(batches)))
    return chosen


def report_of(optimizer, data, net, rate, batch):
    make, outputs, settings = DATA[data]
    shape = dict(NETS[net])
    network = ds.mlp(shape.pop("units"), outputs=outputs, **shape)
    rows = make()
    rule = OPTIMIZERS[optimizer].maker(rate)
    held_out = {"validation": 0.2} if data in ("iris", "little to learn") else {}
    run = ds.train(
        network, rows, optimizer=rule, batch_size=min(batch, len(rows)), epochs=12, **settings, **held_out, **QUIET
    )
    return ds.diagnose(run, **QUIET)


def check(report):
    text = str(report)
    with using_face(CommandFace(command().commands, "diagnose")):
        printed = in_command_words(report.message)
    for said in (text, printed):
        assert not contradictions(said), said
        assert "{" not in said, said
    for finding in report.findings:
        assert report.verdict.name not in facts_of(finding).refuted_by, text


@pytest.mark.long
@pytest.mark.parametrize("case", cases(), ids=lambda case: ", ".join(map(str, case)))
def test_no_two_sentences_of_a_report_contradict_each_other(case):
    check(report_of(*case))


SURFACES = {
    "bowl": lambda p: p[0] ** 2 + 9 * p[1] ** 2,
    "saddle": lambda p: p[0] ** 2 - p[1] ** 2 + p[1] ** 4,
    "flat": lambda p: 0 * p[0],
    "ravine": lambda p: p[0] ** 2 + 1e4 * p[1] ** 2,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 0.1)])
def test_nor_do_those_on_a_bare_surface(name, at):
    text = str(ds.diagnose(FunctionSurface(SURFACES[name], np.zeros(2)), params=np.array(at), **QUIET))
    assert not contradictions(text), text


def test_contradictions_are_found():
    assert contradictions("Use a larger rate. The learning rate is too large.") == [("rate up", "rate down")]
    assert contradictions("This is healthy. At this rate it takes for ever.") == [("healthy", "diverges")]
    assert contradictions("Are we stuck? No: fine. What helps: rest.") == []
