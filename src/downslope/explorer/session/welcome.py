"""The answer to `hello`: all that can be chosen."""

from __future__ import annotations

from downslope.data import available
from downslope.explorer.lessons import LESSONS
from downslope.explorer.protocol import (
    CLASSICS,
    CREDIT,
    DATA_SETS,
    DataInfo,
    DescentSettings,
    OptimizerInfo,
    Range,
    Welcome,
)
from downslope.explorer.subjects import NUMBERS, Exhibit
from downslope.layers import activation_names, initializers
from downslope.optimizers import OPTIMIZERS

RANGES = (
    Range(name="learning_rate", low=1e-6, high=10, default=0.1, log=True),
    Range(name="momentum", low=0, high=0.99, default=0),
    Range(name="b1", low=0, high=0.99, default=0.9),
    Range(name="b2", low=0, high=0.9999, default=0.999),
    Range(name="decay", low=0, high=0.999, default=0.9),
    Range(name="weight_decay", low=0, high=1, default=0),
    Range(name="batch_size", low=1, high=2048, default=32, log=True, whole=True),
    Range(name="steps", low=1, high=100_000, default=2000, log=True, whole=True),
    Range(name="speed", low=0.5, high=10_000, default=30, log=True),
    Range(name="noise", low=0, high=2, default=0),
    Range(name="dropout", low=0, high=0.9, default=0),
    Range(name="depth", low=0, high=8, default=1, whole=True),
    Range(name="width", low=1, high=256, default=16, log=True, whole=True),
    Range(name="epochs", low=1, high=200, default=20, log=True, whole=True),
)
"""What controls offer; the wire takes more."""


def welcome(exhibit: Exhibit) -> Welcome:
    """Return the answer to `hello`."""
    known = {info.name: info for info in available()}
    schedules = DescentSettings.model_fields["schedule"].annotation
    kinds = (choice.model_fields["kind"].default for choice in schedules.__args__)  # pyright: ignore
    return Welcome(
        title=exhibit.name or "Downslope",
        opens=exhibit.opens,
        has_run=exhibit.run is not None,
        classics=CLASSICS,
        data_sets=tuple(
            DataInfo(name=name, rows=known[name].rows, features=known[name].features, about=known[name].about)
            for name in DATA_SETS
        ),
        activations=activation_names(),
        initializers=("auto", *(name for name in initializers.names() if not name.startswith("xavier_"))),
        optimizers=tuple(
            OptimizerInfo(
                name=name,
                numbers=numbers,
                learning_rate=OPTIMIZERS[name].learning_rate,
                formula=OPTIMIZERS[name].formula,
            )
            for name, numbers in NUMBERS.items()
        ),
        schedules=tuple(kinds),
        directions=("filter", "pca", "eigen", "axes"),
        sizes=(9, 17, 25, 33, 41, 51, 65, 81, 101, 129),
        ranges=RANGES,
        scenes=LESSONS,
        credit=CREDIT,
    )
