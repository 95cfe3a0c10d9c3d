"""scikit-learn's callback protocol, which its versions from 1.9 on have; with older ones there is none to speak.

The protocol is young. All that knows of it is in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks  # pyright: ignore[reportAssignmentType]
except ImportError:
    Method = TypeVar("Method", bound=Callable)

    class CallbackSupportMixin:  # pyright: ignore[reportRedeclaration]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Method) -> Method:
        """Return the method as it is: this scikit-learn has no callbacks."""
        return method


__all__ = ["CallbackSupportMixin", "FitTask", "FittedAttributes", "with_callbacks"]

FittedAttributes = Callable[[], dict[str, object]]
"""Returns the fitted attributes of an estimator whose fit had ended at this moment."""


@runtime_checkable
class TaskContext(Protocol):
    """scikit-learn's context of one task, as far as it is used here."""

    def call_on_fit_task_begin(self, *, estimator: object, **hook_arguments: object) -> object:
        """Tell the callbacks that the task begins."""
        ...

    def call_on_fit_task_end(self, *, estimator: object, **hook_arguments: object) -> bool:
        """Tell the callbacks that the task has ended; return whether one of them wants the fit to stop."""
        ...

    def subcontext(self, *, task_name: str) -> TaskContext:
        """Return the context of a task inside this one."""
        ...


class FitTask:
    """A fit as callbacks see it: one task, with a task inside for each pass over the rows.

    Args:
        estimator: the estimator that is fitted.
        passes: how many there are at most; 0 if they cannot be reported one by one.
        hook_arguments: passed to the hooks: `X`, `y`, `metadata`.
    """

    def __init__(self, estimator: object, passes: int, **hook_arguments: object):
        self._estimator, self._passes_left, self._hook_arguments = estimator, passes, hook_arguments
        self._fit_context: TaskContext | None = None
        self._pass_context: TaskContext | None = None
        new_context = getattr(estimator, "_init_callback_context", None)
        if new_context is not None:
            self._fit_context = self._begun(new_context(max_subtasks=passes))
            self._begin_pass()

    def pass_ended(self, fitted: FittedAttributes) -> bool:
        """Report the end of a pass, and the begin of the next; return whether a callback wants the fit to stop.

        Args:
            fitted: returns the fitted attributes of an estimator whose fit had ended here.
        """
        if self._pass_context is None:
            return False
        stop = self._pass_context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=fitted, **self._hook_arguments
        )
        self._pass_context = None
        if not stop:
            self._begin_pass()
        return bool(stop)

    def ended(self, fitted: FittedAttributes) -> None:
        """Report the end of the fit; a pass that was begun and came to nothing ends without a model."""
        if self._pass_context is not None:
            self._pass_context.call_on_fit_task_end(estimator=self._estimator)
        if self._fit_context is not None:
            self._fit_context.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=fitted, **self._hook_arguments
            )

    def _begin_pass(self) -> None:
        """Report the begin of the next pass, if there is one."""
        if self._fit_context is not None and self._passes_left > 0:
            self._passes_left -= 1
            self._pass_context = self._begun(self._fit_context.subcontext(task_name="pass"))

    def _begun(self, context: TaskContext) -> TaskContext:
        """Return the context of a task after its begin was reported."""
        context.call_on_fit_task_begin(estimator=self._estimator, **self._hook_arguments)
        return context
