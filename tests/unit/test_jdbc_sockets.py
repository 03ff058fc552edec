"""Which connections are shut when a database stays silent, and when."""

from __future__ import annotations

import threading

import pytest

from connectors.jdbc.dialects import dialect_of
from connectors.jdbc.sockets import Fuse
from connectors.jdbc.urls import ports


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("jdbc:postgresql://db/erp", {5432}),
        ("jdbc:postgresql:erp", {5432}),
        ("jdbc:postgresql://a:5433,b:5434/erp?targetServerType=primary", {5433, 5434}),
        ("jdbc:postgresql://[fe80:1:2::3]:5433/erp", {5433}),
        ("jdbc:postgresql://db/erp?options=a:80", {5432}),
        ("jdbc:postgresql:///erp?PGPORT=5433", {5433}),
        ("jdbc:mariadb://db/erp", {3306}),
        ("jdbc:h2:tcp://db/./erp;INIT=RUNSCRIPT FROM 'a:1'", {9092}),
        ("jdbc:h2:ssl://db:9093/./erp", {9093}),
        ("jdbc:h2:/data/erp", set()),
        ("jdbc:h2:mem:8080", set()),
        ("jdbc:sqlserver://db;port=1444;databaseName=erp", {1444}),
        ("jdbc:sqlserver://db:1433;databaseName=erp", {1433}),
        ("jdbc:oracle:thin:@//db:1521/erp", {1521}),
        ("jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(HOST=db)(PORT=1521)))", {1521}),
        ("jdbc:sap://db", set()),
    ],
)
def test_a_url_says_where_it_connects_to(url: str, expected: set[int]) -> None:
    assert ports(url, dialect_of(url)) == expected


def test_a_fuse_that_is_put_out_does_nothing_and_one_that_burns_down_does_it_once() -> None:
    done = threading.Semaphore(0)
    fuse = Fuse("test", done.release)
    fuse.light(60)
    fuse.put_out()
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]
    fuse.light(0)
    assert done.acquire(timeout=10)
    fuse.put_out()
    assert not done.acquire(blocking=False)
