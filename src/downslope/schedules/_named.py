"""All schedules that have a name and a notation."""

from __future__ import annotations

from downslope.schedules._constant import CONSTANT
from downslope.schedules._cosine_decay import COSINE_DECAY
from downslope.schedules._cyclic import CYCLIC
from downslope.schedules._exponential_decay import EXPONENTIAL_DECAY
from downslope.schedules._inverse_time_decay import INVERSE_TIME_DECAY
from downslope.schedules._one_cycle import ONE_CYCLE
from downslope.schedules._reduce_on_plateau import REDUCE_ON_PLATEAU
from downslope.schedules._step_decay import STEP_DECAY
from downslope.schedules._warmup import WARMUP

SCHEDULES = {
    facts.name: facts
    for facts in (
        CONSTANT,
        STEP_DECAY,
        EXPONENTIAL_DECAY,
        INVERSE_TIME_DECAY,
        COSINE_DECAY,
        ONE_CYCLE,
        CYCLIC,
        REDUCE_ON_PLATEAU,
        WARMUP,
    )
}
"""The facts of each by the name of its function, in the order in which they are offered."""
