"""What is behind a reference to a secret, and how it is told that there is nothing of use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.contract import Secret
from bridge.errors import ConfigError


def refusal(reference: str) -> str:
    with pytest.raises(ConfigError) as refused:
        Secret(reference).reveal()
    return refused.value.text


@pytest.mark.parametrize("written", [b"pa ss\n", b"pa ss\r\n\n", b"\xef\xbb\xbfpa ss\n", b"pa ss"])
def test_a_file_s_byte_order_mark_and_last_line_ends_are_no_part_of_the_secret(
    tmp_path: Path, written: bytes
) -> None:
    (tmp_path / "secret").write_bytes(written)
    assert Secret(f"file:{tmp_path}/secret").reveal() == "pa ss"


def test_nobody_waits_for_the_writer_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(f"file:{tmp_path}/pipe").endswith("not a regular file")
    assert refusal("file:/dev/zero").endswith("not a regular file")
    assert refusal(f"file:{tmp_path}").endswith("Is a directory")
    assert refusal(f"file:{tmp_path}/none").endswith("No such file or directory")


def test_what_is_no_text_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b"a\xffb")
    assert refusal(f"file:{tmp_path}/secret").endswith("not UTF-8")
    (tmp_path / "secret").write_bytes(b"a\0b")
    assert refusal(f"file:{tmp_path}/secret").endswith("holds a NUL")
    monkeypatch.setitem(os.environb, b"OLD", b"a\xffb")
    assert refusal("env:OLD") == "cannot read the secret env:OLD: not UTF-8"


def test_a_reference_that_no_path_can_be_is_none() -> None:
    with pytest.raises(ValueError, match="not a reference"):
        Secret("file:/x\0y")
