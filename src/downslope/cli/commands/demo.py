"""`downslope demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.output import command_line, counted, print_lines, score_text, shown_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from downslope.data import Dataset, Split
    from downslope.landscape import Projection, Slice
    from downslope.training import Run

FOLDER = Path("runs/demo")
WIDTHS = (64, 64)
EVERY = 20
"""Steps between two points of the path that is drawn."""


def demo(
    store: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new or empty folder for the run, or that of an earlier demo.")
    ] = FOLDER,
) -> None:
    """Train on handwritten digits, say what was learned, and draw it. Takes seconds.

    Writes the run into FOLDER, and into its folder figures what there is to see: loss_curves.png, predictions.png, and
    the surface that the training came down, as surface.png and as a page to turn and play, surface.html.
    """
    from downslope.data import load

    keep_compiled_code()
    split = load("digits").split(validation=0.1, test=0.2, seed=0)
    raise_on_interrupt()
    run = _trained(split, store)
    if split.test is None or run.divergence is not None:
        raise typer.Exit(1)
    plane, path = _surface(run)
    figures = _draw(run, split.test, plane, path, store / "figures")
    print_lines(
        [
            *_learned(run, len(split.train), split.test),
            "",
            *_surface_in_words(path),
            "",
            "Figures:",
            *(f"  {figure}" for figure in figures),
            "",
            "Next:",
            f"  {command_line('predict', store, 'digits')} | head",
            "  downslope train iris",
            "  downslope train your_table.csv --target some_column",
        ]
    )


def _trained(split: Split, store: Path) -> Run:
    """Return the trained run; only an earlier demo is written over."""
    from downslope.networks import mlp
    from downslope.optimizers import adam
    from downslope.training import Record, train

    return train(
        mlp(WIDTHS, outputs=10, activation="tanh"),
        split.train,
        optimizer=adam(2e-3),
        epochs=50,
        validation=0.0 if split.validation is None else split.validation,
        early_stopping=20,
        normalize="standard",
        metrics=["accuracy"],
        record=Record(parameters_every=EVERY),
        store=store,
        overwrite=(store / "figures" / "predictions.png").is_file(),
        progress=shown_progress(),
    )


def _surface(run: Run) -> tuple[Slice, Projection]:
    """Return the loss on the plane that holds most of the training's path, and that path."""
    from downslope.landscape import project, slice_2d

    plane = slice_2d(run.surface(), run.params, directions="pca", trajectory=run.trajectory, progress=False)
    return plane, project(run.trajectory, plane)


def _draw(run: Run, test: Dataset, plane: Slice, path: Projection, folder: Path) -> list[Path]:
    """Write the figures and return their paths."""
    from downslope.figures import example_predictions, loss_curves, save, surface_contour, surface_page

    folder.mkdir(parents=True, exist_ok=True)
    paths = {"adam": path}
    drawn = {
        "loss_curves.png": loss_curves(run),
        "predictions.png": example_predictions(run, test),
        "surface.png": surface_contour(plane, paths, center=f"kept: epoch {run.best_epoch} of {run.epochs}"),
    }
    page = folder / "surface.html"
    page.write_text(surface_page(plane, paths, title="The way down: digits"), encoding="utf-8")
    return [*(save(figure, folder / name) for name, figure in drawn.items()), page]


def _surface_in_words(path: Projection) -> list[str]:
    """Return in words how much of the training's path the surface shows."""
    share = 1.0 if path.explained is None else path.explained
    return [
        f"The way down, from a loss of {path.losses[0]:.3g} to {path.losses[-1]:.3g}, is drawn on the plane that holds "
        f"{100 * share:.3g} %",
        f"of its movement; the way lies off that plane by up to {path.distances.max():.3g}, at its own true losses.",
    ]


def _learned(run: Run, rows: int, test: Dataset) -> list[str]:
    """Return in plain words the accuracy and the confusions."""
    from downslope.core import tree_size

    predicted = run.predict(test.x)
    wrong = int((predicted != test.y).sum())
    accuracy = run.evaluate(test)["accuracy"]
    layers = " → ".join(map(str, (test.x.shape[1], *WIDTHS, 10)))
    return [
        f"A network of {layers} units, {tree_size(run.params):,} parameters, learned from {counted(rows, 'image')}",
        f"in {counted(run.epochs, 'epoch')}; it keeps those of epoch {run.best_epoch}, where the validation loss was "
        "lowest.",
        "",
        f"Test accuracy: {score_text('accuracy', accuracy)}. Of {len(test)} images that it never saw, it names all but "
        f"{wrong}.",
        f"Confused most often: {_confusions(test.y, predicted)}.",
    ]


def _confusions(truth: NDArray, predicted: NDArray) -> str:
    """Return the most frequent confusions in words."""
    from collections import Counter

    pairs = Counter((int(t), int(p)) for t, p in zip(truth, predicted, strict=True) if t != p)
    if not pairs:
        return "none"
    times = {1: "once", 2: "twice"}
    most = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:3]
    return ", ".join(f"{t} taken for {p} ({times.get(n, f'{n} times')})" for (t, p), n in most)
