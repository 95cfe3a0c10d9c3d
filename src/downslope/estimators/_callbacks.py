"""scikit-learn's callback protocol, which its versions from 1.9 on have; with older ones there is none to speak.

The protocol is young. All that knows of it is in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks  # pyright: ignore[reportAssignmentType]
except ImportError:

    class CallbackSupportMixin:  # pyright: ignore[reportRedeclaration]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is: this scikit-learn has no callbacks."""
        return method


__all__ = ["CallbackSupportMixin", "FitTask", "with_callbacks"]


class FitTask:
    """A fit as callbacks see it: one task, with a task inside for each pass over the rows.

    Args:
        estimator: whose fit it is.
        passes: how many there are at most; 0 if they cannot be shown one by one.
        shown: what the hooks are given: `X`, `y`, `metadata`.
    """

    def __init__(self, estimator: Any, passes: int, **shown: Any):
        self._estimator, self._left, self._shown = estimator, passes, shown
        self._pass: Any = None
        self._whole: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._whole = estimator._init_callback_context(max_subtasks=passes)
            self._whole.call_on_fit_task_begin(estimator=estimator, **shown)
            self._begin_pass()

    def pass_ended(self, fitted: Callable[[], dict[str, Any]]) -> bool:
        """Show the end of a pass, and the begin of the next; return whether a callback wishes for the end of it all.

        Args:
            fitted: returns the attributes that make the estimator what it would be if the fit had ended here.
        """
        if self._pass is None:
            return False
        stop = self._pass.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=fitted, **self._shown
        )
        self._pass = None
        if not stop:
            self._begin_pass()
        return bool(stop)

    def ended(self, fitted: Callable[[], dict[str, Any]]) -> None:
        """Show the end of the fit; a pass that was begun and came to nothing ends without a model."""
        if self._pass is not None:
            self._pass.call_on_fit_task_end(estimator=self._estimator)
        if self._whole is not None:
            self._whole.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes=fitted, **self._shown)

    def _begin_pass(self) -> None:
        """Show the begin of the next pass, if there is one."""
        if self._left > 0:
            self._left -= 1
            self._pass = self._whole.subcontext(task_name="pass")
            self._pass.call_on_fit_task_begin(estimator=self._estimator, **self._shown)
