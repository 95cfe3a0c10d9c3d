"""A trained network as a safetensors file: named arrays, and JSON that describes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from downslope.core import named_leaves
from downslope.export._description import description
from downslope.export._file import write_file
from downslope.training import Run


def to_safetensors(run: Run, path: str | os.PathLike[str]) -> Path:
    """Write the variables that a run keeps to a safetensors file, and return its path.

    Arrays are named by where they are: `params/0/weight`, `state/1/mean`, `params/2/body/0/weight` within a block. What
    each kind of layer holds, and in which order of axes, its class says: `downslope.Dense`, `downslope.Conv2D` …. The
    file's metadata holds `network`, `loss`, `link`, `preprocessing` and `versions`, each as JSON. Nothing but the
    package `safetensors` is needed to read it.

    Args:
        run: the run, of which `variables` are written.
        path: the file; what was there is replaced.

    Raises:
        SettingError: no file can be at that place.
        UnwritableRunError: the disk refuses.

    Example:
        >>> import downslope as ds, tempfile
        >>> from safetensors import safe_open
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=1, progress=False)
        >>> with safe_open(to_safetensors(run, Path(tempfile.mkdtemp()) / "iris.safetensors"), "numpy") as file:
        ...     sorted(file.keys())
        ...     json.loads(file.metadata()["preprocessing"])["class_labels"]
        ['params/0/bias', 'params/0/weight', 'params/2/bias', 'params/2/weight']
        [0, 1, 2]
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(leaf, order="C") for name, leaf in named_leaves(run.variables).items()}
    metadata = {name: json.dumps(value, ensure_ascii=False) for name, value in description(run).items()}
    return write_file(path, save(arrays, metadata=metadata))
