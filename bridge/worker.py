"""The child process that hosts one connector: threads, signals, heartbeats, and the way out.

main thread     commands from the supervisor, heartbeats, the watch over hung calls
reader thread   bridge.reader: every call into the connector, but `interrupt()`
task thread     bridge.task: every call into Kafka

They meet in two objects, each with one lock: the schedule, and the queue from reader to task. The queue's
lock may be taken under the schedule's, never the other way round, and nobody calls the connector or Kafka
under either. What one thread alone writes (`streams`, `trouble`, `holds`, `call`), others may read without a
lock. Work for the task comes as orders, in a queue of their own.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from textwrap import shorten
from threading import Event, Thread
from typing import Any, Literal

import structlog
from pydantic import BaseModel

from bridge import __version__, logs, plugins
from bridge.admission import Admission
from bridge.channel import Channel
from bridge.coalescer import Coalescer
from bridge.config.kafka_settings import KafkaSettings
from bridge.config.options import ConnectorSettings, Daemon
from bridge.config.options import Topics as TopicOptions
from bridge.contract import Connector, ConnectorConfig, Secret
from bridge.encode import Origin, encoder
from bridge.ends import Ended, die_with_parent
from bridge.errors import BridgeError, Stopped
from bridge.images import Images
from bridge.live_keys import live_keys
from bridge.marks import Marks
from bridge.orders import Orders
from bridge.outlet import Outlet
from bridge.positions import Owner, PositionsTopic
from bridge.prefetch import Prefetch
from bridge.press import Press
from bridge.publisher import Publisher
from bridge.reader import Reader
from bridge.redact import Redactor
from bridge.schedule import Schedule
from bridge.standby import Standby
from bridge.state import KeyedState, StateTopic, cache_of
from bridge.states import State
from bridge.task import Task
from bridge.topics import Topics

log = structlog.get_logger("bridge.worker")

BEAT_S = 0.5
FIRST_BEAT_S = 0.1
"""Until the connector is held: the supervisor forgives earlier failures then."""
GRACE_S = 5.0
"""How long an interrupted call may take to end before the process does."""
HELLO_S = 10.0
LONGEST_BUG = 300


class Hello(BaseModel):
    """The supervisor's first message: everything the worker needs; secrets are still references.

    `claim`: `take` fences whoever is there; `ask` stands by while another owner's lease runs.
    """

    connector: ConnectorSettings
    kafka: KafkaSettings
    topics: TopicOptions
    daemon: Daemon
    places: dict[str, str] = {}
    """Where in the file the `defaults` stand that the engine does not know."""
    owner: Owner
    claim: Literal["take", "ask"]


class Worker:
    """Wires one connector's threads and watches over them from the main thread."""

    def __init__(
        self, hello: Hello, channel: Channel, make_publisher: Callable[..., Publisher] = Publisher
    ) -> None:
        settings = hello.connector
        self._hello, self._channel, self._stop = hello, channel, Event()
        self._kind = plugins.load(settings.kind)
        self._config: ConnectorConfig | None = None
        version = self._kind.position_version
        self._redactor = Redactor(value for value in hello.kafka.values() if isinstance(value, Secret))
        logs.configure(hello.daemon.log.format, hello.daemon.log.level, self._redactor)
        structlog.contextvars.bind_contextvars(connector=settings.name)
        topics = Topics(hello.kafka, hello.topics, self._stop)
        positions = PositionsTopic(hello.kafka, settings.name, topics, self._stop)
        self._schedule = Schedule(version, hello.daemon.critical_after)
        self._schedule.heed(asleep=None)  # a source that is paused is not opened even once
        self._queue = Prefetch(settings.prefetch.rows, settings.prefetch.bytes)
        self._standby = Standby(hello.owner.instance, positions, self._stop)
        changelog = StateTopic(hello.kafka, settings.name, topics)
        state = KeyedState(changelog, cache_of(hello.daemon, settings.name), self._stop)
        self._task = self._make_task(
            state,
            Outlet(hello.owner, make_publisher(hello.kafka, settings.name, self._stop), positions),
            Admission(settings, topics, hello.topics, version),
        )
        self._reader = Reader(
            self._connector, self._schedule, self._queue, settings, self._stop, Marks(state).changed
        )
        self._orders = Orders(self._kind, self._task, self._schedule, self._answer)
        self._thread = Thread(target=copy_context().run, args=(self._run_task,), name="task")
        self._ended = Ended.STOPPED
        self._error: str | None = None
        self._bug: str | None = None
        self._interrupted: object = None
        self._interrupting = Thread()

    def _make_task(self, state: KeyedState, outlet: Outlet, admission: Admission) -> Task:
        settings = self._hello.connector
        origin = Origin(settings.name, settings.kind, __version__)
        press = Press(encoder(settings.encoder), origin, self._redactor)
        coalescer = Coalescer(settings, outlet, press, Images(state), self._schedule, self._say_letters)
        return Task(coalescer, outlet, admission, self._schedule, self._queue, self._stop)

    def run(self) -> int:
        """Until the task has ended; the exit code says how."""
        try:
            return self._run()
        except Exception as error:
            log.exception("the worker has failed; this is a bug")
            self._crashed(error)
            os._exit(self._exit_now())

    def _run(self) -> int:
        self._thread.start()
        while self._thread.is_alive():
            for message in self._channel.receive(BEAT_S if self._task.holds else FIRST_BEAT_S):
                if message["command"] in ("stop", "restart"):
                    self._task.lets_go = message["command"] == "stop"
                    self.stop()
                else:
                    self._orders.obey(message)
            if self._channel.closed:
                self.stop()
            self._watch()
            self._beat()
        self.stop()
        if not self._reader.join(GRACE_S):
            self._hung("the connector did not return when asked to stop")
        self._see_park()
        if self._error:
            self._ended = Ended.PARKED
        elif cut_short := self._task.cut_short:
            log.info("stopped; what is not committed is read again by the next start", reason=cut_short)
        self._report()
        return self._ended

    def stop(self) -> None:
        """Drain: finish the transaction, close the source. May be called again."""
        self._stop.set()
        self._queue.close()
        self._schedule.close()
        self._interrupt()

    def _interrupt(self) -> None:
        """On a thread of its own: nothing the connector does may keep this one from its heartbeats."""
        if not self._interrupting.is_alive():
            thread = Thread(target=copy_context().run, args=(self._reader.interrupt,), daemon=True)
            self._interrupting = thread
            thread.start()

    # -- the threads

    def _connector(self) -> Connector:
        """A new one for every opening, of one configuration: its secrets are watched once."""
        if self._config is None:
            plugins.accepted(self._hello.connector, self._hello.places)
            self._config = plugins.configure(self._hello.connector).config
            self._redactor.watch(plugins.secrets(self._config))
        connector = self._kind(self._config)
        connector.folder = self._hello.daemon.state_dir / f"{self._hello.connector.name}.kept"
        connector.keys_in = partial(live_keys, self._hello.kafka)
        connector.excluded = self._hello.connector.excluded
        return connector

    def _run_task(self) -> None:
        try:
            if self._hello.claim == "ask":
                self._standby.wait()
            if not self._stop.is_set():
                self._reader.start()
                self._ended = self._task.run()
        except Stopped:
            self._ended = Ended.STOPPED
        except BridgeError as error:
            self._ended, self._error = Ended.PARKED, str(error)
        except BaseException as error:
            log.exception("the worker has failed; this is a bug")
            self._crashed(error)

    def _crashed(self, error: BaseException) -> None:
        said = self._redactor.redact(f"{type(error).__name__}: {error}")  # whole: half a secret is one, too
        self._ended, self._bug = Ended.CRASHED, f"a bug: {shorten(said, LONGEST_BUG)}"

    # -- the supervisor's side

    def _answer(self, message: Mapping[str, Any], error: str) -> None:
        self._channel.send({"type": "answer", "id": message.get("id"), "error": self._public(error or None)})

    def _beat(self) -> None:
        kafka, source = self._task.trouble, self._reader.trouble
        state = self._state(source, kafka)  # first: RUNNING without streams says that there are none
        streams = self._schedule.snapshot(source, self._reader.held, kafka)
        self._channel.send(
            {
                "type": "beat",
                "holds": self._task.holds,
                "standby": self._standby.waiting,
                "state": state,
                "error": self._public(kafka or source or self._standby.why),
                "streams": {name: self._told(each) for name, each in streams.items()},
            }
        )

    def _say_letters(self, stream: str) -> None:
        """At once: were this worker killed before its next heartbeat, nobody would be warned of them."""
        self._channel.send({"type": "letters", "stream": stream})

    def _told(self, stream: dict[str, Any]) -> dict[str, Any]:
        if again := stream["resnapshot"]:
            again["error"] = self._public(again["error"])
        return {**stream, "error": self._public(stream["error"])}

    def _public(self, error: str | None) -> str | None:
        """What leaves this process, which alone knows the secrets."""
        return error and self._redactor.redact(error)

    def _state(self, source: str | None, kafka: str | None) -> State:
        """The connector's own state, which its streams' states cannot show before they are known."""
        if self._standby.waiting:
            return State.STANDBY
        if self._schedule.paused:
            return State.PAUSED
        if kafka:
            return State.BACKOFF
        if (source or self._schedule.gated) and self._quiet:
            return State.QUIET
        if source:
            return State.BACKOFF
        return State.RUNNING if self._task.holds and not self._schedule.gated else State.STARTING

    @property
    def _quiet(self) -> bool:
        """Of streams that are not known yet the configuration tells."""
        if self._schedule.streams or not self._reader.trouble:
            return self._schedule.quiet
        return self._hello.connector.rest_s(datetime.now(UTC)) > 0

    def _report(self) -> None:
        error = self._public(self._error or self._bug)
        self._channel.send({"type": "end", "code": int(self._ended), "error": error})

    # -- the watch

    def _watch(self) -> None:
        """A call past its deadline is interrupted; one that does not end then takes the process with it."""
        reader = self._reader
        if reader.crash is not None and not self._stop.is_set():
            log.error("the connector has failed; this is a bug", exc_info=reader.crash)
            self._crashed(reader.crash)
            os._exit(self._exit_now())
        self._see_park()
        call = reader.call
        if call is None:
            return
        age = time.monotonic() - call.since
        if age > call.deadline and self._interrupted is not call:
            self._interrupted = call
            log.warning("interrupting a call past its deadline", call=call.what, age_s=round(age, 1))
            self._interrupt()
        if age > call.deadline + GRACE_S:
            self._hung(f"{call.what} did not return")

    def _see_park(self) -> None:
        if self._reader.parked is not None and self._error is None:
            self._error = str(self._reader.parked)
            self.stop()

    def _hung(self, text: str) -> None:
        """Nothing in Python can end a hung native call but the end of the process.

        Who is parked stays so: the next start would try what was refused.
        """
        log.error("hung; the stacks follow", error=text)
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        self._see_park()
        if self._error:
            self._ended = Ended.PARKED
        else:
            self._ended, self._error = Ended.HUNG, text
        os._exit(self._exit_now())

    def _exit_now(self) -> int:
        self._report()
        sys.stderr.flush()
        return int(self._ended)


def main(fd: int, make_publisher: Callable[..., Publisher] = Publisher) -> int:
    """`fd`: our end of the supervisor's socket pair."""
    die_with_parent()  # the fence does not depend on it
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=fd))
    while (hello := channel.receive_one(HELLO_S)) is None:  # started ahead, it may be told late
        if channel.closed:
            return Ended.STOPPED
    try:
        worker = Worker(Hello.model_validate(hello), channel, make_publisher)
    except BridgeError as error:
        channel.send({"type": "end", "code": int(Ended.PARKED), "error": str(error)})
        return Ended.PARKED
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    return worker.run()
