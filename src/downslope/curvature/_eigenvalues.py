"""Eigenvalues at the ends of the spectrum: Lanczos, orthogonal to rounding, to tolerance, with true residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from downslope.core import (
    Key,
    LossSurface,
    PyTree,
    Setting,
    ShapeError,
    check_choice,
    check_integer,
    check_number,
    unit_of,
    vector_length,
)
from downslope.curvature._eigenpairs import Eigenpairs
from downslope.curvature._krylov import Krylov
from downslope.curvature._operator import Operator, Vector, operator_at

ENDS = ("largest", "smallest", "both", "magnitude")

Progress = Callable[[int, np.ndarray, np.ndarray], None]
"""Called with the number of products so far, the current values, and estimates of their residuals."""

RESOLUTION = 8
"""So many rounding errors of the largest eigenvalue are not told from zero: 1e-6 in float32."""

_LARGEST_BASIS = 256
"""A basis restarts at this size even where there is memory for more: removing it from each product costs time."""

_LEAST_SHARE = 1e-3
"""Residuals that stay above the tolerance when their estimates are below this share of it are rounding."""

_CHANCE = 1e-4
"""With this probability or less an eigenvalue that repeats is passed over."""

_HALF = 0.5**0.5
"""A Ritz value of a random vector is not taken for settled before it must have come half the way to the outermost."""

_UNKNOWN = "multiplicity unknown"

_WARM_SHARE = 0.1
"""How much of a random direction is mixed into a given start, so that what it lacks can be found."""


def eigenvalues(
    surface: LossSurface,
    params: PyTree,
    *,
    k: int = 1,
    which: str = "largest",
    tol: float = 1e-3,
    max_hvps: int = 500,
    operator: str = "hessian",
    key: Key | None = None,
    start: PyTree | None = None,
    memory_limit: int = 2**30,
    progress: Progress | None = None,
) -> Eigenpairs:
    """Return the outermost eigenvalues of the Hessian at a point, certified.

    Lanczos iteration with full orthogonalization in two passes builds one basis for both ends of the spectrum. It runs
    until every wanted pair's residual is within `tol · max|λ|`, restarts with the best of the basis when that outgrows
    the memory, and says "invariant subspace" when the products of the start vector are exhausted. One start vector sees
    an eigenvalue that repeats only once; so with more than one pair wanted at an end, the search goes on from random
    vectors at right angles to the pairs found, until no eigenvalue further out than the last of them can have been
    passed over, but for a chance of 1 in 10,000. Each eigenvalue is then there as often as it repeats. Each returned
    pair is multiplied once more: values are `λ = vᵀHv`, residuals the true `‖Hv − λv‖`, and a true eigenvalue lies
    within the residual of each value. Ctrl-C returns the pairs as they stand.

    The Hessian is never formed. All is measured with the surface's whole data: eigenvalues of one mini-batch
    overestimate those of the data.

    Args:
        surface: the loss.
        params: the point, a tree of arrays; it is not changed.
        k: how many; with `"both"`, how many at each end.
        which: `"largest"`, `"smallest"` (the most negative first), `"both"`, or `"magnitude"`.
        tol: the residual allowed, as a share of the largest magnitude in the spectrum.
        max_hvps: at most so many products.
        operator: `"hessian"`, or `"gauss_newton"` where the surface offers it.
        key: of the random start vector; the same key gives the same result.
        start: a tree like `params` to start near, such as the last top eigenvector of a training under way.
        memory_limit: bytes that the basis may take.
        progress: called as the search goes on with the products so far, the current values, and estimates of their
            residuals.

    Returns:
        Values, vectors, residuals, flags, the status, and the number of products.

    Raises:
        SettingError: a setting that cannot be, or a Hessian that is not finite at this point.
        ShapeError: `start` is not like `params`.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> curvatures = jnp.array([5.0, 2.0, 1.0, -1.0])
        >>> bowl = FunctionSurface(lambda p: 0.5 * jnp.sum(curvatures * p**2), np.ones(4))
        >>> pairs = eigenvalues(bowl, np.ones(4), k=2)
        >>> print(pairs)
        2 eigenvalues of the Hessian, 6 products. All were found to the tolerance.
           5  ± ...
           2  ± ...
        >>> bool(pairs.converged.all())
        True

    References:
        Parlett, "The symmetric eigenvalue problem" (1980), chapters 11 and 13: residual bounds, Lanczos.
        Wu and Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems" (2000).
        Giraud et al., "The loss of orthogonality in the Gram-Schmidt process" (2005): twice is enough.
        Kuczyński and Woźniakowski, "Estimating the largest eigenvalue by the power and Lanczos algorithms with a random
        start" (1992), theorem 4.2: the chance that a random vector misses an eigenvalue.
    """
    matrix = operator_at(surface, params, operator)
    return eigenpairs_of(
        matrix, k=k, which=which, tol=tol, max_hvps=max_hvps, name=operator, key=key, start=start,
        memory_limit=memory_limit, progress=progress,
    )  # fmt: skip


def eigenpairs_of(
    operator: Operator,
    *,
    k: int,
    which: str = "largest",
    tol: float = 1e-3,
    max_hvps: int = 500,
    name: str = "hessian",
    key: Key | None = None,
    start: PyTree | None = None,
    memory_limit: int = 2**30,
    progress: Progress | None = None,
) -> Eigenpairs:
    """Return the outermost eigenpairs of an operator; `eigenvalues` explains the arguments."""
    check_choice("which", which, ENDS)
    k, tol = check_integer("k", k), check_number("tol", tol, above=0)
    count = min(2 * k if which == "both" else k, operator.size)
    max_hvps = check_integer("max_hvps", max_hvps, at_least=2 * count, advice="Each pair needs two products or more.")
    limit = _basis_limit(operator, count, memory_limit)
    before = operator.products
    basis = Krylov(operator, _start(operator, key, start), limit=limit)
    search = Search(basis, k, which, tol, 0 if key is None else key, before + max_hvps - count, progress)
    pairs, status = _pairs_of(search)
    order = outermost(np.array([pair[0] for pair in pairs]), k, which)
    values, vectors, residuals = zip(*(pairs[index] for index in order), strict=True)
    return Eigenpairs(
        values=np.array(values),
        vectors=tuple(operator.unflatten(vector) for vector in vectors),
        residuals=np.array(residuals),
        converged=np.array(residuals) <= tol * basis.scale,
        status=status,
        hvps=operator.products - before,
        scale=basis.scale,
        resolution=RESOLUTION * operator.eps * basis.scale,
        operator=name,
    )


@dataclass
class Search:
    """What is looked for, and in which basis.

    Attributes:
        basis: the basis so far.
        k: how many pairs, at each end with `"both"`.
        which: at which ends.
        tol: the share of the basis's `scale` that residuals may have.
        key: of the random directions in which eigenvalues that repeat are looked for.
        last: the number of products after which there are only those left that certify the pairs.
        progress: whom to tell.
    """

    basis: Krylov
    k: int
    which: str
    tol: float
    key: Key
    last: int
    progress: Progress | None

    @property
    def spent(self) -> bool:
        """Whether there are no products left but those that certify the pairs."""
        return self.basis.operator.products >= self.last

    @property
    def count(self) -> int:
        """How many pairs in all, as far as the space has them."""
        return min(2 * self.k if self.which == "both" else self.k, self.basis.operator.size)


def outermost(values: np.ndarray, k: int, which: str) -> list[int]:
    """Return where the outermost `k` of some values are, outermost first."""
    ascending = np.argsort(values)
    if which == "smallest":
        return [int(index) for index in ascending[:k]]
    if which == "magnitude":
        return [int(index) for index in np.argsort(-np.abs(values))[:k]]
    descending = [int(index) for index in ascending[::-1]]
    return descending[:k] if which == "largest" or len(values) <= k else descending[:k] + descending[k:][-k:]


def _pairs_of(search: Search) -> tuple[list[tuple[float, Vector, float]], str]:
    """Return the pairs wanted, each value with its vector and true residual, and how the search ended."""
    basis = search.basis
    share = 1.0
    while True:
        try:
            status = _extended(search, share)
            if share == 1.0:
                status = _with_repeats(search, status)
        except KeyboardInterrupt:
            if not basis.size:
                raise
            status = "interrupted"
        values, coordinates, _ = basis.ritz()
        chosen = outermost(values, search.k, search.which)
        pairs = [_certified(basis.operator, basis.vector(coordinates[:, index])) for index in chosen]
        if status != "converged" or max(residual for _, _, residual in pairs) <= search.tol * basis.scale:
            return pairs, status
        # the estimates were within the tolerance, the true residuals are not: rounding, or nearly
        share /= 10
        if share < _LEAST_SHARE or basis.closed:
            return pairs, "resolution reached"
        if search.spent:
            return pairs, "not converged"


def _extended(search: Search, share: float, *, beside: bool = False) -> str:
    """Extend the basis until residuals are estimated to be within a share of the tolerance; return why it ended.

    Args:
        search: what is looked for.
        share: of the tolerance.
        beside: whether the basis branched off, and is to rule out that an eigenvalue was passed over, too.
    """
    basis, due = search.basis, search.basis.size
    while True:
        if basis.size >= max(search.count, due, 1) or basis.closed or basis.full:
            due = basis.size + max(1, basis.size // 8)
            values, coordinates, estimates = basis.ritz()
            chosen = outermost(values, search.k, search.which)
            if search.progress is not None:
                search.progress(basis.operator.products, values[chosen], estimates[chosen])
            precise = np.all(estimates[chosen] <= share * search.tol * basis.scale)
            if len(chosen) == search.count and precise and not (beside and _may_miss(search, chosen)):
                return "converged" if basis.complete or not basis.closed else "invariant subspace"
            if basis.closed:
                return "invariant subspace"
            if basis.full:
                outlive = outermost(values, *_restart_size(search))
                basis.restart(values[outlive], coordinates[:, outlive])
                due = basis.size
        if search.spent:
            return "not converged"
        basis.extend()


def _with_repeats(search: Search, status: str) -> str:
    """Look for eigenvalues that repeat, at right angles to those found; return how the search ended.

    A basis that begins with one vector holds one vector of each eigenspace, and misses the others.
    """
    basis, met, branches = search.basis, status, 0
    while status in ("converged", "invariant subspace") and not basis.complete:
        values, coordinates, _ = basis.ritz()
        chosen = outermost(values, search.k, search.which)
        if search.k == 1 and len(chosen) == search.count:
            break
        if search.spent:
            return _UNKNOWN if len(chosen) == search.count else "not converged"
        before, branches = np.sort(values[chosen]), branches + 1
        fresh = basis.operator.random(search.key, "beside", branches)
        basis.branch(values[chosen], coordinates[:, chosen], fresh)
        status = _extended(search, 1.0, beside=True)
        met = status if status == "invariant subspace" else met
        values = basis.ritz()[0]
        after = np.sort(values[outermost(values, search.k, search.which)])
        same = len(after) == len(before) and bool(np.all(np.abs(after - before) <= search.tol * basis.scale))
        if same and len(after) == search.count:
            return _UNKNOWN if status == "not converged" else met
    return status if status == "not converged" else met


def _may_miss(search: Search, chosen: list[int]) -> bool:
    """Return whether an eigenvalue further out than the last of those chosen may have been passed over.

    Of a symmetric operator with eigenvalues from `λₙ` to `λ₁`, the largest Ritz value `θ` that a random vector gives
    after `m` products is below `λ₁ − ε (λ₁ − λₙ)` with a probability of less than `1.648 √n exp(−√ε (2m − 1))`.
    """
    values, _, estimates = search.basis.ritz()
    rest = np.setdiff1d(np.arange(len(values)), chosen)
    if not len(rest):
        return True
    m, outer, allowed = search.basis.chain, np.sort(values[chosen]), search.tol * search.basis.scale
    log_size = np.log(1.648 * np.sqrt(search.basis.operator.size) / _CHANCE)
    spread = max(float(np.ptp(values)), float(np.finfo(float).tiny))
    low, high = {
        "largest": (None, outer[0]),
        "smallest": (outer[-1], None),
        "both": (outer[search.k - 1], outer[-search.k]),
        "magnitude": (-np.min(np.abs(outer)), np.min(np.abs(outer))),
    }[search.which]
    for limit, sense, index in ((high, 1, rest[np.argmax(values[rest])]), (low, -1, rest[np.argmin(values[rest])])):
        if limit is None:
            continue
        gap = (sense * (limit - values[index]) + allowed) / spread
        ruled_out = gap > 0 and np.sqrt(gap) * (2 * m - 1) >= log_size
        settled = estimates[index] <= allowed and _HALF * (2 * m - 1) >= log_size
        if not (ruled_out or (settled and gap > 0)):
            return True
    return False


def _restart_size(search: Search) -> tuple[int, str]:
    """Return how many Ritz pairs outlive a restart, and of which end: those wanted, and half of the rest."""
    many = search.count + (search.basis.limit - search.count) // 2
    return (many // 2 if search.which == "both" else many), search.which


def _certified(operator: Operator, vector: Vector) -> tuple[float, Vector, float]:
    """Return the Rayleigh quotient of a vector, the vector, and its true residual, computed in float64."""
    v, image = np.asarray(vector, np.float64), np.asarray(operator(vector), np.float64)
    unit, squared = unit_of(image), float(v @ v)
    image = image / unit
    value = float(v @ image) / squared
    return value * unit, vector, float(np.linalg.norm(image - value * v) / np.sqrt(squared)) * unit


def _start(operator: Operator, key: Key | None, start: PyTree | None) -> Vector:
    """Return the first vector of the basis, of length 1."""
    random = operator.random(0 if key is None else key, "start")
    if start is None:
        return random
    vector = operator.flatten(start)
    if vector.shape != random.shape:
        raise ShapeError(
            Setting("start"),
            "must be a tree like",
            Setting("params"),
            f", of {operator.size} numbers, got {vector.size}.",
        )
    direction = np.asarray(vector, np.float64)
    length = vector_length(direction)
    if not 0 < length < np.inf:
        return random
    mixed = jnp.asarray(direction / length, operator.dtype) + jnp.asarray(_WARM_SHARE, operator.dtype) * random
    return mixed / jnp.linalg.norm(mixed)


def _basis_limit(operator: Operator, count: int, memory_limit: int) -> int:
    """Return how many vectors the basis may have; growing and restarting need as much again for a moment.

    Raises:
        SettingError: the memory allowed does not hold as many as are needed.
    """
    vector_bytes = operator.size * jnp.dtype(operator.dtype).itemsize
    memory_limit = check_integer("memory_limit", memory_limit)
    room, needed = memory_limit // (2 * vector_bytes) - 1, min(2 * count + 4, operator.size)
    check_integer(
        "memory_limit", memory_limit, at_least=2 * vector_bytes * (needed + 1),
        advice="So many bytes hold the basis for the eigenvalues asked for.",
    )  # fmt: skip
    return min(room, max(_LARGEST_BASIS, 4 * count))
