"""Efficiency: how long a network takes, layer by layer, what memory, and which batch size keeps the hardware busy."""

from downslope.efficiency._profile import profile
from downslope.efficiency._result import LayerProfile, Profile
from downslope.efficiency._savings import Saving
from downslope.efficiency._throughput import StepTime

__all__ = ["LayerProfile", "Profile", "Saving", "StepTime", "profile"]
