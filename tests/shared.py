"""One broker for all workers of pytest-xdist: kept by the process that started them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Client, Listener
from threading import Thread

from bridge.testing.kafka import BrokerError, KafkaBroker, qualify

__all__ = ["address", "kept"]

# It is never restarted, and a machine under load must not make it take itself for dead.
PATIENT = {"broker.session.timeout.ms": "30000"}


@contextmanager
def kept() -> Iterator[str]:
    """The place to ask for the broker's address; it is started for the first who asks."""
    with Listener(family="AF_UNIX") as listener:
        thread = Thread(target=_keep, args=(listener,))
        thread.start()
        yield str(listener.address)
        _say(str(listener.address), "close")
        thread.join()


def address(place: str) -> str:
    """Of the shared broker. Errors: BrokerError."""
    answer = _say(place, "address")
    if isinstance(answer, BrokerError):
        raise answer
    return str(answer)


def _say(place: str, word: str) -> object:
    with Client(place, "AF_UNIX") as client:
        client.send(word)
        answer: object = client.recv()
        return answer


def _keep(listener: Listener) -> None:
    """All in one thread, because a broker dies with the thread that started it."""
    with ExitStack() as stack:
        said: object = None
        while True:
            with listener.accept() as client:
                if client.recv() == "close":
                    client.send(None)
                    return
                said = said or _started(stack)
                client.send(said)


def _started(stack: ExitStack) -> str | BrokerError:
    try:
        broker = stack.enter_context(KafkaBroker(properties=PATIENT))
    except BrokerError as error:
        return error
    verdict = qualify(broker.address)
    return broker.address if verdict.passed else BrokerError(f"{broker.address} is {verdict}")
