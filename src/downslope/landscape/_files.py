"""A slice on disk: one `.npz` of NumPy's, with all that is needed to read it, redo it, and go on with it. No pickle."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from downslope.core import Advice, DataError, PyTree, Setting, ShapeError, named_leaves
from downslope.landscape._slice import Slice
from downslope.runs import current_versions, write_whole

_FORMAT = 1


def save_slice(slice: Slice, path: str | Path) -> Path:
    """Write a slice to a file, in one piece: the old file stays until the new one is whole.

    The file is NumPy's `.npz`: `axis_0`, `axis_1`, `losses`, `computed`, the parameters and each direction leaf by
    leaf, and `facts`, a JSON text with all words, the names of the leaves, the structure of the tree, and the versions
    it was made with. Trees of dicts, lists, tuples and None are written as such; for others (NamedTuples, models), pass
    `like=` to `open_slice`.

    Args:
        slice: what to write.
        path: where to; `.npz` is added to a name that ends otherwise.

    Returns:
        The path written.

    Raises:
        RunError: the disk refuses.

    Example:
        >>> import pathlib, tempfile
        >>> from downslope.landscape import slice_1d, surfaces
        >>> line = slice_1d(surfaces.bowl(), np.ones(2), np.array([1.0, 0.0]), size=5, span=1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = open_slice(line.save(pathlib.Path(folder) / "line"))
        >>> again.labels, again.losses.tolist() == line.losses.tolist()
        (('w₁',), True)
    """
    place = Path(path)
    place = place if place.suffix == ".npz" else place.with_name(place.name + ".npz")
    arrays = {f"axis_{k}": axis for k, axis in enumerate(slice.axes)}
    arrays |= {"losses": slice.losses, "computed": slice.computed}
    trees = {"params": slice.params, **{f"direction_{k}": tree for k, tree in enumerate(slice.directions)}}
    for name, tree in trees.items():
        arrays |= {f"{name}/{at}": _plain(np.asarray(leaf)) for at, leaf in enumerate(jax.tree.leaves(tree))}
    leaves = named_leaves(slice.params)
    facts = {
        "format": _FORMAT,
        "kind": slice.kind,
        "labels": slice.labels,
        "left_out": slice.left_out,
        "explained": slice.explained,
        "standard_error": slice.standard_error,
        "description": slice.description,
        "names": list(leaves),
        "dtypes": [str(np.asarray(leaf).dtype) for leaf in leaves.values()],
        "tree": _structure(jax.tree.unflatten(jax.tree.structure(slice.params), range(len(leaves)))),
        "versions": current_versions(),
    }
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(facts)), **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(place, content.getvalue())
    return place


def open_slice(path: str | Path, *, like: PyTree = None) -> Slice:
    """Return the slice in a file that `save_slice` wrote; its `surface` is None.

    Args:
        path: the file.
        like: parameters whose tree to use: needed where that is of other types than dict, list, tuple and None.

    Raises:
        DataError: there is no such file, or it is not what was written.
        ShapeError: the parameters are not like `like`.
    """
    place = Path(path)
    if not place.is_file():
        raise DataError(f"{place} is missing: there is no slice to open.")
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        if facts["format"] > _FORMAT:
            raise DataError(f"{place} was written by a later version of Downslope: {facts['versions']}. Update.")
        structure = _tree_like(facts, arrays, like)
        trees = [_tree(name, facts, arrays, structure) for name in ("params", *_numbered("direction", facts))]
        axes = tuple(arrays[name] for name in _numbered("axis", facts))
        losses, computed = arrays["losses"], arrays["computed"]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, TypeError, AttributeError) as error:
        if isinstance(error, (DataError, ShapeError)):
            raise
        raise DataError(f"{place} is damaged, or no slice: it cannot be read ({error}).") from None
    return Slice(
        axes, losses, computed, trees[0], tuple(trees[1:]), facts["kind"], tuple(facts["labels"]),
        left_out=tuple(facts["left_out"]),
        explained=None if facts["explained"] is None else tuple(facts["explained"]),
        standard_error=facts["standard_error"],
        description=facts["description"],
    )  # fmt: skip


def _numbered(name: str, facts: dict[str, Any]) -> list[str]:
    """Return the names of what there is one of for each direction."""
    return [f"{name}_{k}" for k in range(len(facts["labels"]))]


def _tree_like(facts: dict[str, Any], arrays: dict[str, np.ndarray], like: PyTree) -> Any:
    """Return the structure of the parameters.

    Raises:
        ShapeError: `like` has another, or is needed and missing.
    """
    if like is not None:
        shapes = [arrays[f"params/{at}"].shape for at in range(len(facts["names"]))]
        if list(named_leaves(like)) != facts["names"] or [np.shape(leaf) for leaf in jax.tree.leaves(like)] != shapes:
            raise ShapeError(
                Setting("like"), "must be parameters of the same names and shapes as the slice's, got others."
            )
        return jax.tree.structure(like)
    if facts["tree"] is None:
        raise ShapeError(
            "The slice's parameters are a tree of other types than dict, list and tuple.",
            Advice("pass {}, parameters of the same tree", like=...),
        )
    return jax.tree.structure(_restored(facts["tree"]))


def _tree(name: str, facts: dict[str, Any], arrays: dict[str, np.ndarray], structure: Any) -> PyTree:
    """Return one of the trees in a file."""
    leaves = [arrays[f"{name}/{at}"].astype(_dtype(dtype)) for at, dtype in enumerate(facts["dtypes"])]
    return structure.unflatten(leaves)


def _plain(leaf: np.ndarray) -> np.ndarray:
    """Return an array in a type that NumPy itself knows; bfloat16 and its like fit into float32 exactly."""
    return leaf if leaf.dtype.isbuiltin == 1 else leaf.astype(np.float32)


def _dtype(name: str) -> Any:
    """Return a type by its name, those of JAX too."""
    return jax.numpy.dtype(name)


def _structure(tree: Any) -> Any:
    """Return a tree of numbered leaves as JSON; None where it is of other types than can be written."""
    if tree is None:
        return {"none": None}
    if type(tree) is int:
        return {"leaf": tree}
    if type(tree) is dict and all(isinstance(name, str) for name in tree):
        parts = {name: _structure(part) for name, part in tree.items()}
        return None if None in parts.values() else {"dict": parts}
    if type(tree) in (list, tuple):
        parts = [_structure(part) for part in tree]
        return None if None in parts else {type(tree).__name__: parts}
    return None


def _restored(spec: Any) -> Any:
    """Return the tree that `_structure` wrote."""
    ((kind, content),) = spec.items()
    if kind == "dict":
        return {name: _restored(part) for name, part in content.items()}
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](_restored(part) for part in content)
    return content
