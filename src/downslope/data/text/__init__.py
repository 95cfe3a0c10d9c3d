"""Text files as bytes in UTF-8, as records, and their cells as numbers."""

from downslope.data.text.encoding import read_text, utf8_encoding
from downslope.data.text.numerals import DECIMALS, PERCENT, THOUSANDS, Marks, Numeral, numeral_of, shows_point
from downslope.data.text.records import Records, cells_of, complete_end, records_of

__all__ = [
    "DECIMALS",
    "PERCENT",
    "THOUSANDS",
    "Marks",
    "Numeral",
    "Records",
    "cells_of",
    "complete_end",
    "numeral_of",
    "read_text",
    "records_of",
    "shows_point",
    "utf8_encoding",
]
