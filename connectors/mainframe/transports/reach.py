"""Why a session could not be had: s3270 does not tell, so we try the host ourselves, only then."""

import re
import socket
import ssl
import time
from dataclasses import replace

from bridge.errors import BridgeError, ConfigError, TransientError
from connectors.mainframe.terminal import Endpoint, Refused
from connectors.mainframe.transports.wire import Alarm, Wire

REASONS = {  # of a TN3270E DEVICE-TYPE REJECT, RFC 2355 section 7.1.6
    0: "its partner is not connected",
    1: "it is in use",
    2: "it cannot be associated",
    3: "there is no such LU",
    4: "it is not for this model",
    5: "name and model do not fit",
    6: "for a reason the host does not tell",
    7: "the host cannot choose one",
}
# A host that is there takes a connection in this time.
_PROBE_S = 2.0
_DO_TN3270E, _WILL_TN3270E = bytes.fromhex("fffd28"), bytes.fromhex("fffb28")
_SEND_DEVICE_TYPE, _IS = bytes.fromhex("fffa280802"), bytes.fromhex("fffa280204")
_REJECTED = re.compile(rb"\xff\xfa\x28\x02\x06\x05(.)", re.DOTALL)


def device_type(endpoint: Endpoint) -> str:
    """As RFC 2355 names them: 3278 whatever the colours, which a query tells."""
    return f"IBM-3278-{endpoint.model}-E"


def refused(endpoint: Endpoint, reason: int | None) -> Refused:
    """The host is there, and gives us no session."""
    asked = f"the LU {endpoint.lu}" if endpoint.lu else "a session"
    why = REASONS.get(reason, f"reason {reason}") if reason is not None else "it closed the connection"
    return Refused(
        f"{endpoint.address} refused {asked}: {why}",
        remedy="retried; is the LU free and active, and the host's session limit not reached?",
    )


def silent(endpoint: Endpoint) -> Refused:
    """The host is there, and does not go on."""
    return Refused(
        f"{endpoint.address} gave no session within {endpoint.connect_timeout:g} s",
        remedy="retried; check port and tls, and whether the LU is active",
    )


def without_answer(endpoint: Endpoint, alarm: Alarm) -> BridgeError:
    """Whether the host is silent, or not there at all."""
    try:
        Wire(replace(endpoint, connect_timeout=min(endpoint.connect_timeout, _PROBE_S)), alarm).close()
    except (OSError, BridgeError) as error:
        return explained(endpoint, error)
    return silent(endpoint)


def explained(endpoint: Endpoint, error: Exception) -> BridgeError:
    """What an attempt with Python's sockets failed for, in one line."""
    if isinstance(error, BridgeError):
        return error
    where = endpoint.address
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(endpoint, error)
    if isinstance(error, ssl.SSLError):
        reason = (getattr(error, "reason", None) or "it closed the connection").replace("_", " ").lower()
        return TransientError(
            f"{where} did not agree on TLS: {reason}", remedy="compare tls with the host's setting"
        )
    if isinstance(error, socket.gaierror):
        return TransientError(
            f"{where}: the host's name is not known", remedy="check host, and the name service"
        )
    if isinstance(error, TimeoutError):
        return TransientError(f"{where} did not answer within {endpoint.connect_timeout:g} s")
    return TransientError(
        f"{where} cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
    )


def _unverified(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> BridgeError:
    text = f"the certificate of {endpoint.address} is not accepted: {error.verify_message.rstrip('.')}"
    if "expired" in error.verify_message or "not yet valid" in error.verify_message:
        return TransientError(text, remedy="retried; the host's certificate or a clock has to be mended")
    return ConfigError(text, remedy="set tls.ca_file to its authority, tls.host_name to the name in it")


def why_not(endpoint: Endpoint, alarm: Alarm) -> BridgeError:
    """Connects as the client did, as far as the choice of the LU, and says what went wrong."""
    try:
        wire = Wire(endpoint, alarm)
        try:
            return refused(endpoint, _answer(endpoint, wire))
        finally:
            wire.close()
    except (OSError, BridgeError) as error:
        return explained(endpoint, error)


def _answer(endpoint: Endpoint, wire: Wire) -> int | None:
    """The reason of a reject; None when the host closes, or accepts us after all."""
    until = time.monotonic() + endpoint.connect_timeout
    asked = b"\x28\x02\x07" + device_type(endpoint).encode()
    asked += b"\x01" + endpoint.lu.encode() if endpoint.lu else b""
    answers = {_DO_TN3270E: _WILL_TN3270E, _SEND_DEVICE_TYPE: b"\xff\xfa" + asked + b"\xff\xf0"}
    heard = b""
    while endpoint.tn3270e:
        piece = wire.receive(until - time.monotonic())
        heard += piece or b""
        if reject := _REJECTED.search(heard):
            return int(reject[1][0])
        if not piece or _IS in heard:
            return None
        for said in [said for said in answers if said in heard]:
            wire.send(answers.pop(said))
    return None
