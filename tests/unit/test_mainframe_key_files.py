"""Keys out of a file: each of them, or none and a line that says where the file cannot be trusted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bridge.contract import Level
from bridge.errors import ConfigError, TransientError
from connectors.mainframe import key_files
from tests.integration.mainframe_streams import written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no\n1\n", ":1: no column id"),
        ("id,id\n1,2\n", ":1: two columns id"),
        ('id,note\n1,x\n2,"5 inch\n3,x\n4,x\n', ":3: cannot read the keys: unexpected end"),
        ('id,note\n1,x\n2,"5 inch\n3,x\n4,"6 inch\n', ":3: cannot read the keys"),
        ('id,note\n\n1,x\n2,"\n3,x\n4,"\n', ":4: .*does a quote lack its end"),
        ('id\n"1"2\n', ":2: cannot read the keys"),
        ("note,id\nSMITH, JOE,1\n", ":2: .*does a comma lack its quotes"),
        ("id\n1\0\n", ":2: .*a NUL"),
    ],
)
def test_a_file_of_keys_that_cannot_be_trusted_gives_none_and_says_where(
    tmp_path: Path, text: str, told: str
) -> None:
    written(file := tmp_path / "keys.csv", text)
    with pytest.raises(ConfigError, match=f"keys.csv{told}"):
        key_files.read(file, ["id"])


def test_doctor_is_told_of_a_file_without_keys(tmp_path: Path) -> None:
    written(good := tmp_path / "good.csv", "id\n1\n")
    assert list(key_files.doubts(good, ["id"], "balances")) == []
    written(torn := tmp_path / "torn.csv", 'id\n"1\n')
    found = [*key_files.doubts(torn, ["id"], "a"), *key_files.doubts(tmp_path / "none.csv", ["id"], "b")]
    assert [(each.level, each.stream) for each in found] == [(Level.WARNING, "a"), (Level.WARNING, "b")]
    assert "torn.csv:2: cannot read" in found[0].text
    assert "No such file" in found[1].text


def test_blanks_around_a_key_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    written(file := tmp_path / "keys.csv", '\nnote,id\n"SMITH, JOE", 1 \n\nx,2,\n')
    assert key_files.read(file, ["id"]) == [{"id": "1"}, {"id": "2"}]


def test_a_file_dated_ahead_of_the_clock_is_read_once_nothing_was_done_to_it_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "keys.csv").write_text("id\n1\n")
    now = time.time()
    os.utime(file, (now + 3600,) * 2)
    with pytest.raises(TransientError, match="written to just now"):
        key_files.read(file, ["id"])
    monkeypatch.setattr("connectors.mainframe.key_files.time.time", lambda: now + 10)
    assert key_files.read(file, ["id"]) == [{"id": "1"}]


def test_a_file_that_comes_from_a_clock_ahead_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "keys.csv").write_text("id\n1\n")
    os.utime(file, (time.time() + 3600,) * 2)
    earlier = time.time() - 300
    monkeypatch.setattr("connectors.mainframe.key_files.time.time", lambda: earlier)
    with pytest.raises(TransientError, match="ahead of this host's clock") as told:
        key_files.read(file, ["id"])
    assert "synchronise" in told.value.remedy
