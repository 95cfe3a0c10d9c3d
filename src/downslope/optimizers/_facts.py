"""The facts of each optimizer, in one place: every list, table, control and check elsewhere reads them here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from downslope.optimizers._limits import LIMITS, Limits


@dataclass(frozen=True)
class Hyperparam:
    """A number that an optimizer takes.

    Attributes:
        name: the argument's.
        default: its value where none is passed; the learning rate's is that of the optimizer's name alone.
        limits: its bounds, `above`, `at_least` and `below`, as far as there are any.
    """

    name: str
    default: float
    limits: Limits


@dataclass(frozen=True)
class Facts:
    """What is true of an optimizer whatever its numbers are.

    Attributes:
        maker: the public function that makes it.
        learning_rate: the rate that its name alone stands for.
        formula: its step, in the letters of the function's documentation.
        momentum: the name of the number that weighs earlier gradients against the present one; None if it remembers
            the size of gradients only.
        scale_invariant: whether gradients that are all multiplied by a constant make the same steps, up to `eps`: it
            divides by the size of gradients.
        rate_is_length: whether a parameter moves about as far as the learning rate in one of the first steps, however
            large its gradient is: the rate is a length in the units of the parameters.
    """

    maker: Callable
    learning_rate: float
    formula: str
    momentum: str | None
    scale_invariant: bool
    rate_is_length: bool

    @property
    def name(self) -> str:
        """The name by which `as_optimizer` knows it, that of its function."""
        return self.maker.__name__

    @property
    def hyperparams(self) -> tuple[Hyperparam, ...]:
        """The numbers it takes, in the order of the function's arguments; its yes-or-no choices are none of them."""
        defaults = {name: argument.default for name, argument in inspect.signature(self.maker).parameters.items()}
        defaults["learning_rate"] = self.learning_rate
        return tuple(
            Hyperparam(name, float(default), LIMITS[name])
            for name, default in defaults.items()
            if not isinstance(default, bool)
        )
