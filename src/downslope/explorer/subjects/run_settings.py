"""The settings of a run's own training, as far as the page has them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from downslope.explorer.protocol import DescentSettings
from downslope.explorer.subjects.optimizer import settings_of
from downslope.explorer.subjects.subject import recipe_of
from downslope.optimizers import OPTIMIZERS, Optimizer, clip, l2
from downslope.training import Run

PLAIN = DescentSettings(optimizer="adam", learning_rate=1e-3, batch_size=32)


def run_settings(run: Run) -> DescentSettings:
    """Return the settings that a descent of a run begins with: the run's own where the page knows its optimizer.

    Of a schedule only the rate that it starts from is taken over; of clipping, and of biases that
    are spared from weight decay, nothing.
    """
    known = recipe_of(run).settings
    optimizer: Any = known.optimizer
    decay = optimizer.hyperparams.get("weight_decay", 0.0)
    while optimizer.maker in (l2, clip):
        optimizer = optimizer.settings["optimizer"]
    name, batch = optimizer.maker.__name__, known.batch_size
    if name not in OPTIMIZERS:
        return PLAIN
    chosen = {
        "optimizer": name,
        "learning_rate": _first_rate(optimizer),
        "weight_decay": decay,
        "batch_size": batch if isinstance(batch, int) else PLAIN.batch_size,
        "seed": known.seed,
    }
    numbers = {key: optimizer.settings[key] for key in settings_of(OPTIMIZERS[name])}
    try:
        return DescentSettings.model_validate(numbers | chosen)
    except ValidationError:  # a number that the page has no room for, or a schedule of another number than the rate
        return PLAIN


def _first_rate(optimizer: Optimizer) -> float:
    """Return the rate, or the one that its schedule has at the first step that moves."""
    rate: Any = optimizer.hyperparams.get("learning_rate")
    if not callable(rate):
        return float(rate)
    values: list[Any] = [rate(step) for step in range(100)]
    return next((float(value) for value in values if value > 0), PLAIN.learning_rate)
