"""Many records in one call on a producer of confluent-kafka, which has none for packed ones.

Librdkafka tells every producer it makes to the plugins that its configuration names: the library is one.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

from confluent_kafka import KafkaError, KafkaException, cimpl

from bridge.native import LIBRARY, library
from bridge.native.packed import Packed

PLUGINS = "plugin.library.paths"


def plugged() -> dict[str, str]:
    """What a producer's configuration needs for `Sender.made`; the operator's own can name no plugins."""
    return {} if _ready() is None else {PLUGINS: str(LIBRARY)}


class Sender:
    """Of one producer, for as long as that lives."""

    def __init__(self, native: ctypes.CDLL, producer: int) -> None:
        self._native, self._producer = native, producer
        self._topics: dict[str, int] = {}

    @classmethod
    def made(cls) -> Sender | None:
        """Of the producer that this thread has just made, if it was told of the plugin."""
        native = _ready()
        producer = native.bridge_made() if native else None
        return cls(native, producer) if native and producer else None

    def send(self, topic: str, keys: Packed, values: Packed, first: int) -> int:
        """Queue records from `first` on, in order; returns how many it took: all, or what there is room for.

        Errors: KafkaException, as `Producer.produce`.
        """
        error = ctypes.c_int()
        taken: int = self._native.bridge_send(
            self._topic(topic),
            *(keys.texts.address, keys.ends.address, values.texts.address, values.ends.address),
            *(first, len(values), ctypes.byref(error)),
        )
        if error.value and error.value != KafkaError._QUEUE_FULL:
            raise KafkaException(KafkaError(error.value))
        return taken

    def failure(self) -> tuple[KafkaError, str] | None:
        """Of the first record that was not delivered since it was asked last: why, and its topic."""
        topic = ctypes.create_string_buffer(256)
        code = self._native.bridge_failure(self._producer, topic)
        return (KafkaError(code), topic.value.decode()) if code else None

    def close(self) -> None:
        """Before the producer ends, which waits for its topics."""
        while self._topics:
            self._native.bridge_topic_destroy(self._topics.popitem()[1])

    def _topic(self, name: str) -> int:
        if name not in self._topics:
            made = self._native.bridge_topic(self._producer, name.encode())
            if not made:
                raise KafkaException(KafkaError(KafkaError.TOPIC_EXCEPTION, f"no topic can be called {name}"))
            self._topics[name] = made
        return self._topics[name]


_USED = (
    "rd_kafka_conf_interceptor_add_on_new",
    "rd_kafka_interceptor_add_on_acknowledgement",
    "rd_kafka_topic_new",
    "rd_kafka_topic_destroy",
    "rd_kafka_topic_name",
    "rd_kafka_produce_batch",
)
"""In the order in which bridge_use takes them."""


@cache
def _ready() -> ctypes.CDLL | None:
    """The library, which knows the very librdkafka that confluent-kafka uses; None without either."""
    native = library()
    if native is None or cimpl.__file__ is None:
        return None
    try:
        client = ctypes.CDLL(cimpl.__file__)  # names are looked up in what it was linked with, too
        native.bridge_use(*(ctypes.cast(getattr(client, name), ctypes.c_void_p) for name in _USED))
        if not _loads_plugins(client):
            return None
    except (OSError, AttributeError):
        return None
    native.bridge_made.restype = native.bridge_topic.restype = ctypes.c_void_p
    native.bridge_topic.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    native.bridge_topic_destroy.argtypes = (ctypes.c_void_p,)
    native.bridge_failure.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    native.bridge_send.restype = ctypes.c_int64
    native.bridge_send.argtypes = (*[ctypes.c_void_p] * 5, *[ctypes.c_int64] * 2, ctypes.c_void_p)
    return native


def _loads_plugins(client: ctypes.CDLL) -> bool:
    """Librdkafka can be built without them, and some paths are two to it."""
    client.rd_kafka_conf_new.restype = ctypes.c_void_p
    reason = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(client.rd_kafka_conf_new())
    refused = client.rd_kafka_conf_set(
        conf, PLUGINS.encode(), os.fsencode(LIBRARY), reason, ctypes.c_size_t(len(reason))
    )
    client.rd_kafka_conf_destroy(conf)
    return not refused
