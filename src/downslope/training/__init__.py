"""Training: walking downhill. `train` makes a `Run`, `open_run` reads one."""

from downslope.training._record import open_run
from downslope.training._restarts import Restarts
from downslope.training._run import Run
from downslope.training._stopping import Divergence
from downslope.training._train import train
from downslope.training._trajectory import Record, Trajectory

__all__ = ["Divergence", "Record", "Restarts", "Run", "Trajectory", "open_run", "train"]
