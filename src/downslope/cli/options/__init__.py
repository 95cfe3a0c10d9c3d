"""The options that commands share, in groups, and how a command takes a group."""

from downslope.cli.options.arguments import FileArgument, RunArgument, SourceArgument
from downslope.cli.options.data import ColumnOptions, DataOptions, PreparationOptions, ReadingOptions
from downslope.cli.options.groups import changed_options, expanded, options_in
from downslope.cli.options.loss import LossOptions, PlainLossOptions
from downslope.cli.options.names import CLASSICS, OPTIMIZERS, WITH_MOMENTUM, joined
from downslope.cli.options.network import NetworkOptions
from downslope.cli.options.optimizer import OptimizerOptions, PlainLearningRateOption
from downslope.cli.options.output import FigureOption, JsonOption, TensorBoardOption
from downslope.cli.options.readers import Unreadable, reader
from downslope.cli.options.training import (
    ALL_ROWS,
    PATIENCE,
    BatchSizeOption,
    EpochsOption,
    RestartsOption,
    SeedOption,
    TrainingOptions,
)

__all__ = [
    "ALL_ROWS",
    "CLASSICS",
    "OPTIMIZERS",
    "PATIENCE",
    "WITH_MOMENTUM",
    "BatchSizeOption",
    "ColumnOptions",
    "DataOptions",
    "EpochsOption",
    "FigureOption",
    "FileArgument",
    "JsonOption",
    "LossOptions",
    "NetworkOptions",
    "OptimizerOptions",
    "PlainLearningRateOption",
    "PlainLossOptions",
    "PreparationOptions",
    "ReadingOptions",
    "RestartsOption",
    "RunArgument",
    "SeedOption",
    "SourceArgument",
    "TensorBoardOption",
    "TrainingOptions",
    "Unreadable",
    "changed_options",
    "expanded",
    "joined",
    "options_in",
    "reader",
]
