"""An optimizer: optax's pair of functions, which knows its rule, its numbers and how it was made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import optax

from downslope.core import PyTree, UnknownNameError
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._rule import Rule
from downslope.optimizers._state import OptimizerState, apply_rule, initial_state


@dataclass(frozen=True)
class Initialize:
    """The first half of the pair: everything about an optimizer, and the function that makes its first state.

    Attributes:
        maker: the public function that made it.
        rule: the static part.
        numbers: names of numbers, each with its value or schedule.
        settings: names of the maker's arguments, each with its value.
    """

    maker: Callable
    rule: Rule
    numbers: tuple[tuple[str, object], ...]
    settings: tuple[tuple[str, object], ...]

    @property
    def hyperparams(self) -> dict[str, Any]:
        """Return the numbers and schedules by name."""
        return dict(self.numbers)

    def __call__(self, params: PyTree) -> Any:
        """Return the state before the first step."""
        return initial_state(self, params)


@dataclass(frozen=True)
class Update:
    """The second half of the pair: one step of a rule."""

    rule: Rule

    def __call__(self, updates: PyTree, state: Any, params: PyTree = None, **extra_args: object) -> tuple[PyTree, Any]:
        """Return the updates made of gradients, and the next state. The names are those of optax's protocol."""
        return apply_rule(self.rule, updates, state, params, **extra_args)


class Optimizer(optax.GradientTransformationExtraArgs):
    """Optax's pair `(init, update)`, usable wherever optax's own are, that can also say how it was made.

    Its state is an `OptimizerState`. Two optimizers are equal when they were made with equal settings.

    Example:
        >>> import optax
        >>> from downslope.optimizers import adam
        >>> optimizer = adam(1e-3, b1=0.8)
        >>> isinstance(optimizer, optax.GradientTransformation)
        True
        >>> optimizer
        adam(0.001, b1=0.8)
        >>> init, update = optimizer
    """

    @property
    def rule(self) -> Rule:
        """Return the static part, the same for all numbers."""
        return self._initialize.rule

    @property
    def hyperparams(self) -> dict[str, Any]:
        """Return the numbers and schedules by name."""
        return self._initialize.hyperparams

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments it was made with."""
        return dict(self._initialize.settings)

    @property
    def base(self) -> Optimizer:
        """Return the optimizer within all that is wrapped around it, such as `clip`; itself if nothing is."""
        inner = self.settings.get("optimizer")
        return self if inner is None else inner.base

    @property
    def all_settings(self) -> dict[str, Any]:
        """Return the arguments it was made with and those of the ones within it, the outer one's of the same name."""
        own = self.settings
        inner = own.pop("optimizer", None)
        return own if inner is None else {**inner.all_settings, **own}

    def replace(self, **settings: object) -> Optimizer:
        """Return the optimizer with other arguments, each of the outermost that takes one of its name.

        Raises:
            UnknownNameError: neither it nor any within it takes an argument of that name.
            SettingError: a value is out of bounds.

        Example:
            >>> from downslope.optimizers import clip, sgd
            >>> clip(1.0, sgd(0.1)).replace(learning_rate=0.01)
            clip(1.0, sgd(0.01))
        """
        for name in settings:
            if name not in self.all_settings:
                raise UnknownNameError("settings", name, self.all_settings)
        own = {name: settings[name] for name in settings if name in self.settings}
        rest = {name: settings[name] for name in settings if name not in own}
        if rest:
            own["optimizer"] = self.settings["optimizer"].replace(**rest)
        return self.maker(**self.settings | own)

    @property
    def maker(self) -> Callable:
        """Return the public function it was made by."""
        return self._initialize.maker

    def rendered(self) -> dict[str, object]:
        """Return the public function and its arguments, or the name of a foreign transformation."""
        if "transformation" in self.settings:
            return {"custom": name_of(self.settings["transformation"].update)}
        return {"kind": f"optimizers.{self.maker.__name__}", **self.settings}

    def __repr__(self) -> str:
        """Return the call that makes it, without the arguments left at their defaults; what is foreign by its name."""
        if "transformation" in self.settings:
            return f"{self.maker.__name__}({name_of(self.settings['transformation'].update)})"
        parameters = inspect.signature(self.maker).parameters
        arguments = [
            repr(value) if parameters[name].default is inspect.Parameter.empty else f"{name}={value!r}"
            for name, value in self.settings.items()
            if value != parameters[name].default
        ]
        return f"{self.maker.__name__}({', '.join(arguments)})"

    @property
    def _initialize(self) -> Initialize:
        """Return the first half of the pair, which holds everything about the optimizer."""
        return cast(Initialize, self.init)


if TYPE_CHECKING:
    OptimizerLike = Optimizer | optax.GradientTransformation | tuple[Callable, Callable] | str
    """An optimizer, a transformation of optax, a pair of functions that works as one, or a name."""
else:  # `as_optimizer` says in its own words what it refuses
    OptimizerLike = object


def make(maker: Callable, rule: Rule, numbers: Mapping[str, object], settings: Mapping[str, object]) -> Optimizer:
    """Return the optimizer of a rule.

    Args:
        maker: the public function that makes it.
        rule: the static part.
        numbers: the numbers and schedules that the rule uses, by name.
        settings: all arguments of the maker.
    """
    return Optimizer(Initialize(maker, rule, tuple(numbers.items()), tuple(settings.items())), Update(rule))


def name_of(function: Callable) -> str:
    """Return where a function is defined, as far as it says."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def linear_step(optimizer: Optimizer, state: OptimizerState) -> LinearStep | None:
    """Return the step that was just made as a linear one, computed on the host: nothing compiles.

    Args:
        optimizer: what steps.
        state: after the step: its numbers and moments are those that the step was made with.

    Returns:
        The step; None for rules that do not know it: `nadam`, `adadelta` and those of others.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import linear_step, sgd
        >>> optimizer = sgd(0.5, momentum=0.75)
        >>> linear_step(optimizer, optimizer.init(np.zeros(2)))
        LinearStep(rate=0.5, momentum=0.75, ...)
    """
    numbers = {name: float(value) for name, value in state.hyperparams.items()}
    return linear_step_of(optimizer.rule, state.memory, numbers, int(state.step))
