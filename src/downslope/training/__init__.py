"""Training: walking downhill. `train` makes a `Run`, `open_run` reads one."""

from downslope.training._class_weights import ClassWeight
from downslope.training._observers import Change, Moment, Stop
from downslope.training._problem import Part, Problem, prepare
from downslope.training._race import Race, race
from downslope.training._record import open_run
from downslope.training._restarts import Restarts
from downslope.training._run import Run
from downslope.training._statistics import Statistics
from downslope.training._stopping import Divergence
from downslope.training._surface import surface_of
from downslope.training._sweep import Sweep, sweep
from downslope.training._train import train
from downslope.training._trajectory import Record, Trajectory

__all__ = [
    "Change",
    "ClassWeight",
    "Divergence",
    "Moment",
    "Part",
    "Problem",
    "Race",
    "Record",
    "Restarts",
    "Run",
    "Statistics",
    "Stop",
    "Sweep",
    "Trajectory",
    "open_run",
    "prepare",
    "race",
    "surface_of",
    "sweep",
    "train",
]
