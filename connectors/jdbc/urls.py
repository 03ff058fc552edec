"""What a JDBC URL tells of the place it leads to. Light: also read where there is no Java."""

from __future__ import annotations

import re

from connectors.jdbc.dialect import Dialect

_ORACLE = re.compile(r"^(oracle:\w+:@)(?:tcps?:)?(?://)?([^/:(]+(?::\d+)?)(?=[/:]|$)")
_HERE = re.compile(r"(?<=//)(127\.0\.0\.1|\[::1\])(?=[:,]|$)")
_PORT = re.compile(r"[?&;(]\s*(?:port|portnumber|pgport)\s*=\s*(\d{1,5})\b", re.IGNORECASE)


def ports(url: str, dialect: Dialect) -> set[int]:
    """The ports a JDBC URL connects to; none where the database is in this process."""
    if dialect.embedded and re.match(dialect.embedded, url):
        return set()
    place = re.split("[?;]", url, maxsplit=1)[0]
    hosts = re.sub(r"\[.*?\]", "address", place)  # IPv6 is full of colons
    named = re.findall(r"\w:(\d{1,5})\b", hosts) + _PORT.findall(url)
    return {int(port) for port in named} or ({dialect.port} if dialect.port else set())


def place_of(url: str) -> str:
    """An URL without its parameters and without a user in it."""
    scheme, slashes, rest = re.split("[?;]", url, maxsplit=1)[0].partition("//")
    return scheme.removeprefix("jdbc:") + slashes + rest.rpartition("@")[2]


def server_of(url: str, dialect: Dialect) -> str:
    """The same without the database, where hosts stand before it; the usual port need not be written."""
    place = _ORACLE.sub(r"\1//\2/", place_of(url))
    hosts = re.match(r"[^/]*//[^/]+", place)
    return _HERE.sub("localhost", hosts[0].lower()).removesuffix(f":{dialect.port}") if hosts else place
