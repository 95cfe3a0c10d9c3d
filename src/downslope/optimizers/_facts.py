"""The facts of each optimizer, in one place: every list, table, control and check elsewhere reads them here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from downslope.core import Limits
from downslope.optimizers._limits import NUMBERS, NumberFacts


@dataclass(frozen=True)
class Hyperparam:
    """A number that an optimizer takes.

    Attributes:
        name: the argument's.
        default: its value where none is passed; the learning rate's is that of the optimizer's name alone.
        facts: what is true of it in every optimizer.
    """

    name: str
    default: float
    facts: NumberFacts

    @property
    def limits(self) -> Limits:
        """Its bounds, `above`, `at_least` and `below`, as far as there are any."""
        return self.facts.limits


@dataclass(frozen=True)
class FormulaLine:
    """A line of an update rule, in the letters of the function's documentation.

    Fractions have one factor above the `/` and one below; a root covers one factor.

    Attributes:
        text: the line.
        needs: the settings that must be on, or not 0, for the line to hold.
        lacks: the settings that must be off, or 0.
    """

    text: str
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def holds(self, settings: Mapping[str, object]) -> bool:
        """Return whether the line belongs to the rule with these settings; those left out are off."""
        on = {name for name, value in settings.items() if callable(value) or value}
        return on.issuperset(self.needs) and on.isdisjoint(self.lacks)


GRADIENT = (
    FormulaLine("g = ∇L(θ)", lacks=("weight_decay",)),
    FormulaLine("g = ∇L(θ) + λ θ", needs=("weight_decay",)),
)
"""The first line of rules whose weight decay is in the gradient, theirs or that of `l2` around them."""


@dataclass(frozen=True)
class Facts:
    """What is true of an optimizer whatever its numbers are.

    Attributes:
        maker: the public function that makes it.
        label: its name as people write it.
        learning_rate: the rate that its name alone stands for.
        formula: the lines of its step, in order; some hold only with some settings.
        momentum: the name of the number that weighs earlier gradients against the present one; None if it remembers
            the size of gradients only.
        scale_invariant: whether gradients that are all multiplied by a constant make the same steps, up to `eps`: it
            divides by the size of gradients.
        rate_is_length: whether a parameter moves about as far as the learning rate in one of the first steps, however
            large its gradient is: the rate is a length in the units of the parameters.
        accumulates: whether it divides by all gradients so far, so that its steps become ever shorter.
    """

    maker: Callable
    label: str
    learning_rate: float
    formula: tuple[FormulaLine, ...]
    momentum: str | None
    scale_invariant: bool
    rate_is_length: bool
    accumulates: bool = False

    @property
    def name(self) -> str:
        """The name by which `as_optimizer` knows it, that of its function."""
        return self.maker.__name__

    @property
    def hyperparams(self) -> tuple[Hyperparam, ...]:
        """The numbers it takes, in the order of the function's arguments; its yes-or-no choices are none of them."""
        return tuple(
            Hyperparam(name, float(default), NUMBERS[name])
            for name, default in self._defaults.items()
            if not isinstance(default, bool)
        )

    @property
    def choices(self) -> tuple[str, ...]:
        """The yes-or-no choices that its formula tells apart."""
        named = {name for line in self.formula for name in (*line.needs, *line.lacks)}
        return tuple(name for name, default in self._defaults.items() if isinstance(default, bool) and name in named)

    @property
    def decays_weights(self) -> bool:
        """Whether weight decay is one of its numbers."""
        return "weight_decay" in self._defaults

    @property
    def decouples_decay(self) -> bool:
        """Whether its own weight decay is past its averages and divisions, as in those that divide; else it is L2."""
        return self.decays_weights and self.scale_invariant

    @property
    def _defaults(self) -> dict[str, float | bool]:
        """The function's arguments with their defaults."""
        defaults = {name: argument.default for name, argument in inspect.signature(self.maker).parameters.items()}
        return defaults | {"learning_rate": self.learning_rate}
