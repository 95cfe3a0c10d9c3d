"""What a loss surface is: a loss over parameters, its gradient, and its Hessian times a vector.

Everything that measures curvature or draws landscapes sees a loss through these methods only, so it works for networks
of ours and of others, and can be tested on a bowl. A surface answers the same whenever it is asked the same, over a
stated data set and in a stated mode, and changes nothing that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeGuard, TypeVar, runtime_checkable

import jax
import numpy as np

from downslope.core._errors import SettingError
from downslope.core._keys import Key
from downslope.core._message import Advice, Setting
from downslope.core._types import PyTree

Offered = TypeVar("Offered")


@runtime_checkable
class LossSurface(Protocol):
    """A loss `l(θ)` over parameters `θ`, any tree of arrays of floating-point numbers."""

    def value(self, params: PyTree) -> float:
        """Return the loss `l(θ)`; infinite or NaN where it is."""
        ...

    def gradient(self, params: PyTree) -> PyTree:
        """Return the gradient `∇l(θ)`, a tree like `params`."""
        ...

    def hvp(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Hessian times a vector, `H(θ) v`, a tree like `params`."""
        ...

    def values(self, many_params: PyTree) -> jax.Array | np.ndarray:
        """Return the losses at many points, `(points,)`: each leaf of `many_params` has them along its first axis."""
        ...


@runtime_checkable
class LinearizedSurface(Protocol):
    """A surface that multiplies many vectors by the Hessian at one point faster than one by one."""

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], PyTree]:
        """Return the map `v ↦ H(θ) v`; what it keeps of the point lives as long as it does."""
        ...


@runtime_checkable
class GaussNewtonSurface(Protocol):
    """A surface that knows the first term of `H = Jᵀ (∂²l/∂y²) J + Σ (∂l/∂y) ∂²y` alone, `y` the model's outputs."""

    def gauss_newton_product(self, params: PyTree, v: PyTree) -> PyTree:
        """Return `Jᵀ (∂²l/∂y²) J v`, a tree like `params`."""
        ...


@runtime_checkable
class BatchGradientsSurface(Protocol):
    """A surface over rows that can be asked for the gradients of batches of them."""

    @property
    def rows(self) -> int:
        """How many rows the loss is a mean over."""
        ...

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of the mean loss of disjoint batches of `batch_size` rows, drawn at random by `key`.

        Rows that fill no batch are left out. The same key gives the same batches.
        """
        ...


@runtime_checkable
class SomeRowsSurface(Protocol):
    """A surface over rows that can be had over some of them."""

    @property
    def rows(self) -> int:
        """How many rows the loss is a mean over."""
        ...

    def on_rows(self, rows: np.ndarray, *, chunk: int | None = None) -> LossSurface:
        """Return the mean loss over rows of some numbers, computed `chunk` at once."""
        ...


@runtime_checkable
class RowLossesSurface(Protocol):
    """A surface over rows that knows the loss of each."""

    def row_losses(self, params: PyTree) -> jax.Array | np.ndarray:
        """Return what each row adds, `(rows,)`: numbers whose mean is the loss."""
        ...


@runtime_checkable
class PlaneSurface(Protocol):
    """A surface that computes its values on a plane faster than point by point."""

    def values_on_plane(
        self, params: PyTree, first: PyTree, second: PyTree, a: jax.Array | np.ndarray, b: jax.Array | np.ndarray
    ) -> jax.Array | np.ndarray:
        """Return the losses at `θ + a[i] d₁ + b[j] d₂`, `(len(a), len(b))`."""
        ...


def offers(surface: object, protocol: type[Offered]) -> TypeGuard[Offered]:
    """Return whether a surface has all methods of a protocol, also one that passes them on from another it wraps.

    `isinstance` looks at a surface without `__getattr__` from Python 3.12 on, and with it before.
    """
    return all(hasattr(surface, name) for name in vars(protocol) if not name.startswith("_"))


def check_offers_surface(surface: object) -> None:
    """Check that a loss surface came in its place.

    Raises:
        SettingError: something else did; of an estimator it says where its surface is.
    """
    if offers(surface, LossSurface):
        return
    code = f"{run_of_estimator(surface) or 'run'}.surface(), or ds.adapters.from_function(loss_fn, params)"
    raise SettingError(
        Setting("surface"),
        f"must be a loss surface, with value, gradient, hvp and values, got {type(surface).__name__}.",
        Advice("make one:", code=code),
    )


def run_of_estimator(value: object) -> str:
    """Return how to get at the run of an estimator, a pipeline or a search of scikit-learn's kind; empty for others."""
    if not hasattr(value, "get_params"):
        return ""
    searched = getattr(value, "estimator", None)
    if searched is not None and hasattr(value, "refit"):
        return "search.best_estimator_" + run_of_estimator(searched).lstrip("abcdefghijklmnopqrstuvwxyz")
    return "pipeline[-1].run_" if hasattr(value, "named_steps") else "estimator.run_"


def check_repeats(first: float, second: float, *, dtype: np.dtype, function: str = "The loss function") -> None:
    """Check that a function that was asked the same twice gave one answer, up to the order of its sums.

    Raises:
        SettingError: it did not.
    """
    allowed = 1000 * float(np.finfo(dtype).eps)
    if not np.isclose(first, second, rtol=allowed, atol=0, equal_nan=True):
        raise SettingError(
            f"{function} must answer the same whenever it is asked the same, got {first:.9g} and then {second:.9g} at "
            "the same parameters. Fix what is random (dropout off, batch norm in inference mode, keys passed as "
            "constants, no data drawn inside).",
            setting="surface",
        )
