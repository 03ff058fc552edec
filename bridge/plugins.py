"""Connectors found through the entry-point group `bridge.connectors`, and made from their settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from bridge.config.kafka_settings import KafkaSettings
from bridge.config.options import ENGINE_KEYS, STREAM_KEYS, ConnectorSettings
from bridge.config.problems import Fault, Keys, dotted, faults, models_in, nearest, shown
from bridge.contract import Connector, ConnectorConfig, Secret
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.config.reading import Reading

GROUP = "bridge.connectors"


def kinds() -> dict[str, EntryPoint]:
    """The installed kinds of connectors, by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def load(kind: str) -> type[Connector]:
    """The class of a kind. Errors: ConfigError when it is not installed, lacks its driver or is none."""
    found = entry_points(group=GROUP, name=kind)
    if not found:
        raise ConfigError(f"no connector of kind {shown(kind)}", remedy=_installed(kind))
    if len({point.value for point in found}) > 1:
        names = ", ".join(sorted(point.dist.name for point in found if point.dist))
        raise ConfigError(
            f"several packages provide the kind '{kind}': {names}", remedy="uninstall all but one"
        )
    (point, *_) = found
    try:
        connector = point.load()
    except ImportError as error:
        raise ConfigError(
            f"the connector '{kind}' cannot be imported: {error}", remedy=_install(kind, point.dist)
        ) from error
    except Exception as error:  # a third party's module may fail in any way, and takes no other kind with it
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ConfigError(
            f"the connector '{kind}' is broken: {said}", remedy="reinstall its package"
        ) from error
    return _sound(kind, connector)


def configure(settings: ConnectorSettings) -> Connector:
    """A connector that is not open yet. Errors: one ConfigError naming everything wrong with its options."""
    connector = load(settings.kind)
    found, config = _validate(connector, settings)
    if config is None:
        lines = "; ".join(_line(fault) for fault in found)
        raise ConfigError(f"connector {settings.name}: {lines}")
    made = connector(config)
    made.excluded = settings.excluded
    return made


def examine(reading: Reading) -> None:
    """Adds to a reading what the connectors' own models find wrong."""
    known: set[str] = set()
    for name in reading.connectors:
        known |= examine_one(reading, name)
    for key in reading.inherited.keys() - known if reading.connectors else ():
        reading.wrong(_stranger(key, known))


def examine_together(reading: Reading) -> None:
    """Adds what connectors say of options that are right one by one; some read files for it."""
    for name, settings in reading.connectors.items():
        with suppress(ConfigError):  # which `examine` tells
            connector = load(settings.kind)
            _, config = _validate(connector, settings)
            if config is not None:
                _examine_together(reading, ("connectors", name), connector, config)


def _examine_together(
    reading: Reading, path: Keys, connector: type[Connector], config: ConnectorConfig
) -> None:
    try:
        connector(config).check_options()
    except ConfigError as error:
        reading.wrong(Fault(path, "; ".join(error.text.splitlines()), error.remedy, about_key=True))


def examine_one(reading: Reading, name: str) -> set[str]:
    """Adds what is wrong with one connector; the options its streams may inherit."""
    settings = reading.connectors[name]
    try:
        connector = load(settings.kind)
    except ConfigError as error:
        reading.wrong(Fault(("connectors", name, "kind"), error.text, error.remedy))
        return set(reading.inherited)
    for fault in _validate(connector, settings)[0]:
        reading.wrong(_where_written(reading, name, fault))
    for fault in _strangers(settings):
        reading.wrong(fault)
    return stream_keys(connector.Config)


def accepted(settings: ConnectorSettings, places: Mapping[str, str]) -> None:
    """Errors: a ConfigError for a key of the file's `defaults` that no kind knows, with its place."""
    for fault in _strangers(settings):
        key = str(fault.path[-1])
        raise ConfigError(f"{places.get(key, dotted(fault.path))}: {fault.text}", remedy=fault.remedy)


def _strangers(settings: ConnectorSettings) -> Iterator[Fault]:
    """Keys of `defaults` that no kind's streams have; other kinds are loaded only to excuse a key."""
    known: set[str] = set()
    for kind in (settings.kind, *(kind for kind in kinds() if kind != settings.kind)):
        if settings.inherited.keys() <= known:
            return
        try:
            known |= stream_keys(load(kind).Config)
        except ConfigError:
            return  # nobody knows which options it has
    for key in sorted(settings.inherited.keys() - known):
        yield _stranger(key, known)


