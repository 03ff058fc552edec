"""What a source's names may do to a terminal, or to a line a machine reads: nothing."""

from __future__ import annotations

import pytest

from bridge import cli
from bridge.visible import visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("orders", "orders"),
        ("größe 訂單", "größe 訂單"),
        ("a\nb", r"a\nb"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\x9bb\x7f\x00", r"a\x9bb\x7f\x00"),
        ("a\u202eb\u2028c", r"a\u202eb\u2028c"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(name: str, shown: str) -> None:
    assert visible(name) == shown


def test_a_name_stays_on_its_line_wherever_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    cli.say(["one\ntwo", "three"])
    cli.complain("first\x1b[31m\nsecond")
    assert capsys.readouterr() == ("one\\ntwo\nthree\n", "first\\x1b[31m\nsecond\n")
