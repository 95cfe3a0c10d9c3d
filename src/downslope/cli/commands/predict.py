"""`downslope predict`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import FileArgument, ReadingOptions, RunArgument
from downslope.cli.output import counted, print_rows, say, without_warnings
from downslope.cli.parse import open_examples, reading_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from polars import DataFrame

    from downslope.data import Dataset
    from downslope.training import Run


def predict(
    run: RunArgument,
    file: FileArgument,
    text: ReadingOptions,
    output: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write there instead of to stdout.")] = None,
) -> None:
    """Predict with a trained network: CSV with a line for each row of FILE.

    The column [bold]prediction[/bold] holds the label, or the number in the target's own units. For classes, where the
    loss gives probabilities, [bold]probability_CLASS[/bold] follows for each class. The target need not be in FILE.
    """
    from downslope.core import working
    from downslope.training import open_run

    opened = open_run(run)
    data = open_examples(file, opened, needs_target=False, reading=reading_of(**asdict(text)))
    keep_compiled_code()
    say(*data.notes, *opened.preprocessing.notes_on(data))
    with without_warnings(), working("auto", f"Predicting {counted(len(data), 'row')}"):
        content = prediction_table(opened, data).write_csv()
    if output is None:
        print_rows(content)
        return
    try:
        output.write_text(content, encoding="utf-8")
    except OSError as error:
        from downslope.core import Setting, SettingError

        raise SettingError(
            Setting("output"), f"must be a file that can be written, got {str(output)!r}: {error.strerror}."
        ) from error
    say(f"Wrote {counted(len(data), 'prediction')} to {output}.")


def prediction_table(run: Run, x: Dataset | DataFrame | ArrayLike) -> DataFrame:
    """Return the predictions for rows as a polars table.

    Args:
        run: the trained run.
        x: rows as in its training data.

    Returns:
        A table with `prediction` (or `prediction_0`, `prediction_1`, … for several targets), and `probability_<class>`
        where there are probabilities.
    """
    import polars

    predicted = run.predict(x)
    if predicted.ndim == 2:
        return polars.DataFrame({f"prediction_{i}": predicted[:, i] for i in range(predicted.shape[1])})
    columns = {"prediction": predicted}
    if run.task == "classification" and run.loss.inverse_link is not None:
        shares = run.predict_proba(x)
        labels = run.preprocessing.class_labels
        columns |= {f"probability_{label}": shares[:, i] for i, label in enumerate(labels)}
    return polars.DataFrame(columns)
