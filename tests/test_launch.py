"""A process that is one of several of a job: known by its environment, refused before it does others' work."""

import os
import socket
import subprocess
import sys

import pytest

import downslope as ds
from downslope.core import SettingError
from downslope.parallel import check_one_process, launched

STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}
BATCH = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}

SEVERAL = {
    "srun": STEP | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"},
    "srun, the second": STEP | {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"},
    "srun that says no more than the job's tasks": STEP | {"SLURM_PROCID": "0", "SLURM_NTASKS": "2"},
    "a second task, whatever else is told": {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"},
    "a step of several in an array": STEP
    | {"SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"},
    "mpirun of Open MPI": {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"},
    "mpirun within sbatch": BATCH | {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"},
    "MPICH and Intel MPI": {"PMI_RANK": "0", "PMI_SIZE": "2"},
    "MVAPICH2": {"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "2"},
    "PMIx, the second": {"PMIX_RANK": "1", "PMIX_NAMESPACE": "a"},
    "Flux": {"FLUX_TASK_RANK": "0", "FLUX_JOB_SIZE": "2"},
    "jsrun": {"JSM_NAMESPACE_RANK": "0", "JSM_NAMESPACE_SIZE": "2"},
    "torchrun": {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "a"},
    "an indexed Kubernetes job": {"JOB_COMPLETION_INDEX": "0"},
    "JAX's own": {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"},
    "JAX's own without a number": {"JAX_NUM_PROCESSES": "2"},
    "JAX's own without a count, the second": {"JAX_PROCESS_ID": "1"},
}
ALONE = {
    "nothing": {},
    "a job array": {"SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"},
    "a step of an array": STEP
    | {"SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"},
    "the script of sbatch": BATCH,
    "a shell of salloc": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"},
    "srun of one task": STEP | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"},
    "srun of one task of a job of several": STEP
    | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "4"},
    "mpirun of one": {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"},
    "PMIx, the first, which may be the only one": {"PMIX_RANK": "0"},
    "torchrun of one": {"RANK": "0", "WORLD_SIZE": "1"},
    "names that others use": {"RANK": "gold", "WORLD_SIZE": "big"},
    "JAX's own of one": {"JAX_NUM_PROCESSES": "1", "JAX_PROCESS_ID": "0"},
}


@pytest.fixture
def alone(monkeypatch):
    """Take away what a launcher of the tests themselves may have set."""
    for environment in SEVERAL.values():
        for name in environment:
            monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("environment", SEVERAL.values(), ids=SEVERAL)
def test_e1_one_of_several_processes_is_known_by_what_its_launcher_tells_it(environment):
    launch = launched(environment)
    assert launch is not None
    assert all(f"{name}={environment[name]}" in str(launch) for name in launch.variables)
    assert launched(environment | {"JAX_NUM_PROCESSES": "1"}) is None


@pytest.mark.parametrize("environment", ALONE.values(), ids=ALONE)
def test_e1_a_process_alone_is_not_taken_for_one_of_several(environment):
    assert launched(environment) is None


@pytest.mark.parametrize("name", ["train", "resume", "sweep", "race"])
def test_e1_python_trains_nothing_in_one_of_several_processes(alone, tmp_path, name):
    alone.setenv("OMPI_COMM_WORLD_RANK", "1")
    alone.setenv("OMPI_COMM_WORLD_SIZE", "2")
    calls = {
        "train": lambda: ds.train(ds.mlp([2], outputs=3), ds.load("iris"), store=tmp_path / "run", restarts=2),
        "resume": lambda: ds.resume(tmp_path),
        "sweep": lambda: ds.sweep(ds.mlp([2], outputs=3), ds.load("iris"), learning_rate=[0.1, 1.0]),
        "race": lambda: ds.race(ds.mlp([2], outputs=3), ds.load("iris"), optimizers=["sgd", "adam"]),
    }
    with pytest.raises(SettingError, match=r"process 1 of 2 of one job \(Open MPI: .*set JAX_NUM_PROCESSES=1"):
        calls[name]()
    assert list(tmp_path.iterdir()) == []
    alone.setenv("JAX_NUM_PROCESSES", "1")
    check_one_process()


@pytest.mark.parametrize("verb", ["train", "demo", "sweep", "resume", "predict", "diagnose"])
def test_e1_no_command_works_in_one_of_several_processes(alone, cli, tmp_path, verb):
    for name, value in SEVERAL["srun"].items():
        alone.setenv(name, value)
    words = {
        "train": ("iris",),
        "sweep": ("iris",),
        "resume": ("run",),
        "predict": ("run", "iris"),
        "diagnose": ("run",),
    }
    code, out, err = cli(verb, *words.get(verb, ()))
    assert (code, out) == (2, "")
    assert err == (
        "downslope: This is process 0 of 2 of one job (Slurm: SLURM_PROCID=0, SLURM_STEP_NUM_TASKS=2), but Downslope "
        "works in one process: each would do all the work again. Start one; if each is a job of its own, set "
        "JAX_NUM_PROCESSES=1 for it.\n"
    )
    assert list(tmp_path.iterdir()) == []
    assert cli(verb, "--help")[0] == 0


def test_e1_the_detection_does_not_load_jax():
    script = (
        "import sys\nfrom downslope.parallel import check_one_process\n"
        "check_one_process()\nassert 'jax' not in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name not in set().union(*SEVERAL.values())}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


CONNECTED = """
import sys
import jax
jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))
import downslope as ds
for settings in ({"store": sys.argv[3]}, {"restarts": 2}):
    try:
        ds.train(ds.mlp([2], outputs=3), ds.load("iris"), epochs=1, progress=False, **settings)
    except ds.SettingError as error:
        print(error)
jax.distributed.shutdown()
"""


@pytest.mark.slow
def test_e1_two_processes_connected_by_jax_are_refused_alike(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if name not in set().union(*SEVERAL.values())}
    command = [sys.executable, "-c", CONNECTED, address]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    both = [subprocess.Popen([*command, str(rank), str(tmp_path / "run")], **streams) for rank in range(2)]
    for rank, process in enumerate(both):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert [f"process {rank} of 2 of one job (jax.distributed)" in line for line in out.splitlines()] == [True] * 2
    assert not (tmp_path / "run").exists()
