"""Screen maps: how a screen is recognised, where its values stand, and what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bridge.errors import ConfigError
from connectors.mainframe import map_files
from connectors.mainframe.meanings import Column, MapModel, Row, Texts
from connectors.mainframe.meanings import Expression as Expression  # noqa: PLC0414 -- for those with own options
from connectors.mainframe.meanings import Name as Name  # noqa: PLC0414
from connectors.mainframe.meanings import Value as Value  # noqa: PLC0414
from connectors.mainframe.page_numbers import PageRule
from connectors.mainframe.terminal import KEYS

ErrorClass = Literal["retry", "relogin", "fatal", "reject", "credentials"]


def _key(text: str) -> str:
    if text.lower() not in KEYS:
        close = get_close_matches(text.lower(), KEYS, n=1)
        guess = f"did you mean '{close[0]}'? " if close else ""
        raise ValueError(f"is no key; {guess}allowed: {', '.join(KEYS[:7])}, pf1 to pf24")
    return text.lower()


class Rule(MapModel):
    """Something that a screen shows, or must not show. Rows and columns count from 1."""

    row: Row | None = Field(default=None, description="the line it is in; default: any line")
    column: Column | None = Field(default=None, description="where in the line it begins; default: anywhere")
    text: str | None = Field(default=None, min_length=1, description="this text, to the letter")
    pattern: Expression | None = Field(default=None, description="a regular expression instead of a text")
    absent: bool = Field(default=False, description="true: it must not be there")

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("needs either `text` or `pattern`")
        if self.column is not None and self.row is None:
            raise ValueError("has a `column` without a `row`")
        return self


class ErrorRule(Rule):
    """A message that means an error, and what is done about it."""

    kind: ErrorClass = Field(
        alias="class",
        description="retry: poll again later; relogin: log on anew first; fatal: park the stream; reject:"
        " this row or key alone becomes a dead letter; credentials: park the connector, never try again",
    )


class ColumnMap(Value):
    """A column of a list. What touches its cells from outside counts as a part of it, as with fields."""

    column: Column = Field(description="where it begins in its line")
    length: int | None = Field(default=None, ge=1, description="its cells; default: what its picture shows")

    @model_validator(mode="after")
    def _has_a_length(self) -> ColumnMap:
        _fits(self, self.length)
        return self

    @property
    def cells(self) -> int:
        compiled = self.compiled
        return self.length or (compiled.width if compiled else 0)


class FieldMap(Value):
    """A field of a screen: by row and column, or by the label before it, or by its number and attributes.

    What touches its cells from outside counts as a part of it, and makes it a reject, unless the map names
    those cells, too, if need be as `hidden`: that is how a column that has moved is noticed.
    """

    row: Row | None = Field(
        default=None,
        description="its line; with `label`: the line of the label, which elsewhere is text of a value",
    )
    column: Column | None = Field(default=None, description="where it begins in its line")
    length: int | None = Field(
        default=None,
        ge=1,
        description="its cells; default: what its picture shows; by label or number: up to the field's end",
    )
    label: str | None = Field(
        default=None,
        min_length=1,
        description="the text before it, as `BALANCE:`, not as part of a name; the value is what follows"
        " in the line, up to the next field or the next label of the map. The blank after the label does not"
        " count",
    )
    field: int | None = Field(
        default=None, ge=1, description="the how manieth field it is of those with the attributes below"
    )
    protected: bool | None = Field(default=None, description="with `field`: whether it can be typed into")
    numeric: bool | None = Field(default=None, description="with `field`: whether it takes digits alone")
    intensified: bool | None = Field(default=None, description="with `field`: whether it is bright")

    @model_validator(mode="after")
    def _is_somewhere(self) -> FieldMap:
        ways = [way for way in ("column", "label", "field") if getattr(self, way) is not None]
        if len(ways) != 1 or (self.column is not None and self.row is None):
            raise ValueError("needs one place: `row` and `column`, or `label`, or `field`")
        if self.field is not None and self.row is not None:
            raise ValueError("has a `row` beside `field`: the number is counted over the whole screen")
        if self.field is None and any(getattr(self, name) is not None for name in _ATTRIBUTES):
            raise ValueError(f"has {' or '.join(f'`{name}`' for name in _ATTRIBUTES)} without `field`")
        if self.column is not None or self.length is not None:
            _fits(self, self.length)
        return self

    @property
    def cells(self) -> int | None:
        """None: up to the end of the field."""
        compiled = self.compiled
        return self.length or (compiled.width if compiled and self.column is not None else None)


_ATTRIBUTES = ("protected", "numeric", "intensified")


def _fits(value: Value, length: int | None) -> None:
    """Errors: ValueError when the length is missing, or too short for the picture."""
    compiled = value.compiled
    if length is None and compiled is None:
        raise ValueError("'length' is missing")
    if length is not None and compiled is not None and compiled.width > length:
        raise ValueError(f"has {length} cells, {compiled.text} takes {compiled.width}")


def _hides_no_other(cells: Sequence[tuple[str, tuple[int, int], int, bool]]) -> None:
    """Name, row and column, cells, hidden. Errors: ValueError when what is hidden is told by another."""
    for name, (row, column), length, hidden in cells:
        for other, (its_row, its_column), its_length, its_hidden in cells if hidden else ():
            if (
                not its_hidden
                and row == its_row
                and max(column, its_column) < min(column + length, its_column + its_length)
            ):
                raise ValueError(f"has {other} over cells of {name}, which is hidden")


class Table(MapModel):
    """A list on a screen, one row a line."""

    rows: str = Field(pattern=r"^\d{1,3}-\d{1,3}$", description="its first and its last line, as `5-21`")
    columns: Mapping[Name, ColumnMap] = Field(
        min_length=1, description="name -> where it stands and what it is"
    )
    key: Texts = Field(min_length=1, description="the columns that tell one row from all others")
    blank: Literal["end", "skip"] = Field(
        default="end", description="what an empty line means: the rows of this page end, or it is passed over"
    )
    end: tuple[Rule, ...] = Field(
        default=(),
        description="markers of the last page; one that shows is enough, and without one nothing is deleted",
    )
    more: tuple[Rule, ...] = Field(
        default=(), description="markers that a further page exists; one that shows is enough"
    )
    page: PageRule | None = Field(
        default=None,
        description="the number of the page: none is passed over, none comes twice, and the first one is the"
        " first; with the last page's number an end marker, too",
    )
    first: tuple[Rule, ...] = Field(
        default=(), description="markers of the first page; one that shows is enough, instead of number 1"
    )
    next: Annotated[str, AfterValidator(_key)] = Field(default="pf8", description="the key to the next page")
    previous: Annotated[str, AfterValidator(_key)] = Field(
        default="pf7", description="the key to the page before, for a host that does not begin at the first"
    )
    pages: int = Field(default=500, ge=1, description="a list with more pages than this is a failure")

    @property
    def top(self) -> int:
        return int(self.rows.split("-")[0])

    @property
    def bottom(self) -> int:
        return int(self.rows.split("-")[1])

    @property
    def rules(self) -> tuple[Rule | PageRule, ...]:
        """All that say something of its pages."""
        return (*self.end, *self.more, *self.first, *((self.page,) if self.page else ()))

    @property
    def tells_its_end(self) -> bool:
        return bool(self.end) or (self.page is not None and self.page.tells_the_last)

    @field_validator("rows")
    @classmethod
    def _are_lines(cls, rows: str) -> str:
        first, last = map(int, rows.split("-"))
        if not 1 <= first <= last <= _MOST_ROWS:
            raise ValueError("are no lines from top to bottom")
        return rows

    @field_validator("key")
    @classmethod
    def _are_columns(cls, key: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        columns: Mapping[str, ColumnMap] = info.data.get("columns", {})
        for name in key if columns else ():
            if name not in columns:
                raise ValueError(
                    f"names no column: {map_files.shown(name)}; {map_files.nearest(name, columns)}"
                )
            if columns[name].hidden:
                raise ValueError(f"has the hidden column {name}, which is never published")
        return key

    @model_validator(mode="after")
    def _counts_beside_its_rows(self) -> Table:
        if self.page and self.top <= self.page.row <= self.bottom:
            raise ValueError(f"has the number of its page in line {self.page.row}, which is one of its rows")
        return self

    @model_validator(mode="after")
    def _hides_nothing_else(self) -> Table:
        columns = self.columns.items()
        _hides_no_other([(name, (0, each.column), each.cells, each.hidden) for name, each in columns])
        return self


_MOST_ROWS = 255


class _Compiled(dict[tuple[int, int], Any]):
    """Rows and columns -> what was made of a map for them. It makes no map another one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Compiled)

    __hash__ = None


