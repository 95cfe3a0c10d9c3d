"""`downslope demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli._interrupts import let_training_keep_its_result
from downslope.cli._report import counted, print_lines, shown, shown_progress

if TYPE_CHECKING:
    from downslope.data import Dataset
    from downslope.training import Run

FOLDER = Path("runs/demo")
WIDTHS = (64, 64)


def demo(
    store: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new or empty folder for the run, or that of an earlier demo.")
    ] = FOLDER,
) -> None:
    """Train on handwritten digits, say what was learned, and draw it. Takes seconds.

    Writes the run and two figures, loss_curves.png and predictions.png, into FOLDER.
    """
    from downslope.cli._cache import keep_compiled_code
    from downslope.data import load

    keep_compiled_code()
    split = load("digits").split(validation=0.1, test=0.2, seed=0)
    let_training_keep_its_result()
    run = _trained(split, store)
    if split.test is None or run.divergence is not None:
        raise typer.Exit(1)
    figures = _draw(run, split.test, store / "figures")
    print_lines(
        [
            *_learned(run, len(split.train), split.test),
            "",
            "Figures:",
            *(f"  {path}" for path in figures),
            "",
            "Next:",
            f"  downslope predict {store} digits | head",
            "  downslope train iris",
            "  downslope train your_table.csv --target some_column",
        ]
    )


def _trained(split: Any, store: Path) -> Run:
    """Return the trained run; only an earlier demo is written over."""
    from downslope.networks import mlp
    from downslope.optimizers import adam
    from downslope.training import train

    return train(
        mlp(WIDTHS, outputs=10, activation="tanh"),
        split.train,
        optimizer=adam(2e-3),
        epochs=50,
        validation=split.validation,
        early_stopping=20,
        normalize="standard",
        metrics=["accuracy"],
        store=store,
        overwrite=(store / "figures" / "predictions.png").is_file(),
        progress=shown_progress(),
    )


def _draw(run: Run, test: Dataset, folder: Path) -> list[Path]:
    """Write the figures and return where they are."""
    from downslope.figures import example_predictions, loss_curves, save

    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"loss_curves.png": loss_curves(run), "predictions.png": example_predictions(run, test)}
    return [save(figure, folder / name) for name, figure in drawn.items()]


def _learned(run: Run, rows: int, test: Dataset) -> list[str]:
    """Return in plain words what was learned."""
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
        f"Test accuracy: {shown('accuracy', accuracy)}. Of {len(test)} images that it never saw, it names all but "
        f"{wrong}.",
        f"Confused most often: {_confusions(test.y, predicted)}.",
    ]


def _confusions(truth: Any, predicted: Any) -> str:
    """Return the most frequent confusions in words."""
    from collections import Counter

    pairs = Counter((int(t), int(p)) for t, p in zip(truth, predicted, strict=True) if t != p)
    if not pairs:
        return "none"
    times = {1: "once", 2: "twice"}
    most = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:3]
    return ", ".join(f"{t} taken for {p} ({times.get(n, f'{n} times')})" for (t, p), n in most)
