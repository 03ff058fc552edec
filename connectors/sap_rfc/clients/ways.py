"""Where saprfclib goes: by SAProuters, gateways, and where a message server sends it."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from urllib.parse import quote

from saprfclib.exceptions import SapRfcError
from saprfclib.router import (
    build_ms_list_request,
    build_sapms_frame,
    decode_ms_errorno,
    describe_ms_errorno,
    open_route,
    parse_ms_http_logon,
    parse_ms_list_reply,
    parse_route_string,
)
from saprfclib.transport import Transport, connect_tcp

from bridge.errors import ConfigError

GATEWAY = 3300
SECURED = 4800
ROUTER = "3299"
_MESSAGES, _MESSAGES_HTTP = 3600, 8100
"""Ports of the instance 00 (SAP's list of TCP/IP ports); those of others come after them."""
_INSTANCES = 100
_DISPATCHER = 3200
_ANY = "PUBLIC"
_ATTACH, _SERVERS, _GROUPS = 0x08, 0x1D, 0x1F
"""Operation and selectors of the message server, as SAP GUI's log-on by a group sends them."""
_HTTP_S = 2.0
_MOST_BYTES = 1024**2


class ProtocolError(OSError):
    """What answered does not speak RFC, or was cut off in its midst."""


def route(written: str) -> str:
    """As the library reads it: with a service for each hop, `/P/` before a password, and no empty end."""
    hops = re.findall(r"/H/([^/]+)(?:/S/([^/]+))?(?:/[PW]/([^/]+))?", written, re.IGNORECASE)
    if not hops:
        raise ConfigError("`saprouter` is no route", remedy="write it like /H/router.example.com/S/3299")
    return "".join(
        f"/H/{host}/S/{service or ROUTER}" + (f"/P/{password}" if password else "")
        for host, service, password in hops
    )


def way(told: Mapping[str, str]) -> tuple[str, int] | None:
    """Where the socket goes if not to the application server: its first SAProuter, or its gateway."""
    if "saprouter" in told:
        host, service = re.findall(r"/H/([^/]+)/S/([^/]+)", route(told["saprouter"]))[0]
        return host, _port(service)
    if "gwhost" in told:
        base = SECURED if "snc_mode" in told else GATEWAY
        return told["gwhost"], _port(told.get("gwserv") or str(base + int(told["sysnr"])))
    return None


def application_server(told: Mapping[str, str], timeout: float) -> tuple[str, str]:
    """Which one the message server names: by HTTP, where it has that, or by its own protocol.

    Behind a SAProuter by its own alone: routers let few ports through, and that one with the system.
    """
    port = _port(told.get("msserv") or f"sapms{told['sysid'].upper()}")
    by_http = "saprouter" not in told and 0 <= port - _MESSAGES < _INSTANCES
    if by_http and (named := _named_by_http(told, port - _MESSAGES + _MESSAGES_HTTP, timeout)):
        return named
    line = _line(told, port, timeout)
    try:
        return _named(line, told["group"])
    except ValueError as error:
        raise ProtocolError(str(error)) from None
    finally:
        line.close()


def _named(line: Transport, group: str) -> tuple[str, str]:
    """As SAP GUI asks: the library takes the first server of all, whatever the group.

    PUBLIC, where no group is of that name, is any server. Errors: ValueError; the library's.
    """
    _asked(line, build_sapms_frame(operation=_ATTACH))
    groups = parse_ms_list_reply(_asked(line, build_ms_list_request(_GROUPS)))
    found = [each for each in groups if each.get("GROUP") == group]
    if not found and group == _ANY:
        found = parse_ms_list_reply(_asked(line, build_ms_list_request(_SERVERS)))
    if not found:
        known = ", ".join(sorted(each["GROUP"] for each in groups if "GROUP" in each))
        raise ValueError(f"the message server has no logon group {group}; it has {known or 'none'}")
    host, port = found[0].get("HOSTNAME", ""), int(found[0].get("PORT", ""))
    if host in ("", "0.0.0.0") or not 0 <= port - _DISPATCHER < _INSTANCES:  # noqa: S104 -- it is refused
        raise ValueError(f"the message server names {host or 'no host'}, port {port}, for {group}")
    return host, f"{port - _DISPATCHER:02}"


def _asked(line: Transport, frame: bytes) -> bytes:
    line.send_message(frame)
    answer = bytes(line.recv_message())
    if code := decode_ms_errorno(answer):
        raise SapRfcError(f"the message server refuses: {describe_ms_errorno(code)} (return code {code})")
    return answer


def _named_by_http(told: Mapping[str, str], port: int, timeout: float) -> tuple[str, str] | None:
    """A port that is silent, as behind a firewall, or slow, leaves time for the other way."""
    path = f"/msgserver/text/logon?version=1.2&group={quote(told['group'])}"
    body = b""
    with suppress(OSError):
        body = _got(told["mshost"], port, path, min(_HTTP_S, timeout / 3))
    with suppress(ValueError):
        for service, host, gateway, _ in parse_ms_http_logon(body.decode("utf-8", "replace")):
            if service == "RFC" and 0 <= gateway - GATEWAY < _INSTANCES:
                return host, f"{gateway - GATEWAY:02}"
    return None


def _got(host: str, port: int, path: str, within_s: float) -> bytes:
    """The time is for all of the answer; no web proxy has a say in where the password goes.

    Errors: OSError.
    """
    ends, answer = monotonic() + within_s, b""
    with socket.create_connection((host, port), timeout=within_s) as line:
        line.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        while len(answer) < _MOST_BYTES and (piece := line.recv(65_536)):
            answer += piece
            line.settimeout(max(ends - monotonic(), 0.001))
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if re.match(rb"HTTP/1\.[01] 200\b", head) else b""


def _line(told: Mapping[str, str], port: int, timeout: float) -> Transport:
    """To the message server."""
    host = told["mshost"]
    first = way(told) if "saprouter" in told else None
    line = connect_tcp(*(first or (host, port)), connect_timeout=timeout, read_timeout=timeout)
    if first:
        try:
            open_route(line, parse_route_string(route(told["saprouter"])), host, str(port))
        except BaseException:
            line.close()
            raise
    return line


def _port(service: str) -> int:
    if service.isdigit():
        return int(service)
    named = re.fullmatch(r"sapgw(\d\d)(s?)", service)
    try:
        return socket.getservbyname(service)
    except OSError:
        if named:
            return (SECURED if named[2] else GATEWAY) + int(named[1])
        raise ConfigError(f"/etc/services has no {service}", remedy="write the port's number") from None
