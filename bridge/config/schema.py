"""JSON Schema of the configuration file, for editors: the engine's options and each installed connector's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from bridge import plugins
from bridge.config.kafka_settings import ACKS, ALL_REPLICAS, REFUSED, REFUSED_PATTERNS, SUGGESTED
from bridge.config.options import NAME, ConnectorOptions, Settings, StreamOptions, Topics
from bridge.contract import ConnectorConfig
from bridge.errors import ConfigError

type Schema = dict[str, Any]


class _Open(GenerateJsonSchema):
    """A field of a type that JSON Schema cannot describe is left open."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> Schema:  # noqa: ARG002
        return {}


DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = {"pattern": f"^{NAME.pattern}$"}
PLAIN_VALUE = {"type": ["string", "number", "boolean"]}
KAFKA: Schema = {
    "type": "object",
    "required": ["bootstrap.servers"],
    "propertyNames": {
        "not": {"anyOf": [{"enum": sorted(REFUSED)}, *({"pattern": each} for each in REFUSED_PATTERNS)]}
    },
    "properties": dict.fromkeys(SUGGESTED, PLAIN_VALUE) | {key: {"enum": list(ALL_REPLICAS)} for key in ACKS},
    "additionalProperties": PLAIN_VALUE,
    "description": "librdkafka's settings; secrets as env:NAME, file:PATH or cred:NAME",
}


def schema() -> Schema:
    """The schema of a whole file; a kind whose package cannot be imported is left open."""
    shared: Schema = {}
    kinds = {kind: _config(kind) for kind in plugins.kinds()}
    known = {kind: config for kind, config in kinds.items() if config is not None}
    engine = properties(StreamOptions, shared) | properties(ConnectorOptions, shared)
    inherited = _merged(_stream(config, shared) for config in known.values())
    connector = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": sorted(kinds), "description": "what kind of source this is"}},
        "allOf": [_when(kind, _connector(config, engine, shared)) for kind, config in known.items()],
    }
    whole = properties(Settings, shared)
    options = whole | {
        "kafka": KAFKA,
        "topics": {"anyOf": [{"enum": ["create", "require", None]}, _closed(properties(Topics, shared))]},
        "daemon": _or_nothing(whole["daemon"]),
        "defaults": _or_nothing(_closed(inherited | engine)),
        "connectors": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": NAMES,
            "additionalProperties": connector,
        },
    }
    shared.pop(f"{_prefix(Settings)}.ConnectorSettings")
    required = ["version", "name", "kafka", "connectors"]
    return {
        "$schema": DIALECT,
        "title": "legacy-bridge",
        **_closed(options),
        "required": required,
        "$defs": shared,
    }


def properties(model: type[BaseModel], shared: Schema) -> Schema:
    """Option -> its schema; models inside it go to `shared`, under names that do not collide."""
    prefix = _prefix(model)
    whole = whole_of(model, f"#/$defs/{prefix}.{{model}}")
    shared |= {f"{prefix}.{name}": inner for name, inner in whole.get("$defs", {}).items()}
    options: Schema = whole.get("properties", {})
    return options


def whole_of(model: type[BaseModel], references: str = "#/$defs/{model}") -> Schema:
    return model.model_json_schema(ref_template=references, schema_generator=_Open)


def _prefix(model: type[BaseModel]) -> str:
    return f"{model.__module__}.{model.__qualname__}"


def _config(kind: str) -> type[ConnectorConfig] | None:
    try:
        return plugins.load(kind).Config
    except ConfigError:
        return None


def _connector(config: type[ConnectorConfig], engine: Schema, shared: Schema) -> Schema:
    """What may stand under a connector of this kind; what its streams inherit may stand there, too."""
    own = properties(config, shared)
    inherited = _stream(config, shared)
    stream = inherited | properties(StreamOptions, shared)
    streams = {"type": "object", "additionalProperties": _or_nothing(_closed(stream))}
    required = [name for name, field in config.model_fields.items() if field.is_required()]
    described = {"description": "stream name or pattern -> its options"}
    return _closed({**inherited, **own, **engine, "kind": True, "streams": streams | described}) | {
        "required": required
    }


def _stream(config: type[ConnectorConfig], shared: Schema) -> Schema:
    return _merged(properties(model, shared) for model in plugins.stream_models(config))


def _closed(options: Schema) -> Schema:
    return {"type": "object", "properties": options, "additionalProperties": False}


def _or_nothing(schema: Schema) -> Schema:
    """A key may be left empty."""
    return {"anyOf": [schema, {"type": "null"}]}


def _when(kind: str, then: Schema) -> Schema:
    return {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then}


def _merged(several: Iterable[Schema]) -> Schema:
    """The union of option sets; an option that differs between them may be either."""
    merged: Schema = {}
    for options in several:
        for name, option in options.items():
            other = merged.get(name, option)
            merged[name] = option if other == option else {"anyOf": [other, option]}
    return merged
