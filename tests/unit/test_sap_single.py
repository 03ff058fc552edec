"""Tables of one wide column, which saprfclib hands over undivided."""

from __future__ import annotations

import pytest

from connectors.sap_rfc.clients.client import CallError, Field, Kind
from connectors.sap_rfc.clients.single import is_single, rows


def table(*fields: Field) -> Field:
    return Field("DATA", Kind.TABLE, fields=fields)


WIDE = table(Field("WA", Kind.CHAR, 128))


def packed(*lines: str) -> bytes:
    whole = (line.encode("utf-16-le", "surrogatepass") for line in lines)
    return b"".join(each + " ".encode("utf-16-le") * (128 - len(each) // 2) for each in whole)


@pytest.mark.parametrize(
    "lines", [(), ("",), ("a", " b ", "Zürich €"), ("a" * 128, "😀" * 64, "b"), ("half \ud83d", "c")]
)
def test_its_rows_are_as_they_were_without_trailing_blanks(lines: tuple[str, ...]) -> None:
    assert rows(WIDE, packed(*lines)) == [{"WA": line.rstrip(" ")} for line in lines]


def test_bytes_that_are_no_rows_are_an_error() -> None:
    with pytest.raises(CallError, match="254 bytes of DATA are no rows of 128 characters"):
        rows(WIDE, packed("a")[:-2])


@pytest.mark.parametrize(
    "other",
    [
        table(Field("WA", Kind.CHAR, 127 + 2)),
        table(Field("TEXT", Kind.CHAR, 72)),
        table(Field("", Kind.CHAR, 512)),
        table(Field("N", Kind.NUM, 128)),
        table(Field("A", Kind.CHAR, 128), Field("B", Kind.CHAR, 128)),
        Field("WA", Kind.CHAR, 128),
    ],
)
def test_other_tables_are_left_to_the_library(other: Field) -> None:
    assert is_single(WIDE)
    assert not is_single(other)
