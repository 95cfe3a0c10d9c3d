"""The Hessian in blocks, one a layer or a neuron, and how much of it lies outside them."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree, check_integer, representable, unit_of
from downslope.curvature._dense import dense_matrix
from downslope.curvature._groups import groups
from downslope.curvature._intervals import mean_and_error
from downslope.curvature._operator import Operator, operator_at


@dataclass(frozen=True)
class HessianBlocks:
    """How much of the Hessian lies in its diagonal blocks: how little groups of parameters interact.

    Squared norms of a Hessian below 1e-154 or above 1e154 are beyond double precision; shares are not, so all is kept
    of `H / unit`.

    Attributes:
        names: of the groups.
        sizes: how many parameters each has.
        scaled_norms: `‖H_bb / unit‖²` (Frobenius) of each diagonal block; an estimate may be below 0.
        scaled_norm: `‖H / unit‖²` of the whole.
        share_outside: `1 − Σ ‖H_bb‖² / ‖H‖²`; None for a Hessian of zeros.
        standard_error: of the share; 0 where every column was computed.
        scaled_interactions: `‖H_ab / unit‖²` of every pair of groups where every column was computed, else None.
        probes: how many random probes were used; 0 where every column was computed.
        hvps: how many products with the operator were computed.
        unit: a power of two.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    scaled_norms: Float[np.ndarray, " groups"]
    scaled_norm: float
    share_outside: float | None
    standard_error: float
    scaled_interactions: Float[np.ndarray, "groups groups"] | None
    probes: int
    hvps: int
    unit: float = 1.0

    @property
    def squared_norms(self) -> Float[np.ndarray, " groups"]:
        """`‖H_bb‖²` of each diagonal block; NaN where double precision cannot hold it."""
        return self._squared(self.scaled_norms)

    @property
    def squared_norm(self) -> float | None:
        """`‖H‖²`; None where double precision cannot hold it."""
        return representable(self.scaled_norm, self.unit, self.unit)

    @property
    def interactions(self) -> Float[np.ndarray, "groups groups"] | None:
        """`‖H_ab‖²` of every pair of groups, NaN where double precision cannot hold it; None where not computed."""
        return None if self.scaled_interactions is None else self._squared(self.scaled_interactions)

    @property
    def shares(self) -> Float[np.ndarray, " groups"]:
        """`‖H_bb‖² / ‖H‖²` of each diagonal block; NaN for a Hessian of zeros."""
        return self.scaled_norms / (self.scaled_norm or np.nan)

    @property
    def interaction_shares(self) -> Float[np.ndarray, "groups groups"] | None:
        """`‖H_ab‖² / ‖H‖²` of every pair of groups; None where not every column was computed."""
        return None if self.scaled_interactions is None else self.scaled_interactions / (self.scaled_norm or np.nan)

    def _squared(self, scaled: np.ndarray) -> np.ndarray:
        """Return squared norms of `H` from those of `H / unit`."""
        products = [representable(value, self.unit, self.unit) for value in scaled.reshape(-1).tolist()]
        return np.array([np.nan if value is None else value for value in products]).reshape(scaled.shape)

    def __str__(self) -> str:
        if self.share_outside is None:
            return f"The Hessian is zero; {len(self.names)} blocks."
        how = "exact" if not self.probes else f"± {100 * self.standard_error:.2g} %, {self.probes} probes"
        lines = [
            f"{100 * self.share_outside:.3g} % of ‖H‖² lies outside the {len(self.names)} blocks ({how}, {self.hvps} "
            "products)."
        ]
        for index in np.argsort(-self.scaled_norms)[:8]:
            share = 100 * self.shares[index]
            lines.append(f"  {self.names[index] or 'all'}: {share:.3g} % ({self.sizes[index]:,} parameters)")
        if self.squared_norm is None:
            lines.append("  (‖H‖² itself is beyond double precision.)")
        return "\n".join(lines)


