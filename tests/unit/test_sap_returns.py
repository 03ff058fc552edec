"""What BAPIs say of their success."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeError, ConfigError, PermanentError, TransientError
from connectors.sap_rfc.errors import UnauthorisedError
from connectors.sap_rfc.modes import returns
from connectors.sap_rfc.modes.returns import Meaning


def bapiret2(kind: str, name: str, number: str, text: str = "it failed") -> dict[str, object]:
    return {"TYPE": kind, "ID": name, "NUMBER": number, "MESSAGE": text, "LOG_NO": ""}


def test_a_return_table_is_searched_for_errors() -> None:
    rows = [bapiret2("S", "F2", "000"), bapiret2("W", "F2", "001"), bapiret2("E", "F2", "718", "no one")]
    assert str(returns.failure({"RETURN": rows, "ROWS": [{"TYPE": "E"}]})) == "E F2 718: no one"


def test_a_message_that_there_is_nothing_hides_no_other() -> None:
    nothing, broken = bapiret2("E", "F2", "153"), bapiret2("A", "XX", "001", "broke")
    assert str(returns.failure({"RETURN": [nothing, broken]})) == "A XX 001: broke"
    own = [bapiret2("E", "ZZ", "001"), bapiret2("E", "F2", "500")]
    assert str(returns.failure({"RETURN": own}, (), ("ZZ 001",))) == "E F2 500: it failed"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"ID": "7", "AT": None}], True),
        ({"ID": "", "INNER": {"AT": "00000000", "RAW": b"\x01"}}, True),
        ({"ID": "7", "NAME": "Ahrens"}, True),
        ({"ID": "7", "AT": "00000000", "COUNT": 0, "RAW": b"\x00", "LINES": []}, False),
        ([], False),
        ([{"ID": "", "AT": None}], False),
        (4, False),
    ],
)
def test_rows_are_more_than_initial_values_and_the_key_that_was_asked_for(
    value: object, *, expected: bool
) -> None:
    assert returns.has_rows(value, ["7"]) is expected


def test_a_return_structure_of_the_old_kind_has_class_and_number_in_one_code() -> None:
    found = returns.failure({"RETURN": {"TYPE": "E", "CODE": "F2718", "MESSAGE": "no one", "LOG_NO": ""}})
    assert found is not None
    assert (found.key, found.meaning()) == ("F2 718", Meaning.NOTHING)


def test_messages_are_found_by_their_shape_whatever_their_parameter_is_called() -> None:
    assert returns.failure({"ET_MESSAGES": [bapiret2("A", "00", "1")]}) is not None


def test_messages_that_are_published_are_data() -> None:
    answer = {"LOG": [bapiret2("E", "F2", "718")], "RETURN": []}
    assert returns.failure(answer, ("LOG",)) is None


@pytest.mark.parametrize("kind", ["", "S", "I", "W"])
def test_success_and_warnings_are_no_errors(kind: str) -> None:
    assert returns.failure({"RETURN": bapiret2(kind, "F2", "718")}) is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("MC 601", TransientError),
        ("F2 543", UnauthorisedError),
        ("S& 026", ConfigError),
        ("ZZ 001", PermanentError),
    ],
)
def test_the_message_decides_what_happens_next(key: str, expected: type[BridgeError]) -> None:
    name, number = key.split()
    message = returns.failure({"RETURN": bapiret2("E", name, number)})
    assert message is not None
    error = returns.error("BAPI_X", message, message.meaning())
    assert isinstance(error, expected)
    assert key in error.text


def test_an_operator_may_say_that_a_message_means_nothing_found() -> None:
    message = returns.failure({"RETURN": bapiret2("E", "ZZ", "001")})
    assert message is not None
    assert message.meaning() is Meaning.FAILED
    assert message.meaning(("ZZ 001",)) is Meaning.NOTHING
