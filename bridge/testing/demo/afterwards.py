"""What the demo says when it is over, and how to look at what it leaves running."""

from __future__ import annotations

import os
from threading import Event

from bridge.testing.demo import tools
from bridge.testing.demo.stage import CONNECTOR, TOPICS, Stage
from bridge.testing.demo.story import Outcome, Story
from bridge.testing.demo.view import View

KEPT = """
All of it goes on, and the shop has opened again. In another terminal:

  cd {folder}
  PATH=$PWD/bin:$PATH; B={address}

  legacy-bridge health --watch demo.yaml
  legacy-bridge positions show demo.yaml {connector}
  legacy-bridge peek demo.yaml {connector} -n 1 --from-start
  legacy-bridge verify demo.yaml {connector}
  curl http://127.0.0.1:{port}/metrics

With Kafka's own tools (those of any Kafka do as well): the events as consumers
get them; the positions, committed with them; the ends of aborted transactions

  kafka-console-consumer.sh --bootstrap-server $B \\
    --topic {topic} --isolation-level read_committed
  kafka-console-consumer.sh --bootstrap-server $B --from-beginning \\
    --topic _bridge.positions.{connector} --property print.key=true \\
    --isolation-level read_committed
  kafka-dump-log.sh --deep-iteration \\
    --files $(echo broker/data/{connector}.*/*.log | tr ' ' ,) | grep ABORT

Logs: bridge.log, broker/broker.log; process {supervisor} is the supervisor.
To end it and remove all of it: Ctrl-C here, or  kill {pid}
"""

SCREENS = """
The mainframe, with any 3270 emulator (user {user}; {folder}/mainframe-password):
  c3270 127.0.0.1:{port}"""

QUERIES = """
The simulated Oracle, with python-oracledb (user {user}; {folder}/oracle-password):
  {dsn}"""

CALLS = """
The simulated SAP system, with any client of RFC (user {user}; {folder}/sap-password):
  ashost {ashost}, sysnr {sysnr}, client {client}"""

NEXT = """
Next:
  make demo DEMO_ARGS=--keep   leaves it running, to be looked at
  README.md                    what this version does, and what it does not
  docs/exactly-once.md         what consumers must set; which test shows what
  config/minimal.yaml          a configuration to begin with
"""


def summary(outcome: Outcome, took_s: float, view: View) -> None:
    """The figures, for somebody who looks only now."""
    view.show()
    view.show(f"{outcome.rows:,} rows, {outcome.events:,} events, {took_s:.0f} s:")
    view.show(f"{outcome.lost} lost, {outcome.doubled} doubled, {outcome.differing} differing")
    view.show(
        f"{outcome.withheld:,} more records lie in the topics, of the {outcome.kills} transactions that were"
    )
    view.show("killed; consumers that read committed (isolation.level) never get them")
    for fault in faults(outcome):
        view.show(fault)


def faults(outcome: Outcome) -> list[str]:
    """Why the demo has failed, one line each."""
    found = []
    if outcome.lost or outcome.doubled or outcome.differing:
        found.append("FAILED: the bridge did not keep its promise")
    if outcome.pending:
        found.append(f"FAILED: {outcome.pending} rows had not been published when the demo stopped waiting")
    if not outcome.rows:
        found.append("FAILED: nothing was compared")
    if not outcome.withheld:
        found.append("FAILED: no record was withheld, so the kills have shown nothing")
    return found


def leave(_stage: Stage, _story: Story, view: View) -> None:
    """The end: everything is taken down."""
    view.show(NEXT.rstrip())


def keep(stage: Stage, story: Story, view: View) -> None:
    """Leave it running, and say how to look at it; returns at Ctrl-C, SIGTERM or SIGHUP."""
    tools.write(stage.folder / "bin")
    view.show(
        KEPT.format(
            folder=stage.folder,
            address=stage.broker.address,
            connector=CONNECTOR,
            port=stage.bridge.port,
            topic=TOPICS["ORDHDR"],
            supervisor=stage.bridge.pid,
            pid=os.getpid(),
        ).rstrip()
    )
    story.till.work()
    for each in stage.others:
        each.work()
    if stage.oracle:
        peer = stage.oracle.peer
        view.show(QUERIES.format(dsn=peer.dsn, user=peer.user, folder=stage.folder))
    if stage.sap:
        told = {name: getattr(stage.sap.peer, name) for name in ("user", "ashost", "sysnr", "client")}
        view.show(CALLS.format(folder=stage.folder, **told))
    if stage.mainframe:
        host = stage.mainframe.host
        view.show(SCREENS.format(port=host.port, user=host.user, folder=stage.folder))
    try:
        Event().wait()
    except KeyboardInterrupt:
        view.show("\ntaking it down")
