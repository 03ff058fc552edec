"""Columns of the dictionary and fields of interfaces as Arrow has them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import NUMBER_TEXT
from bridge.errors import GoneError
from connectors.sap_rfc import currencies
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.currencies import Currencies
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.types import Column, arrow_field, arrow_of, column, row_of, shifted


def dfies(
    name: str, abap: str, inttype: str, length: int = 0, decimals: int = 0, **more: str
) -> dict[str, Any]:
    return {
        "TABNAME": "ZT",
        "FIELDNAME": name,
        "DATATYPE": abap,
        "INTTYPE": inttype,
        "LENG": f"{length:06}",
        "DECIMALS": f"{decimals:06}",
        **more,
    }


def of(abap: str, inttype: str, length: int = 0, decimals: int = 0, **more: str) -> Column:
    return column(dfies("C", abap, inttype, length, decimals, **more))


@pytest.mark.parametrize(
    ("told", "arrow"),
    [
        (of("CHAR", "C", 10), pa.string()),
        (of("NUMC", "N", 10), pa.string()),
        (of("DATS", "D", 8), pa.date32()),
        (of("TIMS", "T", 6), pa.time32("s")),
        (of("DEC", "P", 5, 2), pa.decimal128(5, 2)),
        (of("DEC", "P", 31, 14), pa.decimal128(31, 14)),
        (of("DEC", "P", 3, 3), pa.decimal128(3, 3)),
        (of("INT1", "b", 3), pa.int16()),
        (of("INT2", "s", 5), pa.int16()),
        (of("INT4", "I", 10), pa.int32()),
        (of("INT4", "X", 10), pa.int32()),
        (of("INT8", "8", 19), pa.int64()),
        (of("FLTP", "F", 16, 16), pa.float64()),
        (of("RAW", "X", 16), pa.binary()),
        (of("STRG", "g"), pa.string()),
        (of("RSTR", "y"), pa.binary()),
        (of("UTCL", "p", 27), pa.string()),
        (of("ZNEW", "?", 5), pa.string()),
    ],
    ids=lambda value: value.abap if isinstance(value, Column) else "",
)
def test_each_type_of_the_dictionary_has_its_arrow_type(told: Column, arrow: pa.DataType) -> None:
    assert told.field == pa.field("C", arrow)


@pytest.mark.parametrize("inttype", ["a", "e"])
def test_decimal_floating_numbers_are_numbers_written_as_text(inttype: str) -> None:
    field = of("D34N", inttype, 34).field
    assert field.type == pa.string()
    assert field.metadata == {b"bridge": b"number"}
    assert field.equals(pa.field("C", pa.string(), metadata=NUMBER_TEXT), check_metadata=True)


def test_a_column_tells_its_key_its_conversion_exit_and_its_currency() -> None:
    told = of("CURR", "P", 13, 2, KEYFLAG="X", CONVEXIT="ALPHA", REFTABLE="ZT", REFFIELD="WAERS")
    assert (told.key, told.alpha, told.reference, told.is_amount) == (True, True, "WAERS", True)
    plain = of("CHAR", "C", 1, KEYFLAG="", CONVEXIT="CUNIT")
    assert (plain.key, plain.alpha, plain.reference, plain.is_amount) == (False, False, None, False)


def test_a_currency_in_another_table_is_told_with_that_table() -> None:
    assert of("CURR", "P", 13, 2, REFTABLE="T001", REFFIELD="WAERS").reference == "T001-WAERS"


def test_an_amount_has_room_for_the_decimals_of_any_currency() -> None:
    assert shifted(of("CURR", "P", 13, 2), 5).field.type == pa.decimal128(18, 5)
    assert shifted(of("CURR", "P", 13, 2), 0).field.type == pa.decimal128(15, 2)
    assert shifted(of("CURR", "P", 31, 2), 9).field.type == pa.decimal256(40, 9)


@pytest.mark.parametrize(
    ("told", "width", "lost"),
    [
        (of("CHAR", "C", 10), 10, ""),
        (of("DEC", "P", 13, 2), 13, ""),
        (of("STRG", "g"), 0, "is a string, which is not in the row itself"),
        (of("RAW", "X", 16), 16, "would be cut: it needs 32 characters, and the function module gives it 16"),
        (of("RAW", "X", 16), 32, ""),
        (
            of("FLTP", "F", 16),
            16,
            "would be rounded: it needs 24 characters, and the function module gives it 16",
        ),
        (of("D34N", "e", 34), 46, ""),
    ],
)
def test_what_a_reader_would_cut_or_round_without_notice_is_known_before(
    told: Column, width: int, lost: str
) -> None:
    assert told.lost(width) == lost


def test_structures_and_tables_are_structs_and_lists_at_any_depth() -> None:
    line = (Field("POS", Kind.NUM, 3), Field("NET", Kind.BCD, 15, 2))
    items = Field("ITEMS", Kind.TABLE, fields=line)
    head = Field("HEAD", Kind.STRUCTURE, fields=(Field("AT", Kind.DATE, 8), items))
    words = Field("WORDS", Kind.TABLE, fields=(Field("", Kind.STRING),))
    item = pa.struct([("POS", pa.string()), ("NET", pa.decimal128(15, 2))])
    assert arrow_of(head) == pa.struct([("AT", pa.date32()), ("ITEMS", pa.list_(item))])
    assert arrow_of(words) == pa.list_(pa.string())
    assert row_of(words).kind is Kind.STRING
    assert row_of(items).fields == line


def test_numbers_written_as_text_are_known_as_such_within_structures() -> None:
    head = Field("HEAD", Kind.STRUCTURE, fields=(Field("RATE", Kind.DECF34),))
    kind = arrow_field(head).type
    assert kind.field("RATE").metadata == {b"bridge": b"number"}


class Told:
    """A system that answers with these lines, and counts the calls."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, list[str]()

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append(function)
        answer: dict[str, Any] = self.answers[function]
        return answer


