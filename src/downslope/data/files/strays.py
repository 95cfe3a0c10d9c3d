"""The message about cells that are no numbers in columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from downslope.core import Advice, DataError
from downslope.data.files.surveys import LISTED, Survey


def stray_error(surveys: Mapping[str, Survey], file: str, words: Sequence[str]) -> DataError:
    """Return the error that lists the cells of all columns of numbers that are none.

    Args:
        surveys: of the columns of numbers that are read, by name.
        file: its name.
        words: those that stand for missing cells there already.
    """
    stray = {name: survey for name, survey in surveys.items() if survey.strays}
    total = sum(survey.filled - survey.numbers for survey in stray.values())
    cells = [(name, cell) for name, survey in stray.items() for cell in survey.strays]
    listed = [
        f"{cell.text!r} in {cell.short_position if number else cell.position}"
        + (f" of {name!r}" if len(stray) > 1 else "")
        for number, (name, cell) in enumerate(cells[:LISTED])
    ]
    texts = list(dict.fromkeys(text for survey in stray.values() for text in survey.stray_words))
    columns = "Column" if len(stray) == 1 else "Columns"
    verb = "holds" if len(stray) == 1 else "hold"
    more = f", … ({total:,} in all)" if total > len(listed) else ""
    advice = [Advice("correct these cells" if total > 1 else "correct that cell")]
    if len(texts) < LISTED:
        advice.append(Advice("read them as missing" if total > 1 else "read it as missing", missing=[*words, *texts]))
    advice.append(Advice(f"declare the column{'s' * (len(stray) > 1)} categorical", categorical=list(stray)))
    return DataError(f"{columns} {', '.join(map(repr, stray))} {verb} numbers, but {', '.join(listed)}{more}.", *advice)
