"""From the configuration to the parameters of a connection, named as in sapnwrfc.ini."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bridge.contract import Secret
from connectors.sap_rfc.clients import Logon
from connectors.sap_rfc.config import SapConfig


def logon(config: SapConfig) -> Logon:
    """Reveals the secrets. Errors: ConfigError when one cannot be read."""
    return Logon(dict(_parameters(config)), config.login_timeout, config.heap)


def secrets(logon: Logon) -> list[str]:
    """What no message may hold: also the passwords of SAProuters."""
    told = [logon.parameters.get(name, "") for name in ("passwd", "mysapsso2", "x509cert")]
    parts = logon.parameters.get("saprouter", "").split("/")
    hops = [value for name, value in pairwise(parts) if name.upper() in ("P", "W")]
    return [secret for secret in [*told, *hops] if secret]


def _parameters(config: SapConfig) -> Iterator[tuple[str, str]]:
    yield from _place(config)
    yield "client", config.client
    yield "lang", config.language.upper()
    if config.user:
        yield "user", config.user
    for name, secret in (
        ("passwd", config.password),
        ("mysapsso2", config.mysapsso2),
        ("x509cert", config.x509),
    ):
        if secret:
            yield name, secret.reveal()
    yield from _snc(config)


def _place(config: SapConfig) -> Iterator[tuple[str, str]]:
    if config.ashost:
        yield "ashost", config.ashost
        yield "sysnr", config.sysnr
    else:
        yield "mshost", config.mshost or ""
        yield "group", config.group or "PUBLIC"
        yield from _given(msserv=config.msserv, sysid=config.sysid)
    route = config.saprouter
    yield from _given(saprouter=route.reveal() if isinstance(route, Secret) else route)
    if config.gateway:
        yield from _given(gwhost=config.gateway.host, gwserv=config.gateway.service)


def _snc(config: SapConfig) -> Iterator[tuple[str, str]]:
    snc = config.snc
    if snc:
        yield "snc_mode", "1"
        yield "snc_qop", str(snc.qop)
        yield from _given(snc_partnername=snc.partner, snc_myname=snc.myname, snc_lib=snc.lib)


def _given(**parameters: str | None) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in parameters.items() if value)
