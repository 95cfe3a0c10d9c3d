"""`downslope spectrum`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import FigureOption, JsonOption, ReadingOptions, RunArgument, reader
from downslope.cli.output import check_figure, counted, draw_into, print_json, print_text, say
from downslope.cli.parse import open_examples, reading_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from downslope.core import LossSurface
    from downslope.curvature import ConditionNumber, Eigenpairs, HessianBlocks, StepModel, TraceEstimate
    from downslope.data import Dataset
    from downslope.training import Run

EDGE = 0.1
"""A rate this close to its limit, as a share of it, is at the edge of stability."""


def spectrum(
    run: RunArgument,
    text: ReadingOptions,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Measure over these rows: a file with the columns of the training data, or a data set's name.",
            show_default="the training rows, read again",
        ),
    ] = None,
    k: Annotated[
        int,
        typer.Option(
            "--k",
            parser=reader(int, "a whole number"),
            metavar="NUMBER",
            help="Eigenvalues at each end of the spectrum.",
        ),
    ] = 5,
    operator: Annotated[
        str, typer.Option(metavar="NAME", help="hessian or gauss_newton, its part that never curves downward.")
    ] = "hessian",
    blocks: Annotated[
        bool, typer.Option("--blocks", help="How much of the Hessian lies outside the blocks of single layers.")
    ] = False,
    tol: Annotated[
        float,
        typer.Option(
            parser=reader(float, "a number above 0"),
            metavar="NUMBER",
            help="The residual allowed to eigenvalues, as a share of the largest magnitude.",
        ),
    ] = 1e-3,
    max_hvps: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number"),
            metavar="NUMBER",
            help="Products with the Hessian, at most, to find eigenvalues; as many again for the condition number.",
        ),
    ] = 500,
    rows: Annotated[
        int | None,
        typer.Option(
            parser=reader(int, "a whole number of rows"),
            metavar="NUMBER",
            help="Measure over so many rows, drawn at random, the same ones each time.",
            show_default="all",
        ),
    ] = None,
    json: JsonOption = False,
    figure: FigureOption = None,
) -> None:
    """Measure how the loss curves where a run ended: eigenvalues, condition, trace, and what a step does to the loss.

    Every eigenvalue comes with its residual, every estimate with its standard error. The run is not changed. All rows
    count unless --rows draws some: the largest eigenvalue of few rows is mostly larger than that of all. With --blocks,
    their figure is drawn beside that of the spectrum, into FILE-blocks.
    """
    from downslope.core import check_choice, check_integer, check_number
    from downslope.training import open_run

    check_figure(figure)
    check_integer("k", k)
    check_number("tol", tol, above=0)
    check_integer("max_hvps", max_hvps, at_least=4 * k, advice="Each of the eigenvalues needs two products or more.")
    check_choice("operator", operator, ("hessian", "gauss_newton"))
    if rows is not None:
        check_integer("rows", rows)
    opened, examples = _run_and_rows(open_run(run), data, rows, text)
    surface = opened.surface(examples)
    keep_compiled_code()
    say(f"{run}: {surface.description}; the parameters after {counted(opened.best_epoch, 'epoch')}.")
    measurements = _measured(opened, surface, k=k, operator=operator, tol=tol, max_hvps=max_hvps, blocks=blocks)
    if json:
        print_json({"run": str(run), "data": data, "rows": surface.rows, **_facts(measurements)})
    else:
        print_text("\n\n".join(_paragraphs(measurements)))
    draw_into(figure, lambda: _spectrum_figure(surface, opened, measurements))
    in_blocks = measurements.blocks
    if figure is not None and in_blocks is not None:
        draw_into(figure.with_stem(f"{figure.stem}-blocks"), lambda: _blocks_figure(in_blocks))


@dataclass(frozen=True)
class Measurements:
    """The measurements of a spectrum.

    Attributes:
        parameters: how many the network has.
        pairs: eigenvalues at both ends.
        condition: the condition number.
        trace: the trace.
        step: what a step along the gradient does.
        limit: the rate from which on descent along the largest curvature diverges.
        own_limit: whether it is that of the run's own optimizer, not of plain gradient descent.
        optimizer: the name of the run's optimizer; None if it cannot be told.
        blocks: the Hessian in blocks; None without `--blocks`.
    """

    parameters: int
    pairs: Eigenpairs
    condition: ConditionNumber
    trace: TraceEstimate
    step: StepModel
    limit: float
    own_limit: bool
    optimizer: str | None
    blocks: HessianBlocks | None


def _run_and_rows(
    opened: Run, source: str | None, rows: int | None, text: ReadingOptions
) -> tuple[Run, Dataset | None]:
    """Return the run, with its recipe where possible, and the rows of another source; None for its training rows."""
    import numpy as np

    from downslope.core import DownslopeError, generator

    def drawn(count: int) -> NDArray[np.int_]:
        return np.sort(generator(0, "spectrum").permutation(count)[:rows])

    if source is None:
        run = opened.with_data()
        part = run.training_rows
        if part is None or rows is None or rows >= len(part):
            return run, None
        return replace(run, training_rows=part.take(drawn(len(part)))), None
    examples = open_examples(source, opened, needs_target=True, reading=reading_of(**asdict(text)))
    say(*examples.notes, *opened.preprocessing.notes_on(examples))
    if rows is not None and rows < len(examples):
        examples = examples.take(drawn(len(examples)))
    try:
        run = opened.with_data()
    except (DownslopeError, OSError):  # the training rows are gone; the surface does not need them
        run = opened
    return run, examples


def _measured(
    run: Run, surface: LossSurface, *, k: int, operator: str, tol: float, max_hvps: int, blocks: bool
) -> Measurements:
    """Measure the spectrum and what follows from it.

    Raises:
        KeyboardInterrupt: Ctrl-C, after printing the eigenvalues as they stood.
    """
    from downslope.core import tree_size
    from downslope.curvature import eigenvalues, hessian_blocks, hessian_trace, step_model

    search: dict[str, Any] = {"k": k, "tol": tol, "max_hvps": max_hvps}
    pairs = eigenvalues(surface, run.params, which="both", operator=operator, **search)
    if pairs.status == "interrupted":
        print_text(str(pairs))
        raise KeyboardInterrupt
    rate = _rate(run)
    name, limit, own_limit = _limit(run, float(pairs.values[0]))
    return Measurements(
        parameters=tree_size(run.params),
        pairs=pairs,
        condition=_condition(run, surface, pairs, max_hvps),
        trace=hessian_trace(surface, run.params, operator=operator),
        step=step_model(surface, run.params, rate, **search),
        limit=limit,
        own_limit=own_limit,
        optimizer=name,
        blocks=hessian_blocks(surface, run.params, operator=operator) if blocks else None,
    )


def _condition(run: Run, surface: LossSurface, pairs: Eigenpairs, max_hvps: int) -> ConditionNumber:
    """Return the condition number; of a large network with certified negative eigenvalues there is none to look for."""
    from downslope.core import tree_size
    from downslope.curvature import ConditionNumber, condition_number

    certain = _certified(pairs)
    if certain and tree_size(run.params) > max_hvps:
        return ConditionNumber(
            kappa=None, largest=float(pairs.values[0]), smallest=None, floor=pairs.resolution, negative=certain,
            effective_rank=None, complete=False, at_least=None, hvps=0,
        )  # fmt: skip
    return condition_number(surface, run.params, operator=pairs.operator, max_hvps=max_hvps)


def _certified(pairs: Eigenpairs) -> int:
    """Return how many of the eigenvalues are below zero for certain."""
    return int((pairs.values + pairs.residuals < -pairs.resolution).sum())


def _rate(run: Run) -> float | None:
    """Return the run's learning rate where its parameters were reached."""
    import numpy as np

    rates = run.history.get("learning_rate", np.empty(0))
    rate = float(rates[max(run.best_epoch, 1) - 1]) if len(rates) else float("nan")
    return rate if np.isfinite(rate) else None


