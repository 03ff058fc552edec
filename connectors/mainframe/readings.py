"""What is read, from options and maps that fit together: checked before anything is connected to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

import pyarrow as pa

from bridge.contract import Caveat, Emits, Stream, Table
from bridge.errors import ConfigError
from connectors.mainframe import columns
from connectors.mainframe.config import (
    PLACEHOLDER,
    InquiryStream,
    KeyStream,
    ListStream,
    MainframeConfig,
    Step,
)
from connectors.mainframe.maps import ColumnMap, FieldMap, Maps, Rule, ScreenMap
from connectors.mainframe.maps import Table as ListMap
from connectors.mainframe.walk import ANY

# Scans that must miss a row of a list paged by position before it counts as deleted.
CONFIRMS = 2


@dataclass(frozen=True, slots=True)
class ListReading:
    """A list of pages, with the screen behind its rows if there is one."""

    options: ListStream
    stream: Stream
    map: ScreenMap
    list: ListMap
    detail: ScreenMap | None

    @property
    def table(self) -> Table:
        return self.stream.tables[0]

    @property
    def lines(self) -> int:
        """Most rows of a page."""
        return self.list.bottom - self.list.top + 1

    @property
    def shows_the_key(self) -> bool:
        """Whether the screen behind a row has all of it."""
        fields = self.detail.fields if self.detail else {}
        return {name for name, each in fields.items() if not each.hidden} >= {*self.table.key}


@dataclass(frozen=True, slots=True)
class InquiryReading:
    """A screen for each key; `keys`: the list they are from, if they are from one."""

    options: InquiryStream
    stream: Stream
    map: ScreenMap
    keys: ListReading | None

    @property
    def table(self) -> Table:
        return self.stream.tables[0]

    @property
    def entries(self) -> Collection[str]:
        """Fields that the steps fill in."""
        return {field for step in self.options.steps for field in step.fill}

    @property
    def shows_the_key(self) -> bool:
        """Whether the answer has all of it in fields of its own, beside those that it was typed into."""
        own = {name for name, each in self.map.fields.items() if not each.hidden} - {*self.entries}
        return own >= {*self.options.key}

    @property
    def filled(self) -> Mapping[str, str]:
        """Fields of the answer that the steps fill in with a column of the key, whatever that is called."""
        return {
            field: name
            for step in self.options.steps
            for field, template in step.fill.items()
            for name in self.options.key
            if template == f"{{{name}}}" and field in self.map.fields and field not in self.options.key
        }


type Reading = ListReading | InquiryReading


def readings(config: MainframeConfig, maps: Maps) -> Mapping[str, Reading]:
    """By name of the stream. Errors: ConfigError that names the stream."""
    _check(config, maps)
    lists = {
        name: _list(config, maps, name, options)
        for name, options in config.streams.items()
        if isinstance(options, ListStream)
    }
    inquiries = {
        name: _inquiry(config, maps, name, options, lists)
        for name, options in config.streams.items()
        if isinstance(options, InquiryStream)
    }
    return {name: lists.get(name) or inquiries[name] for name in config.streams}


def _list(config: MainframeConfig, maps: Maps, name: str, options: ListStream) -> ListReading:
    where = f"stream {name}"
    screen = _screen(maps, options.screen, where)
    if screen.table is None:
        raise ConfigError(f"{where}: screen {options.screen} has no `table` in its map", remedy="add one")
    if options.screen == config.home and not options.goto:
        raise ConfigError(
            f"{where}: `home` is the list itself, on whatever page it was left",
            remedy="give it a `goto` that leads to its first page, or another `home`",
        )
    shown = {each: column for each, column in screen.table.columns.items() if not column.hidden}
    key = options.key or screen.table.key
    for column in (*key, *((options.mark,) if options.mark else ())):
        _known(column, shown, f"{where}: column")
    detail = _screen(maps, options.detail.screen, where) if options.detail else None
    if options.detail and options.detail.select:
        _known(options.detail.select.field, screen.table.columns, f"{where}: column")
        _check_text(options.detail.select.text, where, _shown(config), _secrets(config))
    if options.detail:
        _check_steps(maps, options.detail.goto, where, _shown(config) | set(key), _secrets(config))
        _check_signs(maps, options.detail.missing, where)
        for column in (*key, *((options.mark,) if options.mark else ())):
            _check_alike(column, (options.screen, screen), (options.detail.screen, detail), where)
    typed = options.detail.select.field if options.detail and options.detail.select else None
    fields: dict[str, FieldMap | ColumnMap] = {each: one for each, one in shown.items() if each != typed}
    fields |= {
        each: one
        for each, one in (detail.fields if detail else {}).items()
        if not one.hidden and each not in key
    }
    by_position = options.paging == "position"
    stream = _stream(config, name, columns.schema(fields, key), key, CONFIRMS if by_position else 1)
    if not screen.table.tells_its_end:  # nothing says that the list was read to its end
        stream = _without_deletes(stream)
    return ListReading(options, stream, screen, screen.table, detail)


def _inquiry(
    config: MainframeConfig, maps: Maps, name: str, options: InquiryStream, lists: Mapping[str, ListReading]
) -> InquiryReading:
    where = f"stream {name}"
    screen = _screen(maps, options.screen, where)
    _check_signs(maps, options.missing, where)
    fields = {each: one for each, one in screen.fields.items() if not one.hidden}
    schema = columns.schema(fields, tuple(each for each in options.key if each in fields))
    for column in reversed([each for each in options.key if each not in fields]):
        schema = schema.insert(0, pa.field(column, pa.string(), nullable=False))
    keys = None
    if isinstance(options.keys, KeyStream):
        _known(options.keys.stream, lists, f"{where}: list")
        keys = lists[options.keys.stream]
        shown = [name for name, column in keys.list.columns.items() if not column.hidden]
        for column in options.key:
            _known(column, shown, f"{where}: column of {options.keys.stream}")
    stream = _stream(config, name, schema, options.key, keys.stream.confirms if keys else 1)
    if keys and Caveat.NO_DELETES in keys.stream.caveats:
        stream = _without_deletes(stream)
    return InquiryReading(options, stream, screen, keys)


def _stream(
    config: MainframeConfig, name: str, schema: pa.Schema, key: tuple[str, ...], confirms: int
) -> Stream:
    return Stream(
        name,
        identity=config.identity or config.address,
        tables=(Table(name, schema, key),),
        emits=Emits.IMAGES,
        caveats=frozenset({Caveat.COLLAPSES}),
        confirms=confirms,
    )


def _without_deletes(stream: Stream) -> Stream:
    return Stream(
        stream.name,
        stream.identity,
        stream.tables,
        stream.emits,
        caveats=stream.caveats | {Caveat.NO_DELETES},
    )


# -- what the options name must be there


def _check(config: MainframeConfig, maps: Maps) -> None:
    for name in filter(None, (config.home, *config.refused)):
        _screen(maps, name, "the log-on")
    names, steps = _shown(config) | _secrets(config), chain(config.logon, config.logoff, config.home_by)
    _check_steps(maps, steps, "the log-on", names)
    _check_answer(config)
    for stream, options in config.streams.items():
        for part, placeholders in _parts(options):
            _check_steps(maps, part, f"stream {stream}", _shown(config) | placeholders, _secrets(config))


def _check_answer(config: MainframeConfig) -> None:
    """Whatever the host makes of a password, CLEAR leads to a cleared screen: that is no answer to it."""
    steps = (*config.logon, *config.home_by)
    for number, step in enumerate(steps if config.streams and config.home is None else ()):
        typed = {name for text in step.texts for name in PLACEHOLDER.findall(text)}
        answers = (later for later in steps[number:] if later.expect and not later.when)
        if typed & _secrets(config) and all(ANY in later.expect for later in answers):
            raise ConfigError(
                "the log-on names no screen that answers its password",
                remedy="name one under `expect` of that step, or of a later one, or as `home`",
            )


def _shown(config: MainframeConfig) -> set[str]:
    """Placeholders that all steps know."""
    return {"user"} if config.user is not None else set()


def _secrets(config: MainframeConfig) -> set[str]:
    return {"password", *config.secrets} if config.password is not None else {*config.secrets}


def _parts(options: ListStream | InquiryStream) -> Iterator[tuple[Iterable[Step], set[str]]]:
    yield options.goto, set()
    if isinstance(options, InquiryStream):
        yield (*options.steps, *options.back), set(options.key)
    elif options.detail:
        yield options.detail.back, set()  # `goto` names the key, which is checked with the list


def _check_steps(
    maps: Maps, steps: Iterable[Step], where: str, names: set[str], secrets: Collection[str] = ()
) -> None:
    fields = {field for screen in maps.screens.values() for field in screen.fields}
    for step in steps:
        for name in (*step.when, *step.on, *step.expect):
            if name != ANY:
                _screen(maps, name, where)
        for field in step.fill:
            here = [maps.screens[name].fields for name in step.on]
            _known(field, set(chain(*here)) if here else fields, f"{where}: field")
        for text in step.texts:
            _check_text(text, where, names, secrets)


def _check_text(text: str, where: str, names: set[str], secrets: Collection[str]) -> None:
    """`secrets`: that are typed elsewhere alone."""
    for name in filter(None, PLACEHOLDER.findall(text)):
        if name in secrets and name not in names:
            raise ConfigError(
                f"{where}: {{{name}}} is a secret, typed by `logon` and `home_by` alone",
                remedy="sign on there: what refuses it is not asked twice",
            )
        _known(name, names, f"{where}: placeholder")


def _check_signs(maps: Maps, signs: Iterable[str | Rule], where: str) -> None:
    """Of `missing`."""
    for sign in signs:
        if isinstance(sign, str):
            _screen(maps, sign, f"{where}: missing")


def _check_alike(
    name: str, listed: tuple[str, ScreenMap], opened: tuple[str, ScreenMap | None], where: str
) -> None:
    """Of the key and the mark: the list's are compared with those of the screen behind a row."""
    column = listed[1].table.columns[name] if listed[1].table else None
    field = opened[1].fields.get(name) if opened[1] else None
    if column is None or field is None or field.hidden:
        return
    one, other = columns.kind_of(column), columns.kind_of(field)
    if one != other:
        raise ConfigError(
            f"{where}: {name} is a {one} on {listed[0]} and a {other} on {opened[0]}",
            remedy="give both the same picture",
        )


def _screen(maps: Maps, name: str, where: str) -> ScreenMap:
    _known(name, maps.screens, f"{where}: screen")
    return maps.screens[name]


def _known(name: str, names: Collection[str], what: str) -> None:
    if name not in names:
        close = get_close_matches(name, list(names), n=1)
        told = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(sorted(names)) or 'none'}"
        raise ConfigError(f"{what} '{name}' is not known", remedy=told)
