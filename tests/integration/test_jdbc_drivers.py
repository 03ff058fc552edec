"""Drivers that are old, that nobody knows, that are missing."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bridge.contract import Ask, Connector
from bridge.testing.databases import driver_jar
from connectors.jdbc.dialects import GENERIC, dialect_of
from tests.integration.jdbc_tables import Corner, opened, polled, stream_of

ROWS = (
    "(1, date '2024-02-29', time '23:59:59.123456', timestamp '2024-03-31 02:30:00.123456', timestamp"
    " with time zone '2024-10-27 02:30:00.5+02:00', time with time zone '10:00:00+05:30', 1.5, 'a'),"
    " (2, date '1500-03-01', time '00:00:00', timestamp '9999-12-31 23:59:59.999999',"
    " timestamp with time zone '2024-10-27 02:30:00.5+01:00', time with time zone '10:00:00Z', -1, 'b'),"
    " (3, NULL, NULL, timestamp '2024-03-31 02:30:00.123457', NULL, NULL, NULL, NULL)"
)
WANTED = [
    {
        "id": 1, "d": "2024-02-29", "t": "23:59:59.123456", "ts": "2024-03-31 02:30:00.123456",
        "tz": "2024-10-27T02:30:00.500000+02:00", "ttz": "10:00:00.000000+05:30", "n": "1.50", "x": "a",
    },
    {
        "id": 2, "d": "1500-03-01", "t": "00:00:00", "ts": "9999-12-31 23:59:59.999999",
        "tz": "2024-10-27T02:30:00.500000+01:00", "ttz": "10:00:00.000000Z", "n": "-1.00", "x": "b",
    },
    {
        "id": 3, "d": None, "t": None, "ts": "2024-03-31 02:30:00.123457", "tz": None, "ttz": None, "n": None,
        "x": None,
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def old_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jar of OldDriver.java, which registers itself."""
    folder = tmp_path_factory.mktemp("old")
    source = Path(__file__).with_name("OldDriver.java")
    command = ["javac", "--release", "11", "-cp", str(driver_jar("h2")), "-d", str(folder), str(source)]
    subprocess.run(command, check=True)
    jar = folder / "old.jar"
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("META-INF/services/java.sql.Driver", "old.OldDriver")
        for file in folder.rglob("*.class"):
            out.write(file, file.relative_to(folder))
    return jar


@pytest.fixture(params=["", ";MISSING=error"], ids=["refuses", "does not have"])
def old(request: pytest.FixtureRequest, h2_corner: Corner, old_driver: Path) -> dict[str, Any]:
    """Options of a connector that reaches H2 by the old driver, which does, or has, nothing new."""
    h2_corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, d date, t time(6), ts timestamp(6),"
        " tz timestamp(6) with time zone, ttz time(6) with time zone, n numeric(9,2), x varchar);"
    )
    h2_corner.execute(f"INSERT INTO $.t VALUES {ROWS};")
    url = h2_corner.server.url.replace("jdbc:h2:", "jdbc:old:") + request.param
    assert dialect_of(url) is GENERIC
    return {"url": url, "jars": [str(old_driver), str(driver_jar("h2"))], "driver": "old.OldDriver"}


def texts(connector: Connector, name: str) -> list[dict[str, Any]]:
    batches = polled(connector, stream_of(connector, name), ask=Ask(rows=1))
    rows = [row for batch in batches for changes in batch.changes for row in changes.rows.to_pylist()]
    return [
        {key.lower(): value if isinstance(value, int | None) else str(value) for key, value in row.items()}
        for row in rows
    ]


def is_to_come(row: dict[str, Any]) -> bool:
    """By the database's clock, up to which timestamp modes read."""
    return str(row["ts"]).startswith("9999")


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("incrementing", {}),
        ("images", {}),
        ("images", {"key": ["TS"]}),
        ("timestamp", {"columns": ["TS"], "snapshot": False}),
        ("timestamp+incrementing", {"columns": ["TS", "ID"], "snapshot": False}),
    ],
)
def test_an_old_driver_that_nobody_knows_reads_every_mode(
    old: dict[str, Any], h2_corner: Corner, mode: str, options: dict[str, Any]
) -> None:
    with opened(h2_corner.server, {h2_corner.name("t"): {"mode": mode, **options}}, **old) as connector:
        rows = texts(connector, h2_corner.name("t"))
        wanted = [row for row in WANTED if not mode.startswith("timestamp") or not is_to_come(row)]
        assert sorted(rows, key=lambda row: row["id"]) == wanted
