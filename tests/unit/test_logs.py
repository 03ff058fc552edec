"""Log lines on standard error: one JSON object a line, without secrets, whoever wrote them."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

import pytest
import structlog

from bridge import kafka, logs
from bridge.contract import Secret
from bridge.redact import MASK, Redactor

PLANTED = 'hunt"er\\2 '


def fail(why: object) -> None:
    raise ValueError(why)


@pytest.fixture
def redactor(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    monkeypatch.setenv("PLANTED", PLANTED)
    secret = Secret("env:PLANTED")
    secret.reveal()
    return Redactor([secret])


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    before = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.root.handlers, logging.root.level = before


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    printed = capsys.readouterr()
    assert printed.out == ""
    return [json.loads(line) for line in printed.err.splitlines()]


def test_a_line_is_a_json_object_with_time_and_level(
    capsys: pytest.CaptureFixture[str], redactor: Redactor
) -> None:
    logs.configure("json", "info", redactor)

    structlog.get_logger("bridge").warning("stalled", stream="orders", rows=3, lag=0.5)

    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "stalled", "level": "warning", "stream": "orders", "rows": 3, "lag": 0.5}


def test_lines_below_the_level_are_not_written(
    capsys: pytest.CaptureFixture[str], redactor: Redactor
) -> None:
    logs.configure("json", "warning", redactor)

    structlog.get_logger().info("quiet")
    logging.getLogger("librdkafka").info("quiet")
    structlog.get_logger().error("loud")

    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_the_standard_library_takes_the_same_way(
    capsys: pytest.CaptureFixture[str], redactor: Redactor
) -> None:
    logs.configure("json", "info", redactor)
    structlog.contextvars.bind_contextvars(connector="erp")

    logging.getLogger("librdkafka").warning("SASL failed for %s", PLANTED)

    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == (f"SASL failed for {MASK}", "librdkafka")
    assert (line["level"], line["connector"]) == ("warning", "erp")


@pytest.mark.parametrize("logger", ["structlog", "stdlib"])
def test_an_exception_is_one_redacted_text(
    capsys: pytest.CaptureFixture[str], redactor: Redactor, logger: str
) -> None:
    logs.configure("json", "info", redactor)

    try:
        fail({"login": PLANTED, "url": f"x://bob:{PLANTED}@db"})
    except ValueError as error:
        if logger == "structlog":
            structlog.get_logger().exception("failed", why=error, password="other")
        else:
            logging.getLogger("x").exception("failed")

    printed = capsys.readouterr().err
    line = json.loads(printed)
    assert "ValueError" in line["exception"]
    assert line["exception"].count(MASK) >= 2
    assert "hunt" not in printed
    assert "other" not in printed


def test_what_json_does_not_know_is_redacted_text(
    capsys: pytest.CaptureFixture[str], redactor: Redactor
) -> None:
    class Odd:
        def __repr__(self) -> str:
            return f"<Odd {PLANTED}>"

    logs.configure("json", "info", redactor)

    structlog.get_logger().info(
        f"about {PLANTED}", odd=Odd(), inside=[{PLANTED: Odd()}], card=4111111111111111
    )

    (line,) = lines(capsys)
    assert line["event"] == f"about {MASK}"
    assert line["odd"] == f"<Odd {MASK}>"
    assert line["inside"] == [{MASK: f"<Odd {MASK}>"}]
    assert line["card"] == MASK


@pytest.mark.parametrize("form", ["console", "auto"])
def test_the_console_form_is_redacted_too(
    capsys: pytest.CaptureFixture[str], redactor: Redactor, form: logs.Format
) -> None:
    logs.configure(form, "info", redactor)

    try:
        fail(PLANTED)
    except ValueError:
        structlog.get_logger().exception("failed", secret_of="erp", at=PLANTED)

    printed = capsys.readouterr().err
    assert "failed" in printed
    assert "ValueError" in printed
    assert "hunt" not in printed


def test_configuring_again_takes_effect_for_loggers_that_are_already_there(
    capsys: pytest.CaptureFixture[str], redactor: Redactor
) -> None:
    log = structlog.get_logger()
    logs.configure("json", "info", redactor)
    log.debug("no")
    logs.configure("json", "debug", redactor)
    log.debug("yes")

    assert [line["event"] for line in lines(capsys)] == ["yes"]


def test_a_log_that_cannot_be_written_loses_lines_and_counts_them() -> None:
    written: list[str] = []
    full = [True]

    class Disk(io.StringIO):
        def write(self, text: str) -> int:
            if full[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(text)
            return len(text)

    log = logs.Lossy(Disk())
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", log)),
        processors=[log.tell, structlog.processors.JSONRenderer()],
    )
    for _ in range(3):
        structlog.get_logger().info("nobody reads this")
    full[0] = False
    structlog.get_logger().info("again")
    structlog.get_logger().info("and again")
    assert [json.loads(line) for line in "".join(written).splitlines()] == [
        {"event": "again", "lines_lost": 3},
        {"event": "and again"},
    ]


@pytest.mark.parametrize("target", ["/dev/full", "pipe"])
def test_a_process_goes_on_without_its_log(target: str) -> None:
    code = (
        "import structlog; from bridge import logs; from bridge.redact import Redactor\n"
        "logs.configure('json', 'info', Redactor(()))\n"
        "for _ in range(100): structlog.get_logger().info('x' * 1000)\n"
        "print('went on')"
    )
    if target == "pipe":
        reader, number = os.pipe()
        os.close(reader)
    else:
        number = os.open(target, os.O_WRONLY)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=number, check=False
        )
    finally:
        os.close(number)
    assert (done.returncode, done.stdout) == (0, b"went on\n")


def test_a_fence_is_not_told_by_librdkafka_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info", Redactor())
    librdkafka = kafka._to_structlog()
    for text in (
        "ADDPARTS: Failed to add partition: Broker: Producer attempted an operation with an old epoch",
        "TXNERR: Fatal transaction error: Local: This instance has been fenced by a newer instance (_FENCED)",
        "FATAL: There is a newer producer with the same transactionalId which fences the current one",
        "FAIL: what no other test says",
    ):
        librdkafka.error(text)
    assert [line["event"] for line in lines(capsys)] == ["FAIL: what no other test says"]