def _limit(run: Run, largest: float) -> tuple[str | None, float, bool]:
    """Return the name of the run's optimizer, the limit of its rate, and whether that is this optimizer's own.

    For those that divide by the size of gradients it is that of plain gradient descent.
    """
    import numpy as np

    from downslope.curvature import stability_limit
    from downslope.optimizers import as_optimizer, facts_of, initial_state, linear_step

    optimizer = None if run.recipe is None else as_optimizer(run.recipe.settings.optimizer)
    if optimizer is None:
        return None, stability_limit(largest), False
    name, facts = optimizer.base.maker.__name__, facts_of(optimizer)
    step = None
    if facts is not None and not facts.scale_invariant:
        state = initial_state(optimizer.replace(learning_rate=1.0), run.params)
        step = linear_step(optimizer, state._replace(step=np.ones((), np.int32)))
    if step is None:
        return name, stability_limit(largest), False
    largest += step.l2 + step.decoupled_weight_decay
    limit = stability_limit(largest, momentum=step.momentum, nesterov=step.nesterov, averaged=step.averaged)
    return name, limit, True


def _paragraphs(measurements: Measurements) -> list[str]:
    """Return the results for readers."""
    step = measurements.step
    together = float(step.shares.sum())
    gathered = f"Together these {len(step.shares)} directions hold {100 * together:.3g} % of the squared gradient."
    whose = "" if measurements.pairs.operator == "hessian" else "With the Hessian itself:\n"
    paragraphs = [
        str(measurements.pairs),
        f"{measurements.condition}\n{_negative(measurements)}\n{measurements.trace}",
        f"{whose}{step}\n{gathered}",
        _stability(measurements),
    ]
    return paragraphs if measurements.blocks is None else [*paragraphs, str(measurements.blocks)]


