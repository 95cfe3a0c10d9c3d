"""The description of a network in an exported file, besides its numbers."""

from __future__ import annotations

from downslope import losses
from downslope.core import render
from downslope.losses import Loss
from downslope.runs import current_versions
from downslope.training import Run

OWN_LINK = "custom"

_LINKS = {"softmax": losses.cross_entropy, "sigmoid": losses.binary_cross_entropy, "exp": losses.poisson}


def link_name(loss: Loss) -> str | None:
    """Return the name of the map from outputs to means: `"softmax"`, `"sigmoid"`, `"exp"`, `"custom"` or None.

    Example:
        >>> link_name(losses.cross_entropy), link_name(losses.hinge)
        ('softmax', None)
    """
    if loss.inverse_link is None:
        return None
    return next((name for name, known in _LINKS.items() if loss.inverse_link is known.inverse_link), OWN_LINK)


def description(run: Run) -> dict[str, object]:
    """Return, as plain JSON, all that predicting needs besides the parameters, in the words of `run.json`.

    Returns:
        `network`, `loss` and `preprocessing` as a run's record has them (classes and feature names are in the last);
        `link`, which see `link_name`; `versions` of the packages that wrote it.
    """
    return {
        "network": render(run.net),
        "loss": render(run.loss),
        "link": link_name(run.loss),
        "preprocessing": run.preprocessing.as_json(),
        "versions": current_versions(),
    }
