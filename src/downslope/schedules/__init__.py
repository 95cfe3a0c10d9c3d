"""Numbers that change with the step.

Descent with noisy gradients reaches a minimum if it can go any distance, `Σ ηₜ = ∞`, and its steps die out, `ηₜ → 0`;
the classical proof asks for `Σ ηₜ² < ∞`. Which schedule has which, where it decays at all:

    schedule                          Σ ηₜ = ∞    ηₜ → 0    Σ ηₜ² < ∞
    constant                          yes         no        no
    step_decay, exponential_decay     no          yes       yes
    inverse_time_decay                power ≤ 1   yes       power > 1/2
    cosine_decay to 0                 no          yes       yes
    cyclic, triangular                yes         no        no
    cyclic, the others, low = 0       no          yes       yes
    one_cycle, or with an end > 0     yes         no        no
    piecewise_constant                yes         no        no
    warmup, sequence                  as what follows

`reduce_on_plateau` depends on the losses it sees.
"""

from downslope.schedules._constant import constant
from downslope.schedules._convert import as_schedule, with_array_leaves
from downslope.schedules._cosine_decay import cosine_decay
from downslope.schedules._cyclic import cyclic
from downslope.schedules._exponential_decay import exponential_decay
from downslope.schedules._facts import ScheduleFacts, ScheduleNumber
from downslope.schedules._inverse_time_decay import inverse_time_decay
from downslope.schedules._named import SCHEDULES
from downslope.schedules._one_cycle import one_cycle
from downslope.schedules._piecewise_constant import piecewise_constant
from downslope.schedules._reduce_on_plateau import listens, observe, reduce_on_plateau
from downslope.schedules._schedule import Schedule
from downslope.schedules._sequence import sequence
from downslope.schedules._span import from_its_start, span, stretched
from downslope.schedules._step_decay import step_decay
from downslope.schedules._warmup import warmup

__all__ = [
    "SCHEDULES",
    "Schedule",
    "ScheduleFacts",
    "ScheduleNumber",
    "as_schedule",
    "constant",
    "cosine_decay",
    "cyclic",
    "exponential_decay",
    "from_its_start",
    "inverse_time_decay",
    "listens",
    "observe",
    "one_cycle",
    "piecewise_constant",
    "reduce_on_plateau",
    "sequence",
    "span",
    "step_decay",
    "stretched",
    "warmup",
    "with_array_leaves",
]
