"""Half of a surrogate pair has no form in UTF-8: it is told, and never becomes a question mark."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.contract import Ask
from bridge.errors import PermanentError
from connectors.jdbc import types
from connectors.jdbc.connector import JdbcConnector
from connectors.jdbc.statements import Statement
from tests.integration.jdbc_tables import Corner, polled

FIRST, OTHER, SECOND = "CHAR(55357)", "CHAR(55358)", "CHAR(56832)"
TEXTS = ("'why?'", f"'a'||{FIRST}", f"{FIRST}||{SECOND}||'?'", f"'?'||{SECOND}||'b'")
WORDS = ", ".join(f"({number}, {text})" for number, text in enumerate(TEXTS))
REASON = "has no UTF-8 form: half of a surrogate pair"


def rows_and_rejects(corner: Corner, table: str, **options: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    with corner.reading(table, "images", **options) as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
    return [row for each in batches for row in corner.rows(each)], [
        reject for each in batches for reject in each.rejects
    ]


@pytest.mark.parametrize("kind", ["varchar(20)", "varchar(20) array"])
def test_a_text_without_a_utf8_form_is_a_reject_with_its_key(h2_corner: Corner, kind: str) -> None:
    values = [f"ARRAY[{text}]" if "array" in kind else text for text in TEXTS]
    told = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    h2_corner.execute(f"CREATE TABLE $.t (k int PRIMARY KEY, word {kind});\nINSERT INTO $.t VALUES {told};\n")
    rows, rejects = rows_and_rejects(h2_corner, "t")
    whole = {0: "why?", 2: "\U0001f600?"}
    if "array" in kind:
        whole = {number: json.dumps([word], ensure_ascii=False) for number, word in whole.items()}
    assert {row["k"]: row["word"] for row in rows} == whole
    assert {int(str(reject.key["K"])): reject.reason for reject in rejects} == {
        1: f"column WORD: {REASON}",
        3: f"column WORD: {REASON}",
    }


def test_keys_without_a_utf8_form_do_not_become_one(h2_corner: Corner) -> None:
    keys = f"({FIRST}, 1), ({OTHER}, 2), ('?', 3), ({FIRST}||{SECOND}, 4), ('z', 5)"
    h2_corner.execute(
        f"CREATE TABLE $.t (k varchar(20) PRIMARY KEY, n int);\nINSERT INTO $.t VALUES {keys};\n"
    )
    rows, rejects = rows_and_rejects(h2_corner, "t")
    assert {row["k"]: row["n"] for row in rows} == {"?": 3, "\U0001f600": 4, "z": 5}
    assert {reject.raw for reject in rejects} == {r'{"K": "\\ud83d"}', r'{"K": "\\ud83e"}'}
    assert {(reject.reason, reject.key) for reject in rejects} == {(f"column K: {REASON}", None)}


def test_a_long_text_without_a_utf8_form_is_a_reject(h2_corner: Corner) -> None:
    """H2 itself writes question marks into a CLOB, so other text is read as one."""
    h2_corner.execute(
        f"CREATE TABLE $.t (k int PRIMARY KEY, word varchar(20));\nINSERT INTO $.t VALUES {WORDS};\n"
    )
    with h2_corner.reading("t", "images") as (connector, stream):
        assert isinstance(connector, JdbcConnector)
        session = connector._awake().session
        cursor = session.open(Statement(f"SELECT k, word FROM {h2_corner.schema}.t ORDER BY k"))
        found = types.columns(cursor.execute(), session.dialect, "string")
        cursor.bind([found[0], replace(found[1], kind="long_text")], ["K"])
        read, refused = cursor.read(stream.tables[0].schema, 10, 10_000)
        session.end()
    assert read.column("WORD").to_pylist() == ["why?", "\U0001f600?"]
    assert [one.keys for one in refused] == [{"K": 1}, {"K": 3}]


def test_a_column_whose_name_has_no_utf8_form_parks_its_table_alone(h2_corner: Corner) -> None:
    tables = r'CREATE TABLE $.t (k int PRIMARY KEY, U&"a\D83D" int, U&"odd\DE00" int);'
    h2_corner.execute(f"{tables}\nCREATE TABLE $.u (k int PRIMARY KEY);\n")
    with h2_corner.opened({f"{h2_corner.schema}.*": {"mode": "images"}}) as connector:
        odd, sound = connector.discover()
        assert sound.tables
        with pytest.raises(PermanentError, match=r"column a\\ud83d, odd\\ude00 has no UTF-8 form"):
            connector.poll(odd, None, Ask())


def test_a_table_whose_name_has_no_utf8_form_is_parked_alone(h2_corner: Corner) -> None:
    tables = r'CREATE TABLE $.U&"a\D83D" (k int PRIMARY KEY);'
    h2_corner.execute(f"{tables}\nCREATE TABLE $.u (k int PRIMARY KEY);\n")
    with h2_corner.opened({f"{h2_corner.schema}.*": {"mode": "images"}}) as connector:
        sound, odd = connector.discover()
        assert sound.tables
        with pytest.raises(PermanentError, match=r"a\\ud83d"):
            connector.poll(odd, None, Ask())
