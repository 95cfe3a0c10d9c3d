"""The kinds of findings: one table of their facts.

One fault has many symptoms: inputs on a large scale make the rate too large, kill units and leave the network underfit,
each of which would be found on its own. So each kind says which others it can be the cause of: never the other way
round, for it follows the order in which things act: data and start, then the descent, then its outcome. In that
order the kinds are defined, and named among equals.

A new kind is a member here, a function that finds it in `findings` (or in `starts.findings`), and a case of
`tests/test_findings.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from downslope.diagnosis.finding import Change, Finding

_LEARNS_BADLY = ("ill_conditioned", "rate_too_small", "earlier_layers_slower", "bouncing", "underfit")
_UNITS = ("dead_units", "saturated_units")
_SIGNALS = ("exploding_signal", "vanishing_signal", "exploding_gradients", "vanishing_gradients")
_BATCHES = ("batch_too_large", "batch_too_small")
_OF_A_START = ("local_minimum",)


@dataclass(frozen=True)
class Facts:
    """The facts of a kind of finding.

    Attributes:
        code: its name for programs.
        explains: codes of the kinds that it can be the cause of.
        surely: those of them that it is believed to cause without a comparison with the symptom's own fix.
        by_trial: whether it is found by short trainings alone.
        speeds: whether its fix makes the descent faster; others are about where it ends and what that is worth.
        refuted_by: verdicts that leave no room for it: what it proposes would not help there.
        one_of: whether its alternatives are of one sort, so that the best of them in a first try is what is verified.
    """

    code: str
    explains: tuple[str, ...] = ()
    surely: tuple[str, ...] = ()
    by_trial: bool = False
    speeds: bool = True
    refuted_by: tuple[str, ...] = ()
    one_of: bool = False


class Kind(Enum):
    """A kind of finding."""

    _value_: Facts

    ZERO_WEIGHTS = Facts(
        "zero_weights",
        explains=(*_OF_A_START, "rate_too_large", *_BATCHES, "deeper_than_needed", *_UNITS, *_LEARNS_BADLY),
    )
    IDENTICAL_UNITS = Facts(
        "identical_units",
        explains=(
            *_OF_A_START,
            "rate_too_large",
            "batch_too_large",
            "deeper_than_needed",
            *_SIGNALS,
            *_UNITS,
            *_LEARNS_BADLY,
        ),
    )
    INPUTS_NOT_NORMALIZED = Facts(
        "inputs_not_normalized",
        explains=(*_OF_A_START, *_SIGNALS, *_UNITS, *_BATCHES, "rate_too_large", *_LEARNS_BADLY),
        surely=("rate_too_large",),  # how large a rate may be goes by the square of the inputs
    )
    INPUTS_NOT_CENTERED = Facts(
        "inputs_not_centered",
        explains=(*_OF_A_START, *_SIGNALS, *_UNITS, *_BATCHES, "rate_too_large", *_LEARNS_BADLY),
        surely=("rate_too_large",),  # how large a rate may be goes by the square of the inputs
    )
    TARGETS_NOT_NORMALIZED = Facts(
        "targets_not_normalized", explains=(*_OF_A_START, *_UNITS, *_BATCHES, "rate_too_large", *_LEARNS_BADLY)
    )
    DATA_ORDER_CORRELATED = Facts(
        "data_order_correlated",
        explains=(*_OF_A_START, "overfit", "batch_too_small", "rate_too_large", "dead_units", *_LEARNS_BADLY),
    )
    WEIGHTS_TOO_LARGE = Facts(
        "weights_too_large",
        explains=(*_OF_A_START, *_SIGNALS, *_UNITS, "overfit", "batch_too_large", "rate_too_large", *_LEARNS_BADLY),
    )
    WEIGHTS_TOO_SMALL = Facts(
        "weights_too_small",
        explains=(*_OF_A_START, *_SIGNALS, *_UNITS, "batch_too_large", *_LEARNS_BADLY, "deeper_than_needed"),
    )
    CLASSES_UNBALANCED = Facts("classes_unbalanced", speeds=False)
    LABEL_NOISE = Facts("label_noise", explains=("overfit", "batch_too_small", "bouncing", "underfit"), speeds=False)
    NOTHING_GENERALIZES = Facts(
        "nothing_generalizes",
        explains=("overfit", "underfit", "linear_is_better", "generalization_gap"),
        speeds=False,
    )
    WIDTHS_UNEQUAL = Facts(
        "widths_unequal",
        explains=(
            *_OF_A_START,
            *_UNITS,
            "vanishing_gradients",
            "underfit",
            "ill_conditioned",
            "bouncing",
            "deeper_than_needed",
        ),
        surely=("underfit",),  # widths are made equal without more weights, which a wider network has
    )
    VANISHING_SIGNAL = Facts(
        "vanishing_signal",
        explains=(*_OF_A_START, "vanishing_gradients", "batch_too_large", "deeper_than_needed", *_LEARNS_BADLY),
    )
    VANISHING_GRADIENTS = Facts(
        "vanishing_gradients",
        explains=(*_OF_A_START, "saturated_units", "batch_too_large", "deeper_than_needed", *_LEARNS_BADLY),
    )
    EXPLODING_SIGNAL = Facts(
        "exploding_signal", explains=(*_OF_A_START, "exploding_gradients", *_UNITS, "rate_too_large", *_LEARNS_BADLY)
    )
    EXPLODING_GRADIENTS = Facts(
        "exploding_gradients", explains=(*_OF_A_START, "rate_too_large", *_UNITS, *_LEARNS_BADLY)
    )
    LOCAL_MINIMUM = Facts(
        "local_minimum", explains=("earlier_layers_slower",), speeds=False, refuted_by=("bouncing", "noise_floor")
    )
    BATCH_TOO_SMALL = Facts(
        "batch_too_small",
        explains=("rate_too_large", "overfit", "bouncing"),
        by_trial=True,
        refuted_by=("minimum", "local_minimum"),
    )
    RATE_TOO_LARGE = Facts(
        "rate_too_large",
        explains=(
            *_OF_A_START,
            "overfit",
            *_UNITS,
            "bouncing",
            "underfit",
            "earlier_layers_slower",
            "deeper_than_needed",
        ),
        by_trial=True,
        refuted_by=("minimum", "local_minimum"),
    )
    OVERFIT = Facts(
        "overfit",
        explains=("batch_too_large", "rate_too_small", "underfit", "linear_is_better", "generalization_gap"),
        speeds=False,
    )
    BATCH_TOO_LARGE = Facts(
        "batch_too_large",
        explains=(*_LEARNS_BADLY, "deeper_than_needed"),
        # a rate is too small only for the number of steps, and batches that waste rows are why there are so few
        surely=("rate_too_small",),
        by_trial=True,
        refuted_by=("minimum", "noise_floor"),
    )
    DEAD_UNITS = Facts(
        "dead_units", explains=(*_OF_A_START, *_LEARNS_BADLY, "vanishing_gradients", "deeper_than_needed")
    )
    SATURATED_UNITS = Facts("saturated_units", explains=(*_OF_A_START, *_LEARNS_BADLY, "deeper_than_needed"))
    ILL_CONDITIONED = Facts(
        "ill_conditioned", explains=("rate_too_small", "bouncing", "underfit"), by_trial=True, refuted_by=("minimum",)
    )
    RATE_TOO_SMALL = Facts(
        "rate_too_small",
        explains=("earlier_layers_slower", "underfit"),
        by_trial=True,
        refuted_by=("minimum", "diverged"),
    )
    TOO_FEW_EPOCHS = Facts("too_few_epochs", by_trial=True)
    DEEPER_THAN_NEEDED = Facts("deeper_than_needed", explains=("earlier_layers_slower",), speeds=False)
    WIDER_THAN_NEEDED = Facts("wider_than_needed", speeds=False)
    UNDERFIT = Facts("underfit", by_trial=True, speeds=False)
    EARLIER_LAYERS_SLOWER = Facts("earlier_layers_slower")
    LINEAR_IS_BETTER = Facts("linear_is_better", speeds=False)
    GENERALIZATION_GAP = Facts("generalization_gap", speeds=False, one_of=True)
    BOUNCING = Facts("bouncing", refuted_by=("minimum", "local_minimum", "edge_of_stability", "descending"))

    @property
    def code(self) -> str:
        """Its name for programs."""
        return self._value_.code

    @property
    def facts(self) -> Facts:
        """Its facts."""
        return self._value_

    def finding(
        self,
        severity: str,
        statement: str,
        evidence: str,
        fix: str,
        change: Change | None = None,
        alternatives: tuple[Change, ...] = (),
    ) -> Finding:
        """Return a finding of this kind."""
        return Finding(self.code, severity, statement, evidence, fix, change, alternatives)


_KINDS = {kind.code: kind for kind in Kind}


def facts_of(finding: Finding) -> Facts:
    """Return the facts of a finding's kind; a finding of no kind explains nothing.

    Example:
        >>> facts_of(Finding("underfit", "note", "It underfits.", "1 unit.", "Use more.")).by_trial
        True
    """
    kind = _KINDS.get(finding.code)
    return Facts(finding.code) if kind is None else kind.facts


def rank_of(finding: Finding) -> int:
    """Return a finding's rank among equals: in the order of kinds, findings of no kind last."""
    order = [kind.code for kind in Kind]
    return order.index(finding.code) if finding.code in order else len(order)
