"""What tests of tables in Oracle share: a peer with a schema, and the connector that reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import oracledb

from bridge.contract import Ask, Batch, Stream
from bridge.testing.oracle.datatypes import parse_type
from bridge.testing.oracle.objects import ObjectType
from bridge.testing.oracle.server import OraclePeer
from connectors.oracle import OracleConnector
from connectors.oracle.config import OracleConfig
from connectors.oracle.session import Session

_PASSWORD = "ORACLE_TABLES_PASSWORD"


class Place(Protocol):
    """Where a database is, and who reads it."""

    @property
    def dsn(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...


def config(place: Place, streams: Mapping[str, Any], **more: Any) -> OracleConfig:
    os.environ[_PASSWORD] = place.password
    told = {"dsn": place.dsn, "user": place.user, "password": f"env:{_PASSWORD}", "streams": streams}
    return OracleConfig.model_validate({**told, **more})


@contextmanager
def reading(
    place: Place, streams: Mapping[str, Any], **more: Any
) -> Iterator[tuple[OracleConnector, dict[str, Stream]]]:
    """An open connector, and its streams by name."""
    connector = OracleConnector(config(place, streams, **more))
    try:
        connector.open()
        yield connector, {stream.name: stream for stream in connector.discover()}
    finally:
        connector.close()


@contextmanager
def session(peer: OraclePeer) -> Iterator[Session]:
    """One of ours, as the account with plain grants."""
    opened = Session(config(peer, {"NOBODY.NOTHING": {}}))
    opened.open()
    try:
        opened.begin()
        yield opened
        opened.end()
    finally:
        opened.close()


def executed(peer: OraclePeer, *statements: str) -> None:
    """As the administrator, one after the other, and committed."""
    with oracledb.connect(user=peer.admin, password=peer.admin_password, dsn=peer.dsn) as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        connection.commit()


type Types = Mapping[str, tuple[tuple[tuple[str, str], ...], str]]
"""Of objects: their attributes, or what a VARRAY holds."""


def declare(peer: OraclePeer, types: Types, owner: str = "SALES") -> None:
    """CREATE TYPE; `$.` stands for the schema."""
    for name, (told, element) in types.items():
        attributes = tuple((part, kind.replace("$.", f"{owner}.")) for part, kind in told)
        kind = ObjectType(owner, name, attributes, element, 9 if element else None)
        peer.types[f"{owner}.{name}"] = kind
        peer.store.types[f"{owner}.{name}"] = tuple((part, parse_type(text)) for part, text in attributes)


def polled(connector: OracleConnector, stream: Stream, ask: Ask | None = None) -> list[Batch]:
    """All there is now."""
    batches = [connector.poll(stream, None, ask or Ask())]
    while batches[-1].more:
        batches.append(connector.poll(stream, batches[-1].position, ask or Ask()))
    return batches


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for changes in batch.changes for row in changes.rows.to_pylist()]