def hessian_blocks(
    surface: LossSurface,
    params: PyTree,
    *,
    by: str = "layer",
    probes: int = 40,
    exact_up_to: int = 1000,
    operator: str = "hessian",
    key: Key | None = None,
) -> HessianBlocks:
    """Return the Hessian's diagonal blocks and the share of `‖H‖²` outside them.

    For few parameters every column is computed. For many, with random signs `z` and one more random sign `s_b` for each
    group, the products of two draws of `s` with the same `z` are unbiased for all blocks at once:

        ‖H_bb‖² = E (s_b H s z)_b · (s′_b H s′ z)_b          ‖H‖² = E ‖H z‖²

    since the other groups' signs average out. The Hessian is never formed.

    Args:
        surface: the loss.
        params: the point.
        by: `"layer"` (leaves under one parent), `"neuron"` (a unit of a leaf's last axis: its weights and its bias) or
            `"leaf"`.
        probes: how many random `z`, each with two products.
        exact_up_to: every column is computed up to so many parameters.
        operator: `"hessian"` or `"gauss_newton"`.
        key: of the probes.

    Returns:
        Each block's squared norm, the share outside and its standard error, and the pairs where all is known.

    Raises:
        SettingError: a setting that cannot be, or a Hessian that is not finite at this point.

    Example:
        Two parameters that interact, and one that does not:

        >>> from downslope.core import FunctionSurface
        >>> loss = lambda p: p["a"][0] ** 2 + p["b"][0] ** 2 + p["a"][0] * p["b"][0] + 3 * p["c"][0] ** 2
        >>> params = {name: np.ones(1) for name in "abc"}
        >>> print(hessian_blocks(FunctionSurface(loss, params), params))
        4.35 % of ‖H‖² lies outside the 3 blocks (exact, 3 products).
          c: 78.3 % (1 parameters)
          a: 8.7 % (1 parameters)
          b: 8.7 % (1 parameters)

    References:
        Martens and Grosse, "Optimizing neural networks with Kronecker-factored approximate curvature" (2015), on
        block-diagonal curvature.
    """
    matrix = operator_at(surface, params, operator)
    probes = check_integer("probes", probes, at_least=2)
    exact_up_to = check_integer("exact_up_to", exact_up_to, at_least=0)
    names, labels = groups(params, by)
    sizes = tuple(int(count) for count in np.bincount(labels, minlength=len(names)))
    if matrix.size <= exact_up_to:
        return _exact(matrix, names, sizes, labels)
    return _estimated(matrix, names, sizes, labels, probes, 0 if key is None else key)


def _exact(matrix: Operator, names: tuple[str, ...], sizes: tuple[int, ...], labels: np.ndarray) -> HessianBlocks:
    """Return the blocks from every column."""
    dense = dense_matrix(matrix)
    unit = unit_of(dense)
    squares = (dense / unit) ** 2
    members = (labels[None, :] == np.arange(len(names))[:, None]).astype(float)
    interactions = members @ squares @ members.T
    total, inside = float(np.sum(interactions)), np.diag(interactions).copy()
    share = 1 - float(np.sum(inside)) / total if total else None
    return HessianBlocks(names, sizes, inside, total, share, 0.0, interactions, 0, matrix.products, unit)


def _estimated(
    matrix: Operator, names: tuple[str, ...], sizes: tuple[int, ...], labels: np.ndarray, probes: int, key: Key
) -> HessianBlocks:
    """Return the blocks from random probes; the share's error by the jackknife over them."""
    inside, totals, unit = np.empty((probes, len(names))), np.empty(probes), 0.0
    for probe in range(probes):
        z = np.asarray(matrix.signs(key, "blocks", probe), np.float64)
        images = []
        for draw in range(2):
            signs = np.asarray(matrix.signs(key, "groups", probe, draw), np.float64)[: len(names)][labels]
            image = np.asarray(matrix(jnp.asarray(signs * z, matrix.dtype)), np.float64)
            unit = unit or (unit_of(image) if image.any() else 0.0)
            images.append(signs * image / (unit or 1.0))
        inside[probe] = np.bincount(labels, images[0] * images[1], minlength=len(names))
        totals[probe] = 0.5 * (images[0] @ images[0] + images[1] @ images[1])
    total = float(np.mean(totals))
    share, error = None, 0.0
    if total:
        share = 1 - float(np.mean(inside.sum(axis=1))) / total
        left_out = 1 - (inside.sum() - inside.sum(axis=1)) / (totals.sum() - totals)
        error = mean_and_error(left_out)[1] * (probes - 1)
    return HessianBlocks(
        names, sizes, inside.mean(axis=0), total, share, error, None, probes, matrix.products, unit or 1.0
    )
