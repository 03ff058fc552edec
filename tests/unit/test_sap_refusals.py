"""What is said of a refused logon, in whatever way a client calls it, and what only sounds like it."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeError, CredentialsError, TransientError
from connectors.sap_rfc.errors import Asked, translate


class CommunicationError(Exception):
    """As PyRFC's, which is known by its name."""

    key = "RFC_COMMUNICATION_FAILURE"


class ABAPRuntimeError(Exception):
    key = "SYSTEM_FAILURE"


@pytest.mark.parametrize("kind", [CommunicationError, ABAPRuntimeError])
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Password logon no longer possible - too many failed attempts", CredentialsError),
        ("Name oder Kennwort ist nicht korrekt (Wiederholen Sie die Anmeldung)", CredentialsError),
        ("Name or password is incorrect (repeat logon)", CredentialsError),
        ("User is locked. Please notify the person responsible", CredentialsError),
        ("Der Benutzer ist gesperrt", CredentialsError),
        ("hostname 'sap-locked' unknown", TransientError),
        ("hostname 'gesperrt1' unknown", TransientError),
        ("partner 'sap1:sapgw00' not reached: shared memory segment is locked", TransientError),
        ("Object requested is currently locked by user MILLER", TransientError),
    ],
)
def test_words_about_accounts_park_and_those_about_other_locks_do_not(
    kind: type[Exception], text: str, meant: type[BridgeError]
) -> None:
    assert type(translate(kind(text), Asked("logging on"))) is meant
