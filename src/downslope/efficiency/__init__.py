"""Efficiency: how long a network takes, layer by layer, what memory, and which batch size keeps the hardware busy."""

from downslope.efficiency._profile import MEMORY_LIMIT, profile
from downslope.efficiency._result import LayerProfile, Profile
from downslope.efficiency._savings import Saving
from downslope.efficiency._stopwatch import Deadline, Program, compile_loop, time_loop
from downslope.efficiency._throughput import Step, StepTime, powers_of_two, stops_growing, throughputs

__all__ = [
    "MEMORY_LIMIT",
    "Deadline",
    "LayerProfile",
    "Profile",
    "Program",
    "Saving",
    "Step",
    "StepTime",
    "compile_loop",
    "powers_of_two",
    "profile",
    "stops_growing",
    "throughputs",
    "time_loop",
]
