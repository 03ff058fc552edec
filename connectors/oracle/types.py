"""From a column of the dictionary to its Arrow type, and to what is selected so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """`template.format('t."NAME"')` is selected; where `trouble` holds, the value cannot be had (`why`).

    The template is NULL there. `finish` says what is yet to be done to the driver's values (finished.py).
    """

    name: str
    declared: str
    field: pa.Field
    nullable: bool
    template: str = "{0}"
    trouble: str = ""
    why: str = ""
    finish: str = ""
