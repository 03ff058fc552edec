"""What connectors need of their accounts' sessions, and what a file says of it that can never be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import config, needs
from bridge.cli import main
from bridge.contract import Level, Sessions
from bridge.inspection import inspected
from bridge.turnstile import Need
from tests.unit.installed import install

ERP = "kind: jdbc, url: 'jdbc:postgresql://db/erp', user: bridge"
TABLE = "streams: {t: {mode: incrementing}}"
IMAGES = "streams: {t: {mode: images}}"
BRIDGE = "bridge at postgresql://db"


def written(folder: Path, **connectors: str) -> Path:
    file = folder / "bridge.yaml"
    lines = "".join(f"  {name}: {{{options}}}\n" for name, options in connectors.items())
    start = "version: 1\nname: test\nkafka: {bootstrap.servers: 'broker:9092'}\nconnectors:\n"
    file.write_text(start + lines)
    return file


def told(file: Path) -> list[tuple[Level, str, str]]:
    return [(each.level, each.where, each.text) for each in inspected(file)]


def needed(file: Path) -> dict[str, Need]:
    connectors = config.load(file).connectors
    return needs.counted(connectors, dict(needs.said(connectors)))


def test_an_account_is_known_by_user_and_server_however_the_rest_is_written(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        a=f"{ERP}, max_sessions: 3, {TABLE}",
        b=f"kind: jdbc, url: 'jdbc:postgresql://DB:5432/sales?ssl=true', user: bridge, {IMAGES}",
        c=f"kind: jdbc, url: 'jdbc:postgresql://db/erp', user: other, {TABLE}",
    )
    assert needed(file) == {"a": Need(BRIDGE, 1, 3), "b": Need(BRIDGE, 2, 3)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jdbc:oracle:thin:@db:1521/x", "jdbc:oracle:thin:@//DB/y"),
        ("jdbc:oracle:thin:@db:1521:SID", "jdbc:oracle:thin:@//db:1521/x"),
        ("jdbc:postgresql://localhost/a", "jdbc:postgresql://127.0.0.1:5432/b"),
        ("jdbc:postgresql://[::1]/a", "jdbc:postgresql://localhost/a"),
    ],
)
def test_a_server_is_the_same_however_it_is_written(tmp_path: Path, one: str, other: str) -> None:
    a = f"kind: jdbc, url: '{one}', user: bridge, max_sessions: 3, {TABLE}"
    b = f"kind: jdbc, url: '{other}', properties: {{user: BRIDGE}}, {TABLE}"
    assert len({need.account for need in needed(written(tmp_path, a=a, b=b)).values()}) == 1


@pytest.mark.parametrize(
    "options",
    [
        "url: 'jdbc:postgresql://db/erp?user=bridge'",
        "url: 'jdbc:sqlserver://db;databaseName=x;user=bridge'",
        "url: 'jdbc:oracle:thin:bridge@db:1521/x'",
        "url: 'jdbc:mariadb://bridge@db/x'",
    ],
)
def test_a_user_is_named_by_its_own_option_alone(tmp_path: Path, options: str) -> None:
    file = written(tmp_path, a=f"kind: jdbc, {options}, {TABLE}")
    assert any("names a user" in text for *_, text in told(file))


def test_the_least_limit_counts(tmp_path: Path) -> None:
    file = written(tmp_path, a=f"{ERP}, max_sessions: 3, {TABLE}", b=f"{ERP}, max_sessions: 2, {TABLE}")
    assert {need.limit for need in needed(file).values()} == {2}


@pytest.mark.parametrize(
    ("options", "most"),
    [
        (TABLE, 1),
        (IMAGES, 2),
        ("streams: {t: {mode: images, key: [id]}}", 1),
        (f"sessions: 1, {IMAGES}", 1),
    ],
)
def test_only_tables_that_may_have_no_key_take_a_second_session(
    tmp_path: Path, options: str, most: int
) -> None:
    assert needed(written(tmp_path, a=f"{ERP}, max_sessions: 9, {options}"))["a"].sessions == most


def test_a_file_that_fits_has_no_problem(tmp_path: Path) -> None:
    assert told(written(tmp_path, a=f"{ERP}, max_sessions: 2, {TABLE}", b=f"{ERP}, {TABLE}")) == []


def test_connectors_of_which_some_will_always_wait_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, a=f"{ERP}, max_sessions: 2, {TABLE}", b=f"{ERP}, {IMAGES}")
    text = f"a, b take 3 sessions of {BRIDGE}, and max_sessions is 2"
    assert told(file) == [(Level.WARNING, "connectors.b", text)]
    assert main(["config", "check", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"warning: {file}:6:3: connectors.b: {text}; ")


def test_a_connector_that_can_never_start_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, a=f"{ERP}, max_sessions: 1, {IMAGES}", b=f"{ERP}, {TABLE}")
    text = f"it takes 2 sessions of {BRIDGE}, and max_sessions is 1"
    assert told(file) == [(Level.CRITICAL, "connectors.a", text)]
    assert main(["config", "check", str(file)]) == 3


def test_a_limit_for_a_kind_that_does_not_tell_its_sessions_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    file = written(tmp_path, a="kind: shop, url: 'shop://db', max_sessions: 1")
    text = "has no effect: the kind shop does not tell its sessions"
    assert told(file) == [(Level.WARNING, "connectors.a.max_sessions", text)]


def test_a_connector_that_cannot_be_made_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "raise RuntimeError('broken')")
    file = written(tmp_path, a=f"{ERP}, max_sessions: 1, {TABLE}", b="kind: shop")
    assert list(needed(file)) == ["a"]


def test_what_was_told_is_read_back() -> None:
    assert needs.parsed(b'["a", {"account": "x", "most": 2}]\n') == {"a": Sessions("x", 2)}
