"""Launch detection: what the environment says of the other processes of this job, without loading JAX."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

COUNT = "JAX_NUM_PROCESSES"
"""The variable that says how many processes a job has, whatever a launcher says: 1, if each is a job of its own."""

RANK = "JAX_PROCESS_ID"


@dataclass(frozen=True)
class Launcher:
    """A program that starts the processes of a job, and the variables it tells each of them by.

    Attributes:
        name: of the program.
        rank: the variable with the number of this process, from 0.
        counts: the variables with the number of processes, the most exact first.
    """

    name: str
    rank: str
    counts: tuple[str, ...]


LAUNCHERS = (
    Launcher("Open MPI", "OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE",)),
    Launcher("MPI", "PMI_RANK", ("PMI_SIZE",)),  # MPICH, Intel MPI, Cray
    Launcher("MVAPICH2", "MV2_COMM_WORLD_RANK", ("MV2_COMM_WORLD_SIZE",)),
    Launcher("PMIx", "PMIX_RANK", ("PMIX_SIZE",)),
    Launcher("Flux", "FLUX_TASK_RANK", ("FLUX_JOB_SIZE",)),
    Launcher("jsrun", "JSM_NAMESPACE_RANK", ("JSM_NAMESPACE_SIZE",)),
    Launcher("torchrun", "RANK", ("WORLD_SIZE",)),
    Launcher("Slurm", "SLURM_PROCID", ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS")),
)

STEP = "SLURM_STEP_ID"
"""Set by `srun` alone: the script of `sbatch` is one process, though it is told of all the tasks that it may start."""

INDEX = "JOB_COMPLETION_INDEX"
"""The number of a pod of an indexed Kubernetes job, which is not told how many there are."""


@dataclass(frozen=True)
class Launch:
    """A process as one of several of a job.

    Attributes:
        launcher: what started it.
        rank: its number, from 0; None where nothing tells.
        count: how many there are; None where nothing tells.
        variables: what says so, by the names of environment variables.
    """

    launcher: str
    rank: int | None
    count: int | None
    variables: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        number = "one process" if self.rank is None else f"process {self.rank}"
        total = "several" if self.count is None else str(self.count)
        evidence = ", ".join(f"{name}={value}" for name, value in self.variables.items())
        return f"{number} of {total} of one job ({self.launcher}{': ' * bool(evidence)}{evidence})"


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Return which of the processes of a job this is; None for a process alone.

    What JAX's own variables say is believed; else what any launcher says. A job array (`SLURM_ARRAY_TASK_ID`) is
    several jobs, and the script that `sbatch` runs is one process whatever it may start.

    Args:
        environment: the environment variables.

    Example:
        >>> print(launched({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"}))
        process 1 of 4 of one job (Open MPI: OMPI_COMM_WORLD_RANK=1, OMPI_COMM_WORLD_SIZE=4)
        >>> launched({"JAX_NUM_PROCESSES": "1", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"})
    """
    count = _number(environment, COUNT)
    if count is not None:
        return Launch("JAX", _number(environment, RANK), count, {COUNT: count}) if count > 1 else None
    for launcher in LAUNCHERS:
        known = next((name for name in launcher.counts if _number(environment, name) is not None), None)
        launch = _several(launcher.name, environment, launcher.rank, known)
        if launch is not None and not _is_batch_script(launch, environment):
            return launch
    index = _number(environment, INDEX)
    if index is not None:
        return Launch("an indexed Kubernetes job", index, None, {INDEX: index})
    return _several("JAX", environment, RANK, None)


def check_one_process() -> None:
    """Check that this process is alone, before it does work that all processes of a job would do again.

    Raises:
        SettingError: it is one of several, by the environment or by `jax.distributed`.
    """
    launch = launched() or _connected()
    if launch is None:
        return
    from downslope.core import SettingError

    own = "" if launch.launcher == DISTRIBUTED else f"; if each is a job of its own, set {COUNT}=1 for it"
    raise SettingError(
        f"This is {launch}, but Downslope works in one process: each would do all the work again. Start one{own}."
    )


DISTRIBUTED = "jax.distributed"


def _connected() -> Launch | None:
    """Return which of the processes this is that JAX has connected; None without JAX or others."""
    jax = sys.modules.get("jax")
    if jax is None or jax.process_count() == 1:
        return None
    return Launch(DISTRIBUTED, jax.process_index(), jax.process_count())


def _several(launcher: str, environment: Mapping[str, str], rank: str, count: str | None) -> Launch | None:
    """Return a launch of several processes by what two variables say; None if there is only one, or neither is set.

    Without a count, a first process may be the only one.
    """
    number, total = _number(environment, rank), None if count is None else _number(environment, count)
    if number is None or (total is None and number == 0) or (total is not None and total < 2):
        return None
    variables = {rank: number} | ({} if count is None or total is None else {count: total})
    return Launch(launcher, number, total, variables)


def _is_batch_script(launch: Launch, environment: Mapping[str, str]) -> bool:
    """Return whether a process is the script of `sbatch`, or the shell of `salloc`, and no task of a step."""
    if launch.launcher != "Slurm" or launch.rank != 0:
        return False
    return "SLURM_STEP_NUM_TASKS" not in launch.variables and STEP not in environment


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """Return a variable as a whole number; None if it is not set, or something else."""
    text = environment.get(name, "").strip()
    return int(text) if text.isdecimal() else None
