"""What the supervisor orders of a worker's task; every order is answered once, when it is done or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.contract import Connector
from bridge.errors import BridgeError
from bridge.positions import Paused, Resnapshot
from bridge.rereading import Asking
from bridge.schedule import Schedule
from bridge.task import Task

NOT_YET = (
    "the connector has not looked yet which streams there are; try again in a few seconds, or see `health`"
)

type Message = Mapping[str, Any]


class Orders:
    """`answer` takes a message and, in words, why it was refused; no words: it was obeyed."""

    def __init__(
        self,
        kind: type[Connector],
        task: Task,
        schedule: Schedule,
        answer: Callable[[Message, str], None],
    ) -> None:
        self._kind, self._task, self._schedule, self._answer = kind, task, schedule, answer

    def obey(self, message: Message) -> None:
        stream = message.get("stream") or ""
        match message["command"]:
            case "pause":
                by = Paused(message["by"], message["at"])
                self._order(message, lambda: self._task.pause(stream, by))
            case "resume":
                self._order(message, lambda: self._task.resume(stream))
            case "resnapshot":
                self._resnapshot(message, stream)
            case "cancel-resnapshot":
                self._cancel_resnapshot(message, stream)
            case "renew":
                self._order(message, self._task.renew)
            case other:
                self._answer(message, f"unknown command {other!r}")

    def _order(self, message: Message, action: Callable[[], None]) -> None:
        stream = message.get("stream")
        if stream and stream not in self._schedule.streams:
            self._answer(message, self._unknown(stream))
        else:
            self._give(message, action)

    def _unknown(self, stream: str) -> str:
        known = self._schedule.streams
        return f"no stream {stream!r}; there are: {', '.join(sorted(known))}" if known else NOT_YET

    def _resnapshot(self, message: Message, name: str) -> None:
        order = Resnapshot(message["by"], message["at"])
        asking = Asking(self._kind, self._task.resnapshots, message["where"], order)
        known = {each: progress.stream for each, progress in self._schedule.streams.items()}
        if name not in known and (name or not known):
            self._answer(message, self._unknown(name))
            return
        try:
            orders = {name: asking.of(known[name])} if name else asking.of_all(known.values())
        except (BridgeError, ValueError, ArithmeticError) as error:  # it is the order that is wrong
            self._answer(message, _why(error))
        else:
            self._order(message, lambda: self._task.resnapshot(orders))

    def _cancel_resnapshot(self, message: Message, stream: str) -> None:
        """Also that of a stream that is no more."""
        running = self._task.resnapshots
        if stream not in running and (stream or not running):
            self._answer(message, f"no resnapshot{f' of {stream}' if stream else ''} is under way")
        else:
            self._give(message, lambda: self._task.cancel_resnapshot(stream))

    def _give(self, message: Message, action: Callable[[], None]) -> None:
        done = self._task.order(action)
        done.add_done_callback(lambda future: self._answer(message, _why(future.exception())))


def _why(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__) if error else ""
