"""Efficiency: how long a network takes, layer by layer, what memory, and which batch size keeps the hardware busy."""

from downslope.efficiency._profile import MEMORY_LIMIT, profile
from downslope.efficiency._result import LayerProfile, Profile
from downslope.efficiency._savings import Saving
from downslope.efficiency._stopwatch import Loop, Program, compile_loop
from downslope.efficiency._throughput import (
    Step,
    StepTime,
    growth_between,
    powers_of_two,
    step_loops,
    step_times,
    stops_growing,
)
from downslope.efficiency._timing import LEAST_ROUNDS, NO_TIME, Deadline, Sampler, Timing, in_rounds, together

__all__ = [
    "LEAST_ROUNDS",
    "MEMORY_LIMIT",
    "NO_TIME",
    "Deadline",
    "LayerProfile",
    "Loop",
    "Profile",
    "Program",
    "Sampler",
    "Saving",
    "Step",
    "StepTime",
    "Timing",
    "compile_loop",
    "growth_between",
    "in_rounds",
    "powers_of_two",
    "profile",
    "step_loops",
    "step_times",
    "stops_growing",
    "together",
]
