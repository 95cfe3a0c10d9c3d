"""A trained network as one JSON file that any language reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from downslope.core import PyTree, SettingError, all_finite
from downslope.export._description import description
from downslope.export._file import write_file
from downslope.training import Run

LAYOUT = 1


def to_json(run: Run, path: str | os.PathLike[str]) -> Path:
    """Write a run's network to a JSON file, with all that a prediction needs, and return its path.

    The file is one object: `network` (its layers by kind and settings), `params` and `state` (one object a layer, of
    nested lists), `preprocessing`, `loss`, `link` (what turns outputs into probabilities or counts: `"softmax"`,
    `"sigmoid"`, `"exp"` or null), `versions`, and `format` and `layout`, which say that it is such a file. Numbers are
    written so that they read back as the same bits.

    Args:
        run: the run, of which `variables` are written.
        path: the file; what was there is replaced.

    Raises:
        SettingError: a number is not finite, or no file can be at that place.
        UnwritableRunError: the disk refuses.

    Example:
        Predict the first flower with nothing but Python:

        >>> import downslope as ds, math, tempfile
        >>> data = ds.load("iris")
        >>> net = ds.mlp([8], outputs=3)
        >>> run = ds.train(net, data, epochs=20, normalize="standard", progress=False)
        >>> file = json.loads(to_json(run, Path(tempfile.mkdtemp()) / "iris.json").read_text())
        >>> scaling = file["preprocessing"]["scaling"]
        >>> h = [(x - c) / s for x, c, s in zip(data.x[0], scaling["center"], scaling["scale"])]
        >>> for layer, own in zip(file["network"]["layers"], file["params"]):
        ...     if layer["kind"] == "layers.Dense":
        ...         columns = zip(*own["weight"])
        ...         h = [sum(a * w for a, w in zip(h, column)) + b for column, b in zip(columns, own["bias"])]
        ...     if layer["kind"] == "layers.ReLU":
        ...         h = [max(z, 0) for z in h]
        >>> total = sum(map(math.exp, h))
        >>> bool(np.allclose([math.exp(y) / total for y in h], run.predict_proba(data.x[:1])[0], atol=1e-5))
        True
        >>> file["preprocessing"]["class_labels"][h.index(max(h))] == run.predict(data.x[:1]).item()
        True
    """
    if not all_finite(run.variables):
        raise SettingError("JSON knows finite numbers only, but this network has others. Export it as safetensors.")
    params, state = run.variables
    content = {
        "format": "downslope network",
        "layout": LAYOUT,
        **description(run),
        "params": _plain(params),
        "state": _plain(state),
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return write_file(path, text.encode())


def _plain(tree: PyTree) -> object:
    """Return a tree of arrays as objects and nested lists."""
    if isinstance(tree, dict):
        return {name: _plain(value) for name, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return [_plain(value) for value in tree]
    return np.asarray(tree).tolist()
