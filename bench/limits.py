"""What the machine could do at most: reading with Java alone, producing the same bytes from C alone."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import confluent_kafka

from bench.stage import fresh
from bridge.testing.databases import DatabaseServer, driver_jar
from bridge.testing.kafka import jdk

CHUNK = 100_000
AHEAD = 200_000
"""Records that may wait to be sent."""

type Record = tuple[bytes, bytes]
"""Key and value."""


class Limits(NamedTuple):
    """Rows a second."""

    read: float
    produced: float


def alone(address: str, load: Load, server: DatabaseServer, table: str) -> Limits:
    """Each with the machine for itself."""
    with _draining(server, table) as drain:
        read = _rate(drain)
    return Limits(read, produced(address, load, lambda: False))


def at_once(address: str, load: Load, server: DatabaseServer, table: str) -> Limits:
    """Both beside each other, as in a copy: as long as the table is read, the same is produced over again."""
    with _draining(server, table) as drain:
        written = produced(address, load, lambda: drain.poll() is None)
        return Limits(_rate(drain), written)


@contextmanager
def _draining(server: DatabaseServer, table: str) -> Iterator[subprocess.Popen[str]]:
    """A warm Java program that reads a table of bench.copying again and again, and does nothing else."""
    source = str(Path(__file__).with_name("Drain.java"))
    command = [jdk("java"), "-Xmx512m", "-cp", str(driver_jar(server.kind)), source]
    with subprocess.Popen(
        [*command, server.url, server.user, table],
        env={**os.environ, "BENCH_PASSWORD": server.password},
        stdout=subprocess.PIPE,
        text=True,
    ) as drain:
        assert drain.stdout is not None
        assert drain.stdout.readline() == "warm\n"
        yield drain


def _rate(drain: subprocess.Popen[str]) -> float:
    assert drain.stdout is not None
    return float(drain.stdout.readline())


class _Message(ctypes.Structure):
    """rd_kafka_message_t of rdkafka.h."""

    _fields_ = (
        ("err", ctypes.c_int),
        ("rkt", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("payload", ctypes.c_char_p),
        ("len", ctypes.c_size_t),
        ("key", ctypes.c_char_p),
        ("key_len", ctypes.c_size_t),
        ("offset", ctypes.c_int64),
        ("_private", ctypes.c_void_p),
    )


class Load:
    """Records in the form in which C takes them; they must live as long as it does."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.chunks = [_messages(records[at : at + CHUNK]) for at in range(0, len(records), CHUNK)]

    def __len__(self) -> int:
        return len(self._records)


def produced(address: str, load: Load, goes_on: Callable[[], bool]) -> float:
    """Records a second, keys and values, through librdkafka called from C, without transactions."""
    library = _library()
    settings = {
        "bootstrap.servers": address, "compression.codec": "lz4", "batch.size": "900000", "linger.ms": "20",
        "queue.buffering.max.messages": "1000000", "queue.buffering.max.kbytes": "1000000",
        "allow.auto.create.topics": "true", "enable.idempotence": "true",
    }  # fmt: skip
    error = ctypes.create_string_buffer(512)
    conf = library.rd_kafka_conf_new()
    for name, value in settings.items():
        library.rd_kafka_conf_set(conf, name.encode(), value.encode(), error, 512)
    producer = library.rd_kafka_new(0, conf, error, 512)
    topic = library.rd_kafka_topic_new(producer, _topic(address).encode(), None)
    began, rounds = time.monotonic(), 0
    while rounds == 0 or goes_on():
        rounds += 1
        for messages in load.chunks:
            sent = library.rd_kafka_produce_batch(topic, 0, 0x2, messages, len(messages))  # copies them
            assert sent == len(messages)
            while library.rd_kafka_outq_len(producer) > AHEAD:  # to let it block can last for ever
                library.rd_kafka_poll(producer, 5)
    assert library.rd_kafka_flush(producer, 120_000) == 0
    took = time.monotonic() - began
    library.rd_kafka_topic_destroy(topic)
    library.rd_kafka_destroy(producer)
    return rounds * len(load) / took


def _messages(records: Sequence[Record]) -> ctypes.Array[_Message]:
    messages = (_Message * len(records))()
    for message, (key, value) in zip(messages, records, strict=True):
        message.payload, message.len, message.key, message.key_len = value, len(value), key, len(key)
    return messages


def _topic(address: str) -> str:
    from confluent_kafka.admin import AdminClient, NewTopic

    name = fresh("bare")
    admin = AdminClient({"bootstrap.servers": address})  # what it was asked for ends when it does
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    return name


def _library() -> ctypes.CDLL:
    """The very librdkafka that the bridge uses."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_topic_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = (
        ctypes.c_void_p,
        *[ctypes.c_char_p] * 2,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    library.rd_kafka_new.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    library.rd_kafka_topic_new.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    library.rd_kafka_produce_batch.argtypes = (
        ctypes.c_void_p, ctypes.c_int32, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
    )  # fmt: skip
    for name in ("rd_kafka_outq_len", "rd_kafka_topic_destroy", "rd_kafka_destroy"):
        getattr(library, name).argtypes = (ctypes.c_void_p,)
    library.rd_kafka_poll.argtypes = library.rd_kafka_flush.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library
