"""The commands, one file a verb."""

from downslope.cli.commands.compare import compare
from downslope.cli.commands.data import data
from downslope.cli.commands.demo import demo
from downslope.cli.commands.diagnose import diagnose
from downslope.cli.commands.evaluate import evaluate
from downslope.cli.commands.explore import explore
from downslope.cli.commands.export import export
from downslope.cli.commands.find_lr import find_lr
from downslope.cli.commands.init import init
from downslope.cli.commands.predict import predict
from downslope.cli.commands.profile import profile
from downslope.cli.commands.resume import resume
from downslope.cli.commands.spectrum import spectrum
from downslope.cli.commands.surface import surface
from downslope.cli.commands.sweep import sweep
from downslope.cli.commands.train import train

__all__ = [
    "compare",
    "data",
    "demo",
    "diagnose",
    "evaluate",
    "explore",
    "export",
    "find_lr",
    "init",
    "predict",
    "profile",
    "resume",
    "spectrum",
    "surface",
    "sweep",
    "train",
]
