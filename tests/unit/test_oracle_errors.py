"""What Oracle and its driver say decides what happens next, and never with a secret in the text."""

from __future__ import annotations

import ssl
import string
from pathlib import Path

import oracledb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import (
    ConfigError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from connectors.oracle.codes import CODES, WRAPPERS, Kind
from connectors.oracle.errors import ERRORS, codes, is_the_drivers, kind, masked, translate

PAGE = Path(__file__).parents[2] / "docs" / "connectors" / "oracle.md"
CLASSES = {
    Kind.TRANSIENT: TransientError,
    Kind.CREDENTIALS: CredentialsError,
    Kind.CONFIG: ConfigError,
    Kind.FATAL: PermanentError,
    Kind.GAP: GapError,
    Kind.GONE: GoneError,
}
NAMED = {
    CredentialsError: ("ORA-01017", "ORA-28000", "ORA-28001", "ORA-01045", "ORA-28150"),
    TransientError: (
        *("ORA-00028", "ORA-00054", "ORA-00060", "ORA-01033", "ORA-01034", "ORA-01089", "ORA-03113"),
        *("ORA-03114", "ORA-03135", "ORA-04068", "ORA-08181", "ORA-12514", "ORA-12541", "ORA-12516"),
        *("ORA-28030", "ORA-28864", "DPY-4005", "DPY-4011", "DPY-4024", "DPY-6000", "DPY-6001", "DPY-6005"),
    ),
    GapError: ("ORA-01555", "ORA-30052", "ORA-01466", "ORA-08180"),
    GoneError: ("ORA-00942",),
    ConfigError: ("ORA-12154", "ORA-02003", "DPY-4000", "DPY-3010", "DPY-3012", "DPY-3001"),
    PermanentError: ("ORA-00900", "ORA-01031", "ORA-30051", "ORA-41900"),
}


class Said:
    """What the driver's exceptions carry."""

    def __init__(self, message: str, code: int = 0, *, recoverable: bool = False) -> None:
        self.message, self.code, self.isrecoverable = message, code, recoverable
        self.full_code = message.split(":", maxsplit=1)[0]

    def __str__(self) -> str:
        return self.message


def said(message: str, sort: type[oracledb.Error] = oracledb.DatabaseError, **more: object) -> oracledb.Error:
    return sort(Said(message, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", CODES)
def test_each_code_of_the_table_becomes_its_error(code: str) -> None:
    told = translate(said(f"{code}: as it is"), "reading A.B")
    assert type(told) is CLASSES[CODES[code].kind] is ERRORS[CODES[code].kind]
    assert code in told.text
    assert told.remedy


@pytest.mark.parametrize(("error", "those"), NAMED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_the_codes_that_matter_most_are_what_they_must_be(
    error: type[Exception], those: tuple[str, ...]
) -> None:
    assert {code: ERRORS[CODES[code].kind] for code in those} == dict.fromkeys(those, error)


def test_a_code_is_known_without_its_leading_zeros() -> None:
    assert kind(said("ORA-1017: invalid username/password")) is Kind.CREDENTIALS


def test_what_failed_inside_decides_not_what_it_is_wrapped_in() -> None:
    inner = said('DPY-6001: Service "X" is not registered with the listener (Similar to ORA-12514)')
    outer = said('DPY-6005: cannot connect to database (CONNECTION_ID=abc=).\nDPY-4000: unable to find "X"')
    assert kind(outer) is Kind.CONFIG
    outer = said("DPY-6005: cannot connect to database")
    outer.__cause__ = inner
    assert codes(outer) == ["DPY-6005", "DPY-6001", "ORA-12514"]
    assert kind(outer) is Kind.TRANSIENT


def test_a_lost_connection_says_how_it_was_lost() -> None:
    told = translate(said("DPY-4011: the database or network closed the connection\nORA-00028: killed"), "x")
    assert isinstance(told, TransientError)
    assert "ORA-00028" in told.text


def test_a_parallel_query_that_fails_for_want_of_undo_is_a_gap() -> None:
    assert (
        kind(said("ORA-12801: error signaled in parallel query server P001\nORA-01555: too old")) is Kind.GAP
    )


def test_wrappers_alone_mean_what_the_table_says() -> None:
    for code in WRAPPERS & CODES.keys():
        assert kind(said(f"{code}: no more than that")) is CODES[code].kind


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (said("ORA-65535: never heard of"), Kind.TRANSIENT),
        (said("DPY-4999: never heard of", recoverable=True), Kind.TRANSIENT),
        (said("ORA-20001: a trigger's own", code=20001), Kind.TRANSIENT),
        (said("DPY-2001: no statement", oracledb.ProgrammingError), Kind.FATAL),
        (ConnectionResetError(104, "reset"), Kind.TRANSIENT),
        (TimeoutError("timed out"), Kind.TRANSIENT),
    ],
    ids=str,
)
def test_what_is_not_in_the_table(error: Exception, what: Kind) -> None:
    assert kind(error) is what


def test_a_certificate_that_is_not_trusted_parks_and_an_end_in_mid_handshake_does_not() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    refused.reason = "CERTIFICATE_VERIFY_FAILED"
    outer = said("DPY-6005: cannot connect to database")
    outer.__cause__ = refused
    assert kind(outer) is Kind.CONFIG
    outer.__cause__ = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    assert kind(outer) is Kind.TRANSIENT


@pytest.mark.parametrize(
    "reason", ["TLSV1_ALERT_INTERNAL_ERROR", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC", None]
)
def test_a_server_that_is_not_well_over_tls_is_asked_again(reason: str | None) -> None:
    outer, failed = said("DPY-4011: the database or network closed the connection"), ssl.SSLError(1, "failed")
    if reason:
        failed.reason = reason
    outer.__cause__ = failed
    assert kind(outer) is Kind.TRANSIENT
    assert kind(failed) is Kind.TRANSIENT


@pytest.mark.parametrize(
    "alert",
    [
        *("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_REVOKED"),
        *("SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
        *("TLSV1_ALERT_ACCESS_DENIED", "TLSV1_ALERT_INSUFFICIENT_SECURITY"),
    ],
)
def test_a_server_that_does_not_accept_our_certificate_parks(alert: str) -> None:
    outer, refused = said("DPY-6005: cannot connect to database"), ssl.SSLError(1, "failed")
    refused.reason = alert
    outer.__cause__ = refused
    assert kind(outer) is Kind.CONFIG


def test_a_wallet_whose_files_make_no_sense_parks(tmp_path: Path) -> None:
    (tmp_path / "ewallet.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    context = ssl.create_default_context()
    for load in (context.load_cert_chain, context.load_verify_locations):
        with pytest.raises(ssl.SSLError) as caught:
            load(tmp_path / "ewallet.pem")
        assert kind(caught.value) is Kind.CONFIG


def test_a_bug_is_no_matter_of_the_driver() -> None:
    assert not is_the_drivers(KeyError("x"))
    assert is_the_drivers(said("ORA-00060: deadlock"))
    assert is_the_drivers(BrokenPipeError())


def test_the_remedy_names_the_account() -> None:
    told = translate(said("ORA-28000: locked"), "connecting", user="BRIDGE")
    assert told.remedy.startswith("ALTER USER BRIDGE ACCOUNT UNLOCK")


def test_a_message_is_one_line_without_pointers_to_pages() -> None:
    told = translate(said("ORA-00060: deadlock\nHelp: https://docs.oracle.com/error-help/db/ora-00060/"), "x")
    assert told.text == "x: ORA-00060: deadlock"


@given(st.text(alphabet=string.ascii_letters + string.digits + "#$_", min_size=4))
def test_no_secret_is_in_a_message(secret: str) -> None:
    shown = f"DPY-6005: bridge/{secret}@db1:1521/x (PASSWORD={secret}) pwd: {secret}; and {secret}."
    assert secret not in masked(shown, [secret]).replace("bridge", "").replace("DPY-6005", "")


def test_what_looks_like_a_secret_is_hidden_even_when_it_is_not_known() -> None:
    assert masked("(USER=x)(PASSWORD=tiger)(HOST=y)") == "(USER=x)(PASSWORD=***)(HOST=y)"
    assert masked("cannot connect scott/tiger@db1") == "cannot connect ***@db1"


def test_the_page_shows_the_table() -> None:
    shown = [line for line in PAGE.read_text().splitlines() if line.startswith(("| ORA-", "| DP"))]
    assert shown == [
        f"| {code} | {meaning.kind} | {meaning.says} | {meaning.remedy.replace('{user}', 'BRIDGE')} |"
        for code, meaning in sorted(CODES.items())
    ], "run: python scripts/document_codes.py"