def _negative(measurements: Measurements) -> str:
    """Return how many directions curve downward, as far as it is known."""
    if measurements.condition.complete:
        return f"Negative directions: {measurements.condition.negative:,} of {measurements.parameters:,}."
    count = max(measurements.condition.negative, _certified(measurements.pairs))
    if not count:
        return "Negative directions: none was found."
    return f"Negative directions: at least {count:,} of {measurements.parameters:,}, certified."


def _stability(measurements: Measurements) -> str:
    """Return the limit that curvature sets to the rate, beside the rate."""
    import math

    rate, limit, optimizer = measurements.step.learning_rate, measurements.limit, measurements.optimizer
    if not measurements.pairs.converged[0]:
        if not math.isfinite(limit):
            return "Stability: the largest eigenvalue did not converge; whether it limits the rate is not known."
        return (
            f"Stability: the largest eigenvalue did not converge, so the limit of the rate is {limit:.3g} or lower. "
            "Allow more products."
        )
    if not math.isfinite(limit) or not measurements.pairs.resolved[0]:
        return "Stability: the loss does not curve upward here, which sets no limit to the rate."
    if not measurements.own_limit:
        other = "" if optimizer is None else f"; {optimizer} has a limit of its own, see downslope diagnose"
        return f"Stability: plain gradient descent diverges from the rate 2/λ = {limit:.3g} on{other}."
    if rate is None:
        return f"Stability: descent along the largest curvature diverges from the rate {limit:.3g} on."
    share = rate / limit
    where = "; this is the edge of stability, which is healthy" if abs(share - 1) <= EDGE else ""
    return (
        f"Stability: descent along the largest curvature diverges from the rate {limit:.3g} on; "
        f"the run's rate {rate:.3g} is {100 * share:.3g} % of it{where}."
    )


def _facts(measurements: Measurements) -> dict[str, object]:
    """Return the results for programs."""
    pairs, trace, step, blocks = measurements.pairs, measurements.trace, measurements.step, measurements.blocks
    rows = zip(pairs.values, pairs.residuals, pairs.converged, pairs.resolved, strict=True)
    names = ("value", "residual", "converged", "resolved")
    condition = asdict(measurements.condition)
    negative = max(condition.pop("negative"), _certified(pairs))
    low, high = trace.interval
    return {
        "parameters": measurements.parameters,
        "operator": pairs.operator,
        "eigenvalues": [dict(zip(names, (cell.item() for cell in row), strict=True)) for row in rows],
        "status": pairs.status,
        "resolution": pairs.resolution,
        "condition": condition,
        "negative_directions": {"count": negative, "exact": measurements.condition.complete},
        "trace": {
            "value": trace.value,
            "standard_error": trace.standard_error,
            "interval": [low, high] if trace.probes else None,
            "probes": trace.probes,
        },
        "step_model": {
            "learning_rate": step.learning_rate,
            "loss": step.loss,
            "gradient_norm": step.gradient_norm,
            "rayleigh_quotient": step.rayleigh_quotient,
            "squared_gradient": step.squared_gradient,
            "curvature": step.curvature,
            "best_step": step.best_step,
            "ratio": step.ratio,
            "predicted_loss": step.predicted_loss,
            "observed_loss": step.observed_loss,
            "lost_in_rounding": step.lost_in_rounding,
            "eigenvalues": step.eigenvalues.tolist(),
            "converged": step.converged.tolist(),
            "shares": step.shares.tolist(),
        },
        "stability": {
            "optimizer": measurements.optimizer,
            "limit": measurements.limit,
            "converged": bool(measurements.pairs.converged[0]),
            "sentence": _stability(measurements),
        },
        "blocks": None if blocks is None else _block_facts(blocks),
    }


def _block_facts(blocks: HessianBlocks) -> dict[str, object]:
    """Return the blocks for programs."""
    import math

    norms = [norm if math.isfinite(norm) else None for norm in blocks.squared_norms.tolist()]
    shares = [share if math.isfinite(share) else None for share in blocks.shares.tolist()]
    listed = zip(blocks.names, blocks.sizes, norms, shares, strict=True)
    return {
        "share_outside": blocks.share_outside,
        "standard_error": blocks.standard_error,
        "squared_norm": blocks.squared_norm,
        "groups": [
            {"name": name, "parameters": size, "squared_norm": norm, "share": share}
            for name, size, norm, share in listed
        ],
    }


def _spectrum_figure(surface: LossSurface, run: Run, measurements: Measurements) -> Figure:
    """Return the figure of the spectrum, the Gauss–Newton term beside it if that was measured."""
    from downslope.curvature import spectral_density
    from downslope.figures import spectrum as drawn

    say("Measuring the density of eigenvalues for the figure.")
    density = spectral_density(surface, run.params)
    if measurements.pairs.operator == "hessian":
        return drawn(density, measurements.pairs, trace=measurements.trace)
    term = spectral_density(surface, run.params, operator="gauss_newton")
    return drawn(density, measurements.pairs, gauss_newton=term)


def _blocks_figure(blocks: HessianBlocks) -> Figure:
    """Return the figure of the blocks."""
    from downslope.figures import hessian_blocks as drawn

    return drawn(blocks)
