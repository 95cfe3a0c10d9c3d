"""Remedies: changed networks and optimizers, and short trainings that measure what a change gains."""

from downslope.diagnosis.remedies.compare import compare_remedies
from downslope.diagnosis.remedies.learned import HALF, SURE, Learned
from downslope.diagnosis.remedies.pasted import advice_on_optimizer
from downslope.diagnosis.remedies.table import Remedy, RemedyTable
from downslope.diagnosis.remedies.trials import Trials
from downslope.diagnosis.remedies.variants import (
    advice_on_widths,
    even,
    hidden_widths,
    narrower,
    shallower,
    wider,
    with_activations,
    with_dropout,
    with_norms,
)
from downslope.diagnosis.remedies.verify import SEEDS, Trial, as_verified, verify_fixes

__all__ = [
    "HALF",
    "SEEDS",
    "SURE",
    "Learned",
    "Remedy",
    "RemedyTable",
    "Trial",
    "Trials",
    "advice_on_optimizer",
    "advice_on_widths",
    "as_verified",
    "compare_remedies",
    "even",
    "hidden_widths",
    "narrower",
    "shallower",
    "verify_fixes",
    "wider",
    "with_activations",
    "with_dropout",
    "with_norms",
]
