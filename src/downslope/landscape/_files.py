"""A slice on disk: one `.npz` of NumPy's, with all that is needed to read it, redo it, and go on with it. No pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import jax
import numpy as np

from downslope.core import Advice, DataError, PyTree, Setting, ShapeError, named_leaves
from downslope.runs import current_versions, write_whole

_FORMAT = 1


class SliceFields(TypedDict):
    """The content of a file, by the names of a slice's attributes."""

    axes: tuple[np.ndarray, ...]
    losses: np.ndarray
    computed: np.ndarray
    params: PyTree
    directions: tuple[PyTree, ...]
    kind: str
    labels: tuple[str, ...]
    left_out: tuple[str, ...]
    explained: tuple[float, ...] | None
    standard_error: float | None
    description: str


class Facts(TypedDict):
    """The JSON text in a file."""

    format: int
    kind: str
    labels: Sequence[str]
    left_out: Sequence[str]
    explained: Sequence[float] | None
    standard_error: float | None
    description: str
    names: Sequence[str]
    dtypes: Sequence[str]
    tree: dict | None
    versions: dict[str, str]


def write_fields(path: str | Path, fields: SliceFields) -> Path:
    """Write the fields of a slice to a file, in one piece, and return its path, which ends in `.npz`."""
    file = Path(path)
    file = file if file.suffix == ".npz" else file.with_name(file.name + ".npz")
    arrays = {f"axis_{k}": axis for k, axis in enumerate(fields["axes"])}
    arrays |= {"losses": fields["losses"], "computed": fields["computed"]}
    trees = {"params": fields["params"], **{f"direction_{k}": tree for k, tree in enumerate(fields["directions"])}}
    for name, tree in trees.items():
        arrays |= {f"{name}/{index}": _plain(np.asarray(leaf)) for index, leaf in enumerate(jax.tree.leaves(tree))}
    leaves = named_leaves(fields["params"])
    facts = Facts(
        format=_FORMAT,
        kind=fields["kind"],
        labels=fields["labels"],
        left_out=fields["left_out"],
        explained=fields["explained"],
        standard_error=fields["standard_error"],
        description=fields["description"],
        names=list(leaves),
        dtypes=[str(np.asarray(leaf).dtype) for leaf in leaves.values()],
        tree=_structure(jax.tree.unflatten(jax.tree.structure(fields["params"]), range(len(leaves)))),
        versions=current_versions(),
    )
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(facts)), **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(file, content.getvalue())
    return file


def read_fields(path: str | Path, *, like: PyTree = None) -> SliceFields:
    """Return the fields of the slice in a file, its tree that of `like` where that is given.

    Raises:
        DataError: there is no such file, or it is not what was written.
        ShapeError: the parameters are not like `like`.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file} is missing: there is no slice to open.")
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts: Facts = json.loads(str(arrays.pop("facts")))
        if facts["format"] > _FORMAT:
            raise DataError(f"{file} was written by a later version of Downslope: {facts['versions']}. Update.")
        tree = _tree_like(facts, arrays, like)
        params, *directions = (_tree(name, facts, arrays, tree) for name in ("params", *_numbered("direction", facts)))
        return SliceFields(
            axes=tuple(arrays[name] for name in _numbered("axis", facts)),
            losses=arrays["losses"],
            computed=arrays["computed"],
            params=params,
            directions=tuple(directions),
            kind=facts["kind"],
            labels=tuple(facts["labels"]),
            left_out=tuple(facts["left_out"]),
            explained=None if facts["explained"] is None else tuple(facts["explained"]),
            standard_error=facts["standard_error"],
            description=facts["description"],
        )
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, TypeError, AttributeError) as error:
        if isinstance(error, (DataError, ShapeError)):
            raise
        raise DataError(f"{file} is damaged, or no slice: it cannot be read ({error}).") from None


def _numbered(name: str, facts: Facts) -> list[str]:
    """Return a numbered name for each direction."""
    return [f"{name}_{k}" for k in range(len(facts["labels"]))]


def _tree_like(facts: Facts, arrays: dict[str, np.ndarray], like: PyTree) -> PyTree:
    """Return a tree of the structure of the parameters.

    Raises:
        ShapeError: `like` has another, or is needed and missing.
    """
    if like is not None:
        shapes = [arrays[f"params/{index}"].shape for index in range(len(facts["names"]))]
        if list(named_leaves(like)) != facts["names"] or [np.shape(leaf) for leaf in jax.tree.leaves(like)] != shapes:
            raise ShapeError(
                Setting("like"), "must be parameters of the same names and shapes as the slice's, got others."
            )
        return like
    if facts["tree"] is None:
        raise ShapeError(
            "The slice's parameters are a tree of other types than dict, list and tuple.",
            Advice("pass {}, parameters of the same tree", like=...),
        )
    return _restored(facts["tree"])


def _tree(name: str, facts: Facts, arrays: dict[str, np.ndarray], like: PyTree) -> PyTree:
    """Return one of the trees in a file."""
    leaves = [arrays[f"{name}/{index}"].astype(_dtype(dtype)) for index, dtype in enumerate(facts["dtypes"])]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _plain(leaf: np.ndarray) -> np.ndarray:
    """Return an array in a type that NumPy itself knows; bfloat16 and its like fit into float32 exactly."""
    return leaf if leaf.dtype.isbuiltin == 1 else leaf.astype(np.float32)


def _dtype(name: str) -> np.dtype:
    """Return a type by its name, those of JAX too."""
    return jax.numpy.dtype(name)


def _structure(tree: PyTree) -> dict | None:
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


def _restored(spec: dict) -> PyTree:
    """Return the tree that `_structure` wrote."""
    ((kind, content),) = spec.items()
    if kind == "dict":
        return {name: _restored(part) for name, part in content.items()}
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](_restored(part) for part in content)
    return content
