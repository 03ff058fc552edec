"""Table mode over the wire, by either client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Caveat, Emits, Position, Stream
from bridge.errors import PermanentError, TransientError
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, dec, numc
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Cut, Stage
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.connector import SapConnector

CANARY = "Pa55-canary-Word"
TABLE = Table(
    Structure(
        "ZORDERS",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("VBELN", char(10), key=True),
            Field("POSNR", numc(6), key=True),
            *(Field(f"TEXT{at}", char(220)) for at in range(4)),
            Field("NETWR", dec(11, 2)),
            Field("UPDAT", Type("DATS")),
            Field("UPTIM", Type("TIMS")),
        ),
    )
)


def orders(count: int) -> list[dict[str, Any]]:
    return [
        {
            "VBELN": f"{at // 4:010}", "POSNR": f"{at % 4:06}",
            "TEXT0": f"Grüße {at}", "TEXT3": f"| € {at}", "NETWR": at,
        }
        for at in range(count)
    ]  # fmt: skip


@pytest.fixture
def peer() -> Iterator[SapPeer]:
    with SapPeer() as peer:
        peer.users[peer.user].password = CANARY
        peer.system.define(TABLE)
        peer.system.load("ZORDERS", orders(200))
        yield peer


@pytest.fixture(params=["saprfclib", "pyrfc"])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def connector(peer: SapPeer, library: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> SapConnector:
    monkeypatch.setenv("SAP_PASSWORD", CANARY)
    return SapConnector(
        SapConfig.model_validate(
            {
                "ashost": peer.ashost, "sysnr": peer.sysnr, "client": peer.client, "user": peer.user,
                "password": "env:SAP_PASSWORD", "library": library,
                "streams": {"ZORDERS": {"mode": "table", **options}},
            }
        )
    )  # fmt: skip


def opened(connector: SapConnector) -> Stream:
    connector.open()
    (stream,) = connector.discover()
    return stream


def all_rows(
    connector: SapConnector, stream: Stream, position: Position = None
) -> tuple[list[dict[str, Any]], Position]:
    batches: list[Batch] = []
    while not batches or batches[-1].more:
        batches.append(connector.poll(stream, position, Ask(rows=70)))
        position = batches[-1].position
    return [row for batch in batches for each in batch.changes for row in each.rows.to_pylist()], position


def test_wide_rows_come_whole_and_changes_follow(
    peer: SapPeer, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connector(peer, library, monkeypatch, columns=["UPDAT", "UPTIM"], safety_interval=0)
    stream = opened(source)
    assert (stream.identity, stream.emits) == ("SIM/100", Emits.IMAGES)
    assert stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES}

    rows, position = all_rows(source, stream)
    rows.sort(key=lambda row: (row["VBELN"], row["POSNR"]))
    assert [(row["TEXT0"], row["TEXT3"], int(row["NETWR"])) for row in rows] == [
        (f"Grüße {at}", f"| € {at}", at) for at in range(200)
    ]

    now = peer.system.clock.now()
    with peer.system.transaction() as tx:
        key = {"VBELN": "0000000007", "POSNR": "000002"}
        tx.update("ZORDERS", {**key, "TEXT3": "changed", "UPDAT": f"{now:%Y%m%d}", "UPTIM": f"{now:%H%M%S}"})
    peer.system.clock.advance(timedelta(seconds=2))
    rows, position = all_rows(source, stream, position)
    assert [(row["VBELN"], row["TEXT3"]) for row in rows] == [("0000000007", "changed")]
    source.close()


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.INSIDE, Stage.AFTER])
def test_a_scan_goes_on_where_cut_lines_have_left_it(
    peer: SapPeer, library: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connector(peer, library, monkeypatch, images=True)
    stream = opened(source)
    found: list[dict[str, Any]] = []
    position: Position = None
    cuts = 0
    while position != {"mode": "images", "scan": "complete"}:
        peer.switches.fault("RFC_READ_TABLE", Cut(), at=stage, after=11 + 2 * cuts)
        try:
            batch = source.poll(stream, position, Ask(rows=30))
        except TransientError:
            cuts += 1
        else:
            position = batch.position
            found += [row for each in batch.changes for row in each.rows.to_pylist()]

    assert cuts
    assert sorted(int(row["NETWR"]) for row in found) == list(range(200))
    source.close()


def test_a_missing_right_names_the_table_and_no_secret(
    peer: SapPeer, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.system.grants.tables = {"OTHER"}
    source = connector(peer, library, monkeypatch, images=True)

    with pytest.raises(PermanentError) as error:
        source.poll(opened(source), None, Ask())

    assert "grant BRIDGE S_TABU_NAM for ZORDERS" in str(error.value)
    assert CANARY not in str(error.value)
    source.close()
