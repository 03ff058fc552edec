"""`legacy-bridge demo`: changes reach Kafka exactly once while the bridge is being killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from bridge.testing.demo import afterwards
from bridge.testing.demo.stage import Stage
from bridge.testing.demo.story import Story
from bridge.testing.demo.view import Picture, PlainView, View, shown
from bridge.testing.demo.watch import Watch

OK, FAILED = 0, 1
OPENING = "Old systems' changes into Kafka, exactly once, while the bridge is killed.\n"


def perform(finale: Callable[[Stage, Story, View], None]) -> int:
    """The whole demo, then `finale`; 0 when nothing was lost, doubled or differs, else 1.

    Leaves nothing behind, however it ends. Errors: DemoError, BrokerError, DatabaseError; KeyboardInterrupt.
    """
    began = time.monotonic()
    with _staged() as stage, _watching(stage) as watch:
        with shown(Picture(watch)) as view, closing(Story(stage, watch, view)) as story:
            view.show(OPENING)
            play(story)
        afterwards.summary(story.outcome, time.monotonic() - began, PlainView())
        with closing(story):
            finale(stage, story, PlainView())
    return OK if story.outcome.sound else FAILED


def play(story: Story) -> None:
    """The scenes in their order."""
    story.raise_source()
    story.raise_mainframe()
    story.raise_oracle()
    story.raise_sap()
    story.raise_broker()
    story.raise_bridge()
    story.open_till()
    story.kill_worker()
    story.kill_mainframe_worker()
    story.kill_oracle_worker()
    story.kill_sap_worker()
    story.kill_supervisor()
    story.restart_broker()
    story.close_till()
    story.verify()


@contextmanager
def _staged() -> Iterator[Stage]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does; a second one does not stop it from tidying up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    stage = Stage()
    try:
        yield stage
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stage.close()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _watching(stage: Stage) -> Iterator[Watch]:
    watch = Watch(stage.broker.address, stage.topics, stage.bridge.socket)
    try:
        yield watch
    finally:
        watch.close()
