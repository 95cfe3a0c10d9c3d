"""From the text of options to rows, networks, losses, optimizers, schedules, lists of values."""

from downslope.cli.parse.loss import class_weight_of, loss_of, target_scaling
from downslope.cli.parse.network import convolves, initializer_of, network_of
from downslope.cli.parse.optimizer import AUTO, optimizer_of, options_of
from downslope.cli.parse.schedule import schedule_of
from downslope.cli.parse.source import open_examples, open_training_data, reading_of
from downslope.cli.parse.values import values_of

__all__ = [
    "AUTO",
    "class_weight_of",
    "convolves",
    "initializer_of",
    "loss_of",
    "network_of",
    "open_examples",
    "open_training_data",
    "optimizer_of",
    "options_of",
    "reading_of",
    "schedule_of",
    "target_scaling",
    "values_of",
]
