"""Asks librdkafka itself what it says to the settings under `kafka:`, without connecting anywhere."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bridge import kafka
from bridge.config.kafka_settings import ALIASES, SUGGESTED
from bridge.config.problems import Fault, shown
from bridge.contract import Secret
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.config.reading import Reading

_SILENT = logging.getLogger("bridge.config.client_check")
_SILENT.setLevel(logging.CRITICAL + 1)
"""With `debug`, librdkafka would write to standard error whatever its level."""
_ALLOWED_RANGE = re.compile(r"outside allowed range (\S+)")
_OF_THE_DAEMON = ("bootstrap.servers", "ssl.", "sasl.oauthbearer.")
"""Hosts and files that may be there only where the daemon runs."""


def examine(reading: Reading) -> None:
    """Adds what librdkafka refuses. Secrets are not revealed: they may live only where the daemon runs."""
    settings = {
        name: "x" if isinstance(value, Secret) else value for name, value in (reading.kafka or {}).items()
    }
    refused = {name: said for name, value in settings.items() if (said := _refused(name, value))}
    for name, said in refused.items():
        reading.wrong(_fault(name, (reading.kafka or {})[name], said))
    if not refused and (said := _refused_together(settings)):
        said = _as_written(said, settings)
        about = [name for name in settings if f"`{name}`" in said]
        reading.wrong(Fault(("kafka", *about[:1]), f"does not fit: {said}", about_key=True))


def _refused(name: str, value: Any) -> str:
    """What librdkafka says to one setting alone; that a client cannot be made of it alone is no matter."""
    if name == "bootstrap.servers":
        return ""
    settings: dict[str, Any] = {"log_level": 0, name: value, "logger": _SILENT}
    try:
        AdminClient(settings)
    except KafkaException as error:
        said = str(error.args[0].str()).strip()
        return "" if said.startswith("Failed to create") else said
    return ""


def _refused_together(settings: Mapping[str, Any]) -> str:
    """What it says to the clients that the bridge makes of them."""
    here = {name: value for name, value in settings.items() if not name.startswith(_OF_THE_DAEMON)}
    silent = {"log_level": 0, "logger": _SILENT}
    try:
        kafka.producer(here, "bridge", lambda _: None, **silent)
        kafka.consumer(here, "read_committed", **silent).close()
        kafka.admin(here, **silent)
    except ConfigError as error:
        return re.sub(r"^.*?: (Failed to create [\w ]+: )?| \(\w+\)$", "", error.text)
    return ""


def _as_written(said: str, settings: Mapping[str, Any]) -> str:
    """With the names that the file has, of those that mean the same."""
    for pair in ALIASES:
        for name, other in (pair, pair[::-1]):
            if other in settings and name not in settings:
                said = said.replace(f"`{name}`", f"`{other}`")
    return said


def _fault(name: str, value: Any, said: str) -> Fault:
    path = ("kafka", name)
    if said.startswith("No such configuration property"):
        close = get_close_matches(name, SUGGESTED, n=1)
        guess = f"did you mean '{close[0]}'?" if close else "see librdkafka's CONFIGURATION.md"
        return Fault(path, f"librdkafka has no setting {shown(name)}", guess, about_key=True)
    if said.startswith("Java"):
        return Fault(
            path, "a setting of Java's clients", "use sasl.username and sasl.password", about_key=True
        )
    if isinstance(value, Secret):
        return Fault(path, f"{shown(value)} is a reference, which only free text can be", "write the value")
    allowed = _ALLOWED_RANGE.search(said)
    return Fault(
        path,
        f"{shown(value)} does not fit",
        f"allowed: {allowed[1]}" if allowed else "see librdkafka's CONFIGURATION.md",
    )
