"""A configuration file taken apart: what the engine reads in it, and every problem at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from bridge.config import kafka_settings
from bridge.config.kafka_settings import KafkaSettings
from bridge.config.options import (
    CONNECTOR_KEYS,
    ENGINE_KEYS,
    NAME,
    NAME_RULE,
    RESERVED_RULE,
    STREAM_KEYS,
    VERSION,
    ConnectorOptions,
    ConnectorSettings,
    Settings,
    StreamOptions,
    Topics,
    is_reserved,
)
from bridge.config.problems import Fault, Keys, Problem, faults, form_of, nearest, shown
from bridge.config.yaml_places import Document
from bridge.redact import url_has_password

TOP_KEYS = frozenset(Settings.model_fields) | {"defaults"}
REFERENCE = "write env:NAME, file:PATH or cred:NAME"
_PLACEHOLDER = re.compile(r"\{\w+\}")
"""What a connector puts a secret in the place of, as a step of a log-on does with `{password}`."""
_NOT_IN_METRICS = re.compile(r"[^A-Za-z0-9_-]")
"""What topics that Kafka takes for one may differ in."""
_PATTERN = re.compile(r"[*?[]")

type Raw = Mapping[str, Any]


class Reading:
    """A document taken apart: `problems`, the `connectors` that are sound so far, `settings` if all is."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.problems)
        self.connectors: dict[str, ConnectorSettings] = {}
        self.inherited: Raw = {}
        self.kafka: dict[str, Any] | None = None
        self.settings: Settings | None = self._read()

    def wrong(self, fault: Fault, path: Keys = ()) -> None:
        """Notes a fault in what stands at `path`."""
        place = self.document.at_key if fault.about_key else self.document.at_value
        problem = place((*path, *fault.path), fault.text, fault.remedy)
        self.problems.append(replace(problem, level=fault.level))

    def _read(self) -> Settings | None:
        top = self._mapping(self.document.data, ())
        if top is None or not self._version(top):
            return None
        for key in top.keys() - TOP_KEYS:
            self.wrong(Fault((key,), f"unknown option {shown(key)}", nearest(key, TOP_KEYS), about_key=True))
        self.kafka = self._kafka(top)
        self._connectors(top, self._defaults(top))
        parts = {key: top[key] for key in ("topics", "daemon") if top.get(key) is not None}
        if "name" in top:
            parts["name"] = top["name"]
        settings = self._model(Settings, {**parts, "kafka": {}, "connectors": {}}, ())
        self._topics_twice((settings.topics if settings else Topics()).template)
        if settings is None or self.problems:
            return None
        settings = settings.model_copy(update={"kafka": self.kafka, "connectors": self.connectors})
        settings.remember({key: self._place(("defaults", key)) for key in self.inherited})
        return settings

    def _place(self, path: Keys) -> str:
        return str(self.document.at_key(path, "")).removesuffix(": ")

    def _version(self, top: Raw) -> bool:
        version = top.get("version")
        if "version" not in top:
            self.wrong(Fault((), "'version' is missing", f"begin the file with `version: {VERSION}`"))
        elif version != VERSION or isinstance(version, bool):
            newer = isinstance(version, int) and version > VERSION
            remedy = "install a newer legacy-bridge" if newer else f"write `version: {VERSION}`"
            self.wrong(Fault(("version",), f"{shown(version)} is no version this bridge reads", remedy))
        else:
            return True
        return False

    def _kafka(self, top: Raw) -> dict[str, Any] | None:
        settings = self._mapping(top.get("kafka", {}), ("kafka",))
        if settings is None:
            return None
        sound = dict(settings)
        if not settings.get("bootstrap.servers"):
            example = 'write the brokers\' addresses, as in `kafka: {bootstrap.servers: "broker1:9092"}`'
            self.wrong(Fault(("kafka",), "'bootstrap.servers' is missing", example, about_key=True))
        for name, value in settings.items():
            path = ("kafka", name)
            if kafka_settings.in_clear(name, value):
                fault = Fault(path, "a secret in clear (not shown)", REFERENCE)
            elif reason := kafka_settings.refusal(name, value, settings):
                fault = Fault(
                    path, f"cannot be set: {reason}", kafka_settings.remedy(name, value), about_key=True
                )
            elif not isinstance(value, str | int | float):
                fault = Fault(path, f"must be text or a number, not {shown(value)}")
            else:
                continue
            self.wrong(fault)
            del sound[name]
        return TypeAdapter(KafkaSettings).validate_python(sound)

    def _defaults(self, top: Raw) -> Raw:
        defaults = self._mapping(top.get("defaults"), ("defaults",)) or {}
        self.inherited = {key: value for key, value in defaults.items() if key not in ENGINE_KEYS}
        self._secrets_in_clear(self.inherited, ("defaults",))
        return self._engine_part(defaults, ("defaults",))

    def _engine_part(self, raw: Raw, path: Keys) -> Raw:
        """The engine's options in `raw`, without those that do not validate."""
        return {
            key: raw[key]
            for model, keys in ((StreamOptions, STREAM_KEYS), (ConnectorOptions, CONNECTOR_KEYS))
            for key in raw.keys() & keys
            if self._model(model, {key: raw[key]}, path) is not None
        }

    def _connectors(self, top: Raw, defaults: Raw) -> None:
        connectors = self._mapping(top.get("connectors"), ("connectors",)) or {}
        if not connectors:
            example = "write `connectors: {NAME: {kind: KIND, ...}}`"
            self.wrong(Fault(("connectors",), "no connector is configured", example))
        for name, raw in connectors.items():
            if not NAME.fullmatch(name):
                self.wrong(Fault(("connectors", name), f"{shown(name)} {NAME_RULE}", about_key=True))
                continue
            options = self._mapping(raw, ("connectors", name))
            connector = self._connector(name, options, defaults) if options is not None else None
            if connector is not None:
                self.connectors[name] = connector
                self._transaction(connector)

    def _transaction(self, connector: ConnectorSettings) -> None:
        """The broker aborts a transaction that stays open too long, and fences its producer."""
        longest, age = kafka_settings.longest_transaction_s(self.kafka or {}), connector.transaction.age
        if age > longest:
            path: Keys = ("connectors", connector.name, "transaction", "age")
            inherited = ("defaults", *path[2:])
            where = (
                inherited if path not in self.document.values and inherited in self.document.values else path
            )
            text = f"{age:g}s is more than {longest:g}s, half of kafka's transaction.timeout.ms"
            self.wrong(Fault(where, text, "shorten it, or raise transaction.timeout.ms"))

    def _topics_twice(self, template: str) -> None:
        """Streams that publish to one topic (`.` and `_` are one for Kafka), or to no stream's."""
        owners: dict[str, tuple[str, Keys]] = {}
        for connector in self.connectors.values():
            for whose, topic, path in self._known_topics(connector, template):
                if is_reserved(topic):
                    remedy, about = "give the stream another `topic:`", path[-1] != "topic"
                    self.wrong(
                        Fault(path, f"{shown(topic)} begins as {RESERVED_RULE}", remedy, about_key=about)
                    )
                other, place = owners.setdefault(_NOT_IN_METRICS.sub("_", topic), (whose, path))
                if other != whose:
                    line = self.document.at_key(place, "").line
                    text = f"{shown(topic)} is also the topic of {other}, line {line}"
                    self.wrong(Fault(path, text, "give each stream its own", about_key=path[-1] != "topic"))

    def _known_topics(self, connector: ConnectorSettings, template: str) -> Iterator[tuple[str, str, Keys]]:
        """Whose, topic and place, where no source need be asked; what a whole connector shares is its own."""
        name, shared = connector.name, connector.defaults.topic
        path: Keys = ("connectors", name)
        topics = {pattern: each.topic for pattern, each in connector.streams.items()}
        for pattern, topic in (topics or {"": shared}).items():
            each = topic or template
            stream: Keys = (*path, "streams", pattern)
            if "{table}" in each and (not pattern or _PATTERN.search(pattern)):
                continue
            known = each.format(connector=name, table=pattern)
            if topic is not None and topic != shared:
                yield f"{name}/{pattern}", known, (*stream, "topic")
            elif "{table}" in each:
                yield f"{name}/{pattern}", known, stream
            elif (*path, "topic") in self.document.values:
                yield name, known, (*path, "topic")
            else:
                yield name, known, path

    def _connector(self, name: str, raw: Raw, defaults: Raw) -> ConnectorSettings | None:
        path = ("connectors", name)
        if "kind" not in raw:
            remedy = "`legacy-bridge connectors` lists the kinds"
            self.wrong(Fault(path, "'kind' is missing", remedy, about_key=True))
            return None
        own = {**defaults, **self._engine_part(raw, path)}
        streams = self._streams(raw, path)
        engine = {
            pattern: self._engine_part(_only(part, STREAM_KEYS), (*path, "streams", pattern))
            for pattern, part in streams.items()
        }
        options = {key: value for key, value in raw.items() if key not in ENGINE_KEYS | {"kind", "streams"}}
        if "streams" in raw:
            options["streams"] = {pattern: _without(part, STREAM_KEYS) for pattern, part in streams.items()}
        self._secrets_in_clear(options, path)
        inherited = _only(own, STREAM_KEYS)
        settings = _only(own, CONNECTOR_KEYS) | {
            "name": name,
            "kind": raw["kind"],
            "options": options,
            "inherited": dict(self.inherited),
            "streams": {pattern: {**inherited, **part} for pattern, part in engine.items()},
            "defaults": inherited,
        }
        return self._model(ConnectorSettings, settings, path)

    def _streams(self, raw: Raw, path: Keys) -> dict[str, Raw]:
        patterns = self._mapping(raw.get("streams"), (*path, "streams")) or {}
        return {
            pattern: self._mapping(part, (*path, "streams", pattern)) or {}
            for pattern, part in patterns.items()
        }

    def _secrets_in_clear(self, options: Any, path: Keys) -> None:
        for inner, value in _scalars(options, path):
            name = next(part for part in reversed(inner) if isinstance(part, str))
            if kafka_settings.in_clear(name, value) and not _PLACEHOLDER.fullmatch(str(value)):
                self.wrong(Fault(inner, "a secret in clear (not shown)", REFERENCE))
            elif isinstance(value, str) and url_has_password(value):
                remedy = "move it to the option for the password, as a reference"
                self.wrong(Fault(inner, "a password inside a URL (not shown)", remedy))

    def _mapping(self, value: Any, path: Keys) -> Raw | None:
        """The mapping at `path`; nothing written there counts as an empty one, except at the top."""
        if isinstance(value, Mapping):
            return value
        if value is None and path:
            return {}
        text = "the file is empty" if value is None else "must be a mapping of options, not " + form_of(value)
        self.wrong(Fault(path, text, "indent the options under it" if path else "see config/example.yaml"))
        return None

    def _model[M: BaseModel](self, model: type[M], data: Raw, path: Keys) -> M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for fault in faults(error, model, data):
                self.wrong(fault, path)
            return None


def _only(options: Raw, keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key in keys}


def _without(options: Raw, keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in keys}


def _scalars(value: Any, path: Keys) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _scalars(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _scalars(inner, (*path, at))
    else:
        yield path, value