class ScreenMap(MapModel):
    """One screen."""

    size: str | None = Field(
        default=None, pattern=r"^\d+x\d+$", description="rows and columns, as `24x80`; default: any"
    )
    identify: tuple[Rule, ...] = Field(
        min_length=1, description="what the screen must show to be this one, all of it, and no other map's"
    )
    fields: Mapping[Name, FieldMap] = Field(default={}, description="name -> where it stands and what it is")
    table: Table | None = Field(default=None, description="the list that it shows, if any")
    errors: tuple[ErrorRule, ...] = Field(
        default=(), description="messages of this screen that mean an error"
    )

    _by_size: _Compiled = PrivateAttr(default_factory=_Compiled)

    @field_validator("identify")
    @classmethod
    def _shows_something(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if all(rule.absent for rule in rules):
            raise ValueError("has nothing but `absent`: an empty screen would be this one")
        return rules

    @model_validator(mode="after")
    def _hides_nothing_else(self) -> ScreenMap:
        fields = self.fields.items()
        _hides_no_other(
            [
                (name, (each.row or 0, each.column), each.cells or 0, each.hidden)
                for name, each in fields
                if each.column
            ]
        )
        return self

    @model_validator(mode="after")
    def _is_on_the_screen(self) -> ScreenMap:
        if self.size is not None:
            rows, columns = map(int, self.size.split("x"))
            rules = [*self.errors, *(self.table.rules if self.table else ())]
            if misfit := self.misfit(rows, columns):
                raise ValueError(misfit)
            if any((rule.row or 1) > rows or (rule.column or 1) > columns for rule in rules):
                raise ValueError(f"the text of a rule is not on a screen of {self.size}")
        return self

    @property
    def by_size(self) -> dict[tuple[int, int], Any]:
        """Where what is compiled for a size is kept."""
        return self._by_size

    def misfit(self, rows: int, columns: int) -> str:
        """Why this is no map of such a screen; empty when it may be."""
        size = f"{rows}x{columns}"
        if self.size not in (None, size):
            return f"the screen is {size}, not {self.size}"
        for what, row, column, cells in self._places():
            end = (row - 1) * columns + column - 1 + cells
            in_line = not what.startswith("column") or column - 1 + cells <= columns
            if row > rows or column > columns or end > rows * columns or not in_line:
                return f"{what} is not on a screen of {size}"
        return ""

    def _places(self) -> Iterator[tuple[str, int, int, int]]:
        """What, its row, column and cells."""
        for name, each in self.fields.items():
            yield f"field {name}", each.row or 1, each.column or 1, (each.cells or 1) if each.column else 1
        for rule in self.identify:
            yield "the text of a rule", rule.row or 1, rule.column or 1, 1
        if self.table:
            yield "the table", self.table.bottom, 1, 1
            for name, each_column in self.table.columns.items():
                yield f"column {name}", self.table.bottom, each_column.column, each_column.cells


class FileOfMaps(MapModel):
    """A file of screen maps."""

    screens: Mapping[Name, ScreenMap] = Field(default={}, description="name -> screen")
    errors: tuple[ErrorRule, ...] = Field(default=(), description="messages on any screen that mean an error")


@dataclass(frozen=True, slots=True)
class Maps:
    """All maps of a connector; `where`: name of a screen -> file, line and column."""

    screens: Mapping[str, ScreenMap]
    errors: tuple[ErrorRule, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    by_size: dict[tuple[int, int], Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Where what is compiled for a size is kept."""


def load(
    paths: Sequence[Path],
    screens: Mapping[str, ScreenMap | Mapping[str, Any]] | None = None,
    errors: Sequence[ErrorRule] = (),
) -> Maps:
    """The maps of files (`*` and `?` in a name stand for others) and of the configuration itself.

    Errors: ConfigError with a line for each thing that is wrong.
    """
    found: dict[str, ScreenMap] = {}
    where: dict[str, str] = {}
    rules, problems = list(errors), list[str]()
    for name, screen in (screens or {}).items():
        found[name], where[name] = _inline(name, screen), "the configuration"
    for path in _files(paths):
        file = map_files.read(path)
        model = file.read(FileOfMaps)
        for name, screen in model.screens.items() if model else ():
            if name in found:
                file.wrong(("screens", name), f"is also in {where[name]}; rename one", key=True)
            found[name], where[name] = screen, file.place(("screens", name), key=True)
        rules += model.errors if model else ()
        problems += file.problems
    if problems:
        raise ConfigError("\n".join(problems))
    return Maps(found, tuple(dict.fromkeys(rules)), where)


def _inline(name: str, screen: ScreenMap | Mapping[str, Any]) -> ScreenMap:
    if isinstance(screen, ScreenMap):
        return screen
    try:
        return ScreenMap.model_validate(screen)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, ('screens', name, *path)))}: {text}"
            for path, text, _ in map_files.faults(error, ScreenMap)
        ]
        raise ConfigError("\n".join(lines)) from None


def are_here(paths: Sequence[Path]) -> bool:
    """Whether each name stands for a file of this machine; a configuration may be another's."""
    return all(each.exists() for path in paths for each in _named(path) or [path])


def _named(path: Path) -> Sequence[Path]:
    return sorted(path.parent.glob(path.name)) if set(path.name) & {*"*?["} else [path]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Errors: ConfigError when a pattern stands for no file."""
    seen: set[Path] = set()
    for path in paths:
        several = _named(path)
        if not several:
            raise ConfigError(f"{path}: no file has such a name", remedy="check the path under `maps`")
        yield from (each for each in several if each not in seen)
        seen.update(several)
