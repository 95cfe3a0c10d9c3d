"""E3: members that do not divide the devices use them all, and end as they do on one."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
import downslope as ds
from downslope.training.engine import population_epoch
seen = []
inner = population_epoch.run_population_chunk
def watched(*arguments):
    states = inner(*arguments)
    leaf = jax.tree.leaves(states.variables)[0]
    seen.append([len(leaf.sharding.device_set), len(leaf)])
    return states
population_epoch.run_population_chunk = watched
settings = dict(epochs=2, batch_size=50, progress=False)
net, data = ds.mlp([4], outputs=3), ds.load("iris")
by_rate = ds.sweep(net, data, learning_rate=[0.01 * k for k in range(1, 7)], **settings)
by_seed = ds.sweep(net, data, seed=[1, 2, 3], **settings)
started = ds.train(net, data, restarts=5, **settings)
print(json.dumps({
    "seen": seen,
    "notes": [by_rate.runs[0].notes[-1:], by_seed.runs[0].notes[-1:], started.notes[-1:]],
    "alone": ds.train(net, data, **settings).notes,
    "losses": [*by_rate.losses.tolist(), *by_seed.losses.tolist(), *started.restarts.losses.tolist()],
}))
"""


def outcome(devices):
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_e3_six_three_and_five_members_on_four_devices():
    four, one = outcome(4), outcome(1)
    assert {(devices, members) for devices, members in four["seen"]} == {(4, 8), (4, 4)}
    assert {devices for devices, _ in one["seen"]} == {1}
    for notes, members in zip(four["notes"], (6, 3, 5), strict=True):
        assert notes == [f"{members} trainings share 4 devices (cpu)."]
    assert not any("devices" in note for notes in [four["alone"], *one["notes"]] for note in notes)
    np.testing.assert_allclose(four["losses"], one["losses"], rtol=1e-12)
