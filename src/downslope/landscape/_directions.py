"""The directions of a slice: random by filters, along a path, along the curvature, between points, or as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from downslope.core import (
    Advice,
    Key,
    LossSurface,
    PyTree,
    Setting,
    SettingError,
    check_choice,
    named_leaves,
    tree_size,
)
from downslope.curvature import Eigenpairs, eigenvalues
from downslope.landscape._filters import beside, filter_direction
from downslope.landscape._path import Path
from downslope.landscape._principal import principal_directions
from downslope.landscape._vectors import dot, fitted, length, mixed, vector_of

NAMES = ("filter", "pca", "eigen", "between", "axes")


@dataclass(frozen=True)
class Directions:
    """Directions of a slice.

    Attributes:
        trees: the directions, trees like the parameters.
        kind: the name of their kind.
        labels: what each is, in words.
        explained: the share of a path's variance along each, for principal components.
        reach: points, by their coefficients, that the window is to hold; none where it goes by the loss.
    """

    trees: tuple[PyTree, ...]
    kind: str
    labels: tuple[str, ...]
    explained: tuple[float, ...] | None = None
    reach: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Source:
    """The sources that directions may be made from, beside the surface and the point.

    Attributes:
        key: of random draws.
        path: a recorded descent.
        eigenpairs: of the Hessian at the point, if they are known already.
        towards: another point, or two.
        unit_axis: which axis of a weight counts the units; None for what the surface says.
    """

    key: Key | None = None
    path: Path | None = None
    eigenpairs: Eigenpairs | None = None
    towards: PyTree = None
    unit_axis: int | None = None


def directions_of(surface: LossSurface, params: PyTree, choice: str | PyTree, count: int, source: Source) -> Directions:
    """Return one or two directions by their name, or the trees that were chosen.

    Raises:
        UnknownNameError: there are no directions of that name.
        SettingError: what they are made from is missing, or they are no directions.
        ShapeError: what was given is not like the parameters.
    """
    if not isinstance(choice, str):
        return _explicit(params, choice, count)
    check_choice("direction" if count == 1 else "directions", choice, NAMES)
    maker = {"filter": _filter, "pca": _pca, "eigen": _eigen, "between": _between, "axes": _axes}[choice]
    return maker(surface, params, count, source)


def _filter(surface: LossSurface, params: PyTree, count: int, source: Source) -> Directions:
    surface_axis = getattr(surface, "unit_axis", -1)
    axis = surface_axis if source.unit_axis is None else source.unit_axis
    trees = [filter_direction(params, key=source.key, number=k, unit_axis=axis) for k in range(count)]
    label = "filter-normalized direction"
    return Directions(tuple(trees), "filter", (label,) if count == 1 else (f"{label} 1", f"{label} 2"))


def _pca(surface: LossSurface, params: PyTree, count: int, source: Source) -> Directions:
    if source.path is None:
        raise SettingError(
            "Principal components need a recorded path.",
            Advice(
                "pass that of a run, {}",
                code="trajectory=run.trajectory, with record=ds.Record(parameters_every=1)",
            ),
            setting="trajectory",
        )
    trees, explained = principal_directions(source.path, params, count)
    labels = tuple(
        f"component {k + 1} of the path ({100 * share:.1f} % of its variance)" for k, share in enumerate(explained)
    )
    if len(trees) < count:
        trees, labels, explained = (
            (*trees, beside(params, trees[0], key=source.key)),
            (*labels, _PERPENDICULAR),
            (*explained, 0.0),
        )
    return Directions(trees, "pca", labels, explained)


_PERPENDICULAR = "random, at right angles to the first"


def _eigen(surface: LossSurface, params: PyTree, count: int, source: Source) -> Directions:
    pairs = source.eigenpairs
    if pairs is None:
        pairs = eigenvalues(surface, params, k=count, which="magnitude", key=source.key)
        if pairs.status == "interrupted":
            raise KeyboardInterrupt
    if not len(pairs):
        raise SettingError(Setting("eigenpairs"), "must hold one pair or more, got none.")
    known = list(zip(pairs.values, pairs.vectors, pairs.converged, strict=True))[:count]
    trees = tuple(fitted(vector, params, "eigenpairs") for _, vector, _ in known)
    labels = tuple(f"eigenvector of λ = {value:.4g}{'' if sure else ' (not converged)'}" for value, _, sure in known)
    if len(trees) < count:
        trees, labels = (*trees, beside(params, trees[0], key=source.key)), (*labels, _PERPENDICULAR)
    return Directions(trees, "eigen", labels)


def _between(surface: LossSurface, params: PyTree, count: int, source: Source) -> Directions:
    """Return the difference to another point; on a plane, also the part of that to a second across the first."""
    if source.towards is None:
        raise SettingError(
            "Directions between points need the others.",
            Advice("pass {}, trees like the parameters", towards=...),
            setting="towards",
        )
    points = [fitted(point, params, "towards") for point in _several(source.towards, count, "towards")]
    differences = [mixed((point, params), (1.0, -1.0)) for point in points]
    size = length(differences[0])
    if size == 0:
        raise SettingError(Setting("towards"), "must be another point than", Setting("params"), ", got the same.")
    if count == 1:
        return Directions((differences[0],), "between", ("towards the other point",), reach=((1.0,),))
    share = dot(vector_of(differences[0]) / size, vector_of(differences[1]) / size)
    across = mixed((differences[1], differences[0]), (1.0, -share))
    height = length(across) / size
    if height < 1e-6:
        raise SettingError(
            Setting("towards"), "must hold two points that are not on one line with", Setting("params"), "."
        )
    second = mixed((across,), (1 / height,))
    labels = ("towards the first point", "towards the second, across the first")
    return Directions((differences[0], second), "between", labels, reach=((1.0, 0.0), (share, height)))


def _axes(surface: LossSurface, params: PyTree, count: int, source: Source) -> Directions:
    size = tree_size(params)
    if size != count:
        raise SettingError(
            f"'axes' needs exactly {count} parameters, got {size}. Use 'filter' or 'eigen'.", setting="directions"
        )
    leaves, structure = jax.tree.flatten(params)
    trees = []
    for index in range(count):
        numbers = iter(np.eye(count)[index])
        parts = [np.array([next(numbers) for _ in range(np.size(leaf))]).reshape(np.shape(leaf)) for leaf in leaves]
        trees.append(structure.unflatten(parts))
    return _explicit(params, tuple(trees) if count == 2 else trees[0], count)


def _explicit(params: PyTree, trees: PyTree, count: int) -> Directions:
    """Return directions that were chosen as trees, as they are."""
    setting = "direction" if count == 1 else "directions"
    trees = tuple(fitted(tree, params, setting) for tree in _several(trees, count, setting))
    for tree in trees:
        if not 0 < length(tree) < np.inf:
            raise SettingError(Setting(setting), f"must be finite and not zero, got one of length {length(tree)}.")
    return Directions(trees, "given", tuple(_label(tree, k, count) for k, tree in enumerate(trees)))


def _several(trees: PyTree, count: int, setting: str) -> Sequence[PyTree]:
    """Return one tree for each direction.

    Raises:
        SettingError: they are no pair where two are needed.
    """
    if count == 1:
        return (trees,)
    if not isinstance(trees, (tuple, list)) or len(trees) != count:
        raise SettingError(
            Setting(setting), "must be a pair of trees like", Setting("params"), f", got {type(trees).__name__}."
        )
    return trees


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _label(tree: PyTree, number: int, count: int) -> str:
    """Return the name of a direction: that of a parameter (`w₁` of a bare array) where it is just that one's axis."""
    moved = [(name, np.asarray(leaf)) for name, leaf in named_leaves(tree).items() if np.any(leaf)]
    if len(moved) == 1 and np.count_nonzero(moved[0][1]) == 1 and moved[0][1].sum() == 1:
        name, leaf = moved[0]
        indices = [int(index) for index in np.argwhere(leaf)[0]]
        if not name and len(indices) == 1:
            return f"w{indices[0] + 1}".translate(_SUBSCRIPTS)
        subscript = ", ".join(map(str, indices))
        return f"{name}[{subscript}]" if subscript else name
    return "given direction" if count == 1 else f"given direction {number + 1}"
