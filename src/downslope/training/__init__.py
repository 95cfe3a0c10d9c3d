"""Training: walking downhill. `train` makes a `Run`, `resume` goes on with one, `open_run` reads one."""

from downslope.training._batch_costs import BatchCosts
from downslope.training._batch_outlook import BatchOutlook
from downslope.training._batch_trainings import BatchTrainings
from downslope.training._class_weights import ClassWeight
from downslope.training._curvature_line import CurvatureLine
from downslope.training._edge import Edge, edge_of
from downslope.training._evaluate import outputs_of
from downslope.training._find_batch_size import find_batch_size
from downslope.training._find_learning_rate import find_learning_rate
from downslope.training._found_batch_size import FoundBatchSize
from downslope.training._found_learning_rate import FoundLearningRate, RateSuggestion
from downslope.training._observers import Change, Moment, Stop
from downslope.training._problem import Part, Problem, prepare
from downslope.training._race import Race, race
from downslope.training._range_test import RangeTest
from downslope.training._rate_trials import RateTrials
from downslope.training._recipe import Recipe
from downslope.training._record import open_run
from downslope.training._restarts import Restarts
from downslope.training._resume import goes_on_after, resume
from downslope.training._run import Run
from downslope.training._settings import TrainingSettings
from downslope.training._statistics import Statistics
from downslope.training._stopping import Divergence
from downslope.training._surface import surface_of
from downslope.training._sweep import Sweep, sweep
from downslope.training._track import Track
from downslope.training._tracking import Tracking, phases
from downslope.training._train import train
from downslope.training._trajectory import Record, Trajectory
from downslope.training._walk import Walk

__all__ = [
    "BatchCosts",
    "BatchOutlook",
    "BatchTrainings",
    "Change",
    "ClassWeight",
    "CurvatureLine",
    "Divergence",
    "Edge",
    "FoundBatchSize",
    "FoundLearningRate",
    "Moment",
    "Part",
    "Problem",
    "Race",
    "RangeTest",
    "RateSuggestion",
    "RateTrials",
    "Recipe",
    "Record",
    "Restarts",
    "Run",
    "Statistics",
    "Stop",
    "Sweep",
    "Track",
    "Tracking",
    "TrainingSettings",
    "Trajectory",
    "Walk",
    "edge_of",
    "find_batch_size",
    "find_learning_rate",
    "goes_on_after",
    "open_run",
    "outputs_of",
    "phases",
    "prepare",
    "race",
    "resume",
    "surface_of",
    "sweep",
    "train",
]
