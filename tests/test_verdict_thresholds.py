"""The thresholds of a verdict, each on both sides: see docs/decisions/0009."""

import numpy as np
import pytest

from downslope.core import FunctionSurface
from downslope.diagnosis import case_of
from downslope.diagnosis.measurements import Stability, Trend
from downslope.diagnosis.measurements.reach import Reach
from downslope.diagnosis.verdict import BEYOND, WORTHWHILE, verdict_of

HELD_UP, LESS = 1.01 * WORTHWHILE, 0.99 * WORTHWHILE


def measured(**measurements):
    """Return a case on a bowl from which nothing is compared, with these measurements in place of its own."""
    case = case_of(FunctionSurface(lambda p: 1 + (p**2).sum(), np.zeros(2)), params=np.array([0.1, 0.0]), starts=0)
    vars(case).update({"unit": 1.0, "way_out": None, "stability": None, **measurements})
    return case


def jumping(*, gain, jumps):
    trend = Trend(epochs=10, level=1.0, fall=0.0, error=0.01, jumps=jumps)
    return measured(trend=trend, long_trend=trend, reach=Reach(1.0, gain, gain))


@pytest.mark.parametrize(
    "gain, jumps, held_up",
    [(HELD_UP, 0.02, True), (0.02, HELD_UP, True), (LESS, LESS, False), (0.005, HELD_UP, False)],
    ids=["much to gain", "large jumps", "less of both", "nothing to gain"],
)
def test_what_jumps_is_held_up_only_if_a_tenth_is_to_be_gained_or_jumped(gain, jumps, held_up):
    assert (verdict_of(jumping(gain=gain, jumps=jumps)).name == "bouncing") == held_up


@pytest.mark.parametrize("share, name", [(0.99 * BEYOND, "edge_of_stability"), (1.01 * BEYOND, "descending")])
def test_a_rate_at_more_than_twice_its_limit_is_not_at_the_edge_though_the_loss_falls(share, name):
    trend = Trend(epochs=10, level=1.0, fall=0.2, error=0.01, jumps=0.01)
    stability = Stability(limit=1.0, learning_rate=share, sharpness=2.0, preconditioned=False)
    case = measured(trend=trend, long_trend=trend, reach=Reach(1.0, 0.5, 0.5), stability=stability)
    assert verdict_of(case).name == name
