"""What the demo says when it is over, and how to look at what it leaves running."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Event

from bridge.testing.demo.stage import CONNECTOR, TOPICS, Stage
from bridge.testing.demo.story import Outcome, Story
from bridge.testing.demo.view import View
from bridge.testing.kafka import jars, jdk

KEPT = """
All of it goes on, and the till rings again. From another terminal:

  {bridge} health --watch {config}
  {bridge} positions show {config} {connector}
  {bridge} peek {config} {connector} -n 1 --from-start
  {bridge} verify {config} {connector}
  curl http://127.0.0.1:{port}/metrics

Kafka's own tools, on {address} (kafka-console-consumer.sh of any Kafka does as well):

  J="{java} -cp {jars}/*"; B="--bootstrap-server {address} --from-beginning"
  $J org.apache.kafka.tools.consumer.ConsoleConsumer $B --topic {topic} --isolation-level read_committed
  $J org.apache.kafka.tools.consumer.ConsoleConsumer $B --topic _bridge.positions.{connector} \\
      --formatter-property print.key=true
  $J kafka.tools.DumpLogSegments --files {log} | grep -B1 -A1 ABORT

  kill -9 {supervisor} is the supervisor: nobody starts it again but you. Its log: {bridge_log}

To end it, and remove all of it: Ctrl-C here, or  kill {pid}
"""

NEXT = """
  make demo DEMO_ARGS=--keep   the same, left running, to look at it with Kafka's own tools
  config/example.yaml          a configuration; `legacy-bridge config check` says what is wrong with one
  docs/exactly-once.md         what consumers must set, and which test shows what
"""


def summary(outcome: Outcome, took_s: float, view: View) -> None:
    """The figures, for somebody who looks only now."""
    view.show()
    view.show(
        f"{outcome.lost} lost, {outcome.doubled} doubled, {outcome.differing} differing: "
        f"{outcome.rows:,} rows, {outcome.events:,} events, {took_s:.0f} s"
    )
    view.show(
        f"{outcome.withheld:,} more records of {outcome.kills} killed transactions are in the topics; "
        "consumers with isolation.level=read_committed were never given them"
    )
    for fault in faults(outcome):
        view.show(fault)
    view.show(NEXT.rstrip())


def faults(outcome: Outcome) -> list[str]:
    """Why the demo has failed, one line each."""
    found = []
    if outcome.lost or outcome.doubled or outcome.differing:
        found.append("FAILED: the bridge did not keep its promise")
    if outcome.pending:
        found.append(f"FAILED: {outcome.pending} rows had not been published when the demo stopped waiting")
    if not outcome.withheld:
        found.append("FAILED: no record was withheld, so the kills have shown nothing")
    return found


def leave(_stage: Stage, _story: Story, _view: View) -> None:
    """The end: everything is taken down."""


def keep(stage: Stage, story: Story, view: View) -> None:
    """Leave it running, and say how to look at it; returns at Ctrl-C, SIGTERM or SIGHUP."""
    bridge = stage.bridge
    log = stage.broker.folder / "data" / f"{TOPICS['ORDLIN']}-0" / "00000000000000000000.log"
    view.show(
        KEPT.format(
            bridge=command(),
            config=bridge.config,
            connector=CONNECTOR,
            port=bridge.port,
            address=stage.broker.address,
            java=jdk("java"),
            jars=jars(),
            topic=TOPICS["ORDHDR"],
            log=log,
            supervisor=bridge.pid,
            bridge_log=bridge.log,
            pid=os.getpid(),
        )
    )
    story.till.open()
    try:
        Event().wait()
    except KeyboardInterrupt:
        view.show("taking it down")


def command() -> Path:
    """The program `legacy-bridge` of this installation."""
    return Path(sys.executable).with_name("legacy-bridge")