FIELDS = [
    dfies("MANDT", "CLNT", "C", 3, KEYFLAG="X"),
    dfies("KUNNR", "CHAR", "C", 10, KEYFLAG="X", CONVEXIT="ALPHA"),
    dfies(".INCLUDE", "", ""),
    dfies("NAME1", "CHAR", "C", 35),
]


def test_a_relation_has_its_columns_and_its_key_without_the_client() -> None:
    system = Told(DDIF_FIELDINFO_GET={"DFIES_TAB": FIELDS})
    dictionary = Dictionary(system)
    relation = dictionary.relation("KNA1")
    assert [each.name for each in relation.columns] == ["MANDT", "KUNNR", "NAME1"]
    assert relation.key == ("KUNNR",)
    assert relation.client == "MANDT"
    assert relation.column("KUNNR").alpha
    with pytest.raises(KeyError):
        relation.column("LAND1")


def test_a_table_is_asked_for_once() -> None:
    system = Told(DDIF_FIELDINFO_GET={"DFIES_TAB": FIELDS[1:2]})
    dictionary = Dictionary(system)
    assert dictionary.relation("KNA1") is dictionary.relation("KNA1")
    assert dictionary.relation("KNA1").client is None
    assert len(system.calls) == 1


def test_a_table_without_columns_is_gone() -> None:
    with pytest.raises(GoneError, match="there is no ZNOT"):
        Dictionary(Told(DDIF_FIELDINFO_GET={"DFIES_TAB": []})).relation("ZNOT")


class Tcurx:
    """A reader of that table."""

    def __init__(self) -> None:
        self.texts = {"CURRKEY": ["JPY  ", "KWD  "], "CURRDEC": ["  0", "3 "]}
        self.calls = 0

    def read(self, *_: Any) -> tuple[pa.StringArray, dict[str, pa.StringArray]]:
        self.calls += 1
        texts = self.texts
        return pa.array([], pa.string()), {name: pa.array(some) for name, some in texts.items()}


def test_currencies_have_two_decimals_unless_tcurx_says_otherwise() -> None:
    known = Currencies(Tcurx(), Dictionary(Told(DDIF_FIELDINFO_GET={"DFIES_TAB": FIELDS})))
    assert known.known == {"JPY": 0, "KWD": 3}
    assert known.most == 3
    keys = pa.array(["EUR", "JPY", "", None, "KWD"], pa.string())
    assert known.places(keys).to_pylist() == [2, 0, 2, 2, 3]


def test_a_currency_that_is_added_later_is_known_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reader = [100.0], Tcurx()
    monkeypatch.setattr(currencies, "monotonic", lambda: now[0])
    known = Currencies(reader, Dictionary(Told(DDIF_FIELDINFO_GET={"DFIES_TAB": FIELDS})))
    assert known.places(pa.array(["KRW", "JPY"])).to_pylist() == [2, 0]
    reader.texts = {"CURRKEY": ["JPY", "KRW"], "CURRDEC": ["0", "0"]}
    assert known.places(pa.array(["KRW", "JPY"])).to_pylist() == [2, 0]
    assert reader.calls == 1
    now[0] += currencies.FRESH_S + 1
    assert known.places(pa.array(["KRW", "JPY"])).to_pylist() == [0, 0]
    assert reader.calls == 2
