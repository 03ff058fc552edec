"""Values of SAP as Arrow's, a column at a time, and back.

Nothing is cut or guessed: what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from connectors.sap_rfc.clients.client import Field
from connectors.sap_rfc.types import Column


class Converted(NamedTuple):
    """`refused`: number of the row -> why its value cannot be had, and `array` is null there."""

    array: pa.Array
    refused: Mapping[int, str]


def slices(texts: pa.StringArray, places: Sequence[tuple[int, int]]) -> list[pa.StringArray]:
    """The columns of DATA-WA at (offset, length), which ABAP counts in UTF-16, without trailing blanks."""
    raise NotImplementedError


def texts_to_array(column: Column, texts: pa.StringArray, currencies: pa.Array | None = None) -> Converted:
    """What RFC_READ_TABLE tells of a column. `currencies`: decimals of each row's (Dictionary.places)."""
    raise NotImplementedError


def without_zeros(texts: pa.StringArray) -> pa.StringArray:
    """As the conversion exit ALPHA shows them: leading zeros are gone where there are but digits."""
    raise NotImplementedError


def values_to_array(field: Field, values: Sequence[Any]) -> Converted:
    """What a function answers, a parameter's or a field's values of many rows."""
    raise NotImplementedError


def parameter(field: Field, value: Any, path: str = "") -> Any:
    """A value of YAML or Python as the client takes it. Errors: ConfigError naming the path."""
    raise NotImplementedError
