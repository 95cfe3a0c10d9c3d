"""Training: `train` makes a `Run`, `resume` continues one, `open_run` reads one; sweeps, races, finders."""

from downslope.training.early_stopping import EarlyStopping, as_early_stopping
from downslope.training.engine.evaluate import outputs_of
from downslope.training.engine.progress import Progress
from downslope.training.engine.stepper import Stepper, transfer_state
from downslope.training.engine.stopping import Divergence
from downslope.training.finders.batch_size.find import find_batch_size
from downslope.training.finders.batch_size.outlook import BatchCosts, BatchOutlook
from downslope.training.finders.batch_size.result import BatchTrainings, FoundBatchSize
from downslope.training.finders.learning_rate.find import find_learning_rate
from downslope.training.finders.learning_rate.result import (
    CurvatureLine,
    FoundLearningRate,
    RangeTest,
    RateSuggestion,
    RateTrials,
)
from downslope.training.monitor.curvature_history import Tracking, phases
from downslope.training.monitor.stability_limit import Edge, edge_of
from downslope.training.monitor.statistics import Statistics
from downslope.training.monitor.track import Track
from downslope.training.monitor.trajectory import Record, Trajectory
from downslope.training.observers import Change, Moment, Stop
from downslope.training.open_run import open_run
from downslope.training.problem.constant_predictor import (
    constant_predictor,
    constant_predictor_loss,
    one_answer_loss,
    saturated_loss,
)
from downslope.training.problem.last_batch import last_batch_rule
from downslope.training.problem.part import Part
from downslope.training.problem.problem import Problem, data_notes, prepare
from downslope.training.race import Race, race
from downslope.training.recipe import Recipe
from downslope.training.restarts import Restarts
from downslope.training.resume import goes_on_after, resume, what_is_left
from downslope.training.run import Run
from downslope.training.settings import ClassWeight, TrainingSettings
from downslope.training.surfaces.network import NetworkSurface
from downslope.training.surfaces.surface_of import surface_of
from downslope.training.sweep import Sweep, Unfit, sweep
from downslope.training.train import train

__all__ = [
    "BatchCosts",
    "BatchOutlook",
    "BatchTrainings",
    "Change",
    "ClassWeight",
    "CurvatureLine",
    "Divergence",
    "EarlyStopping",
    "Edge",
    "FoundBatchSize",
    "FoundLearningRate",
    "Moment",
    "NetworkSurface",
    "Part",
    "Problem",
    "Progress",
    "Race",
    "RangeTest",
    "RateSuggestion",
    "RateTrials",
    "Recipe",
    "Record",
    "Restarts",
    "Run",
    "Statistics",
    "Stepper",
    "Stop",
    "Sweep",
    "Track",
    "Tracking",
    "TrainingSettings",
    "Trajectory",
    "Unfit",
    "as_early_stopping",
    "constant_predictor",
    "constant_predictor_loss",
    "data_notes",
    "edge_of",
    "find_batch_size",
    "find_learning_rate",
    "goes_on_after",
    "last_batch_rule",
    "one_answer_loss",
    "open_run",
    "outputs_of",
    "phases",
    "prepare",
    "race",
    "resume",
    "saturated_loss",
    "surface_of",
    "sweep",
    "train",
    "transfer_state",
    "what_is_left",
]
