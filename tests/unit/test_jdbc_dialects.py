"""The table of what databases do differently is whole, and every URL finds its row."""

from __future__ import annotations

from string import Formatter

import pytest

from connectors.jdbc import types
from connectors.jdbc.dialect import Dialect
from connectors.jdbc.dialects import DIALECTS, GENERIC, dialect_of
from connectors.jdbc.urls import ports

TEMPLATES = {"login", "login_ms", "socket", "socket_ms"}


@pytest.mark.parametrize(
    ("url", "name", "to"),
    [
        ("jdbc:postgresql://db/erp", "postgresql", {5432}),
        ("jdbc:mariadb://db:3307/erp", "mariadb", {3307}),
        ("jdbc:mysql://db/erp", "mysql", {3306}),
        ("jdbc:oracle:thin:@//db:1522/erp", "oracle", {1522}),
        ("jdbc:sqlserver://db;databaseName=erp", "sqlserver", {1433}),
        ("jdbc:db2://db:446/LOC", "db2", {446}),
        ("jdbc:as400://system/LIB", "db2i", {8471}),
        ("jdbc:h2:mem:erp", "h2", set()),
        ("jdbc:h2:tcp://db/erp", "h2", {9092}),
        ("jdbc:derby:memory:erp", "derby", set()),
        ("jdbc:derby://db/erp", "derby", {1527}),
        ("jdbc:hsqldb:file:/tmp/erp", "hsqldb", set()),
        ("jdbc:hsqldb:hsql://db/erp", "hsqldb", {9001}),
        ("jdbc:informix-sqli://db:9088/erp:INFORMIXSERVER=s", "informix", {9088}),
        ("jdbc:sybase:Tds:db:5001/erp", "sybase", {5001}),
        ("jdbc:jtds:sybase://db:5001/erp", "jtds", {5001}),
        ("jdbc:nowhere://db:17/erp", "database", {17}),
        ("jdbc:nowhere:erp", "database", set()),
    ],
)
def test_every_url_finds_its_row_and_its_port(url: str, name: str, to: set[int]) -> None:
    assert dialect_of(url).name == name
    assert ports(url, dialect_of(url)) == to


@pytest.mark.parametrize("dialect", [*DIALECTS, GENERIC], ids=lambda dialect: dialect.name)
def test_a_row_uses_what_there_is(dialect: Dialect) -> None:
    templates = " ".join(dialect.properties.values())
    assert {name for _, name, _, _ in Formatter().parse(templates) if name} <= TEMPLATES
    dialect.page.format(rows=1)
    for sql in dialect.on_connect:
        assert sql.format(statement_ms=1)
    known = {*types._CODES.values(), *types._NAMED, "instant", "number", "flag"}
    known |= {"span_text", "sent_span_text"}
    assert set(dialect.types.values()) <= known
    assert dialect is GENERIC or dialect.artifact
    assert dialect.coordinates is None or len(dialect.coordinates.split(":")) == 2
    assert dialect.transactions is None or "{user}" in dialect.transactions.grant


def test_a_refused_password_is_not_asked_for_in_a_window() -> None:
    assert dialect_of("jdbc:as400://system/LIB").properties["prompt"] == "false"


def test_names_are_unique_since_identities_begin_with_them() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