def _stranger(key: str, known: Collection[str]) -> Fault:
    text = f"no connector's streams have an option {shown(key)}"
    return Fault(("defaults", key), text, nearest(key, {*known, *ENGINE_KEYS}), about_key=True)


def secrets(value: Any) -> Iterator[Secret]:
    """Every reference to a secret inside a model, mapping or list: what the log redaction must watch."""
    match value:
        case Secret():
            yield value
        case BaseModel():
            for _, inner in value:
                yield from secrets(inner)
        case Mapping():
            for inner in value.values():
                yield from secrets(inner)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from secrets(inner)


def kafka_settings(raw: Any) -> dict[str, Any]:
    """The `kafka:` mapping as it came over a socket, with its references to secrets in place again."""
    return TypeAdapter(KafkaSettings).validate_python(raw)


def stream_models(config: type[ConnectorConfig]) -> list[type[BaseModel]]:
    """The models a connector has for the options of a stream; several when they are a union."""
    return list(models_in(config.model_fields["streams"].annotation))


def stream_keys(config: type[ConnectorConfig]) -> set[str]:
    return {key for model in stream_models(config) for key in _keys(model)}


def _keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _sound(kind: str, connector: Any) -> type[Connector]:
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        raise ConfigError(
            f"the connector '{kind}' is not derived from bridge.contract.Connector",
            remedy="reinstall its package",
        )
    taken = (_keys(connector.Config) & ENGINE_KEYS) | (stream_keys(connector.Config) & STREAM_KEYS)
    if taken:
        names = ", ".join(sorted(taken))
        raise ConfigError(
            f"the connector '{kind}' has options that belong to the engine: {names}",
            remedy="its author must rename them",
        )
    return connector


def _validate(
    connector: type[Connector], settings: ConnectorSettings
) -> tuple[list[Fault], ConnectorConfig | None]:
    options = _inherit(connector.Config, settings)
    try:
        return [], connector.Config.model_validate(options)
    except ValidationError as error:
        return faults(error, connector.Config, options, _known_besides(connector.Config)), None


def _inherit(config: type[ConnectorConfig], settings: ConnectorSettings) -> dict[str, Any]:
    """The connector's options with what streams inherit moved into each of them."""
    for_streams, own = stream_keys(config), _keys(config)
    options = {key: value for key, value in settings.options.items() if key in own or key not in for_streams}
    passed = {key: value for key, value in settings.inherited.items() if key in for_streams}
    passed |= {key: value for key, value in settings.options.items() if key not in options}
    streams = settings.options.get("streams")
    if isinstance(streams, Mapping):
        options["streams"] = {name: passed | stream for name, stream in streams.items()}
    return options


def _known_besides(config: type[ConnectorConfig]) -> Any:
    """What may stand at a place besides the fields of the model there: for the nearest spelling."""

    def known(path: Keys) -> Collection[str]:
        if path == ():
            return ENGINE_KEYS | stream_keys(config) | {"kind"}
        return STREAM_KEYS if path[0] == "streams" and len(path) == 2 else ()  # noqa: PLR2004

    return known


def _where_written(reading: Reading, name: str, fault: Fault) -> Fault:
    """The fault at the place in the file that the option came from: an inherited one stands further out."""
    path: Keys = ("connectors", name, *fault.path)
    inherited = fault.path[2:] if fault.path[:1] == ("streams",) else ()
    if inherited and path not in reading.document.values:
        for outer in (("connectors", name, *inherited), ("defaults", *inherited)):
            if outer in reading.document.values:
                path = outer
    return replace(fault, path=path)


def _line(fault: Fault) -> str:
    where = f"{dotted(fault.path)}: " if fault.path else ""
    return f"{where}{fault.text}" + (f" ({fault.remedy})" if fault.remedy else "")


def _installed(kind: str) -> str:
    names = list(kinds())
    close = get_close_matches(kind, names, n=1)
    guess = f"; did you mean '{close[0]}'?" if close else ""
    return f"installed: {', '.join(names) or 'none'}{guess}"


def _install(kind: str, distribution: Distribution | None) -> str:
    if distribution is None:
        return "reinstall its package"
    extras = distribution.metadata.get_all("Provides-Extra") or []
    extra = next((extra for extra in extras if kind == extra or kind.startswith(f"{extra}_")), None)
    return f"pip install '{distribution.name}[{extra}]'" if extra else f"reinstall {distribution.name}"
