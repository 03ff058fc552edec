"""What the cells of a screen mean: text, numbers, dates, truth, nothing. The part of a map for one value."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.mainframe import dates, map_files, pictures, shapes


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w-]*", text, re.ASCII):
        raise ValueError("is no name: write letters, digits, - and _, a letter first")
    return text


def _several(value: Any) -> Any:
    """One text may stand for a list of one."""
    return (value,) if isinstance(value, str) else value


Expression = Annotated[str, AfterValidator(_expression)]
Name = Annotated[str, AfterValidator(_name)]
Row = Annotated[int, Field(ge=1, le=255)]
Column = Annotated[int, Field(ge=1, le=255)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])]


class MapModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(MapModel):
    """What cells mean. Text, unless one of the options says otherwise; what does not fit is a reject."""

    decimal: Literal[".", ","] = Field(default=".", description="the decimal point of the picture")
    picture: str | None = Field(
        default=None,
        description="a number as COBOL's PICTURE shows it, `9(7)V99-`, `ZZZ,ZZ9.99CR`, `S9(5)`, `(ZZ9)`;"
        " with X or A a text of exactly this form",
    )
    window: int | None = Field(
        default=None, ge=1, le=9900, description="the first year that a year of two digits can mean, as 1950"
    )
    date: str | None = Field(
        default=None, description="a date, as `DD.MM.YYYY`, `YYMMDD`, `YYYYDDD`, `DDMMMYY`"
    )
    time: str | None = Field(default=None, description="a time, as `HH:MM:SS` or `HH:MM AM`")
    timestamp: str | None = Field(default=None, description="both, as `YYYY-MM-DD-HH.MM.SS.FFFFFF`")
    true: Texts | None = Field(default=None, description="the texts that mean yes; needs `false`, too")
    false: Texts | None = Field(default=None, description="the texts that mean no")
    null: Texts = Field(
        default=(),
        description='the texts that mean there is no value, without blanks around them; `""`: blank',
    )
    pattern: Expression | None = Field(
        default=None, description="a regular expression that the whole trimmed text must fit; for text"
    )
    trim: Literal["right", "both", "none"] | None = Field(
        default=None, description="where blanks are removed from a text; default: right, by label: both"
    )
    hidden: bool = Field(
        default=False, description="true: the steps can fill it, and its value is never published or told"
    )

    @field_validator("picture")
    @classmethod
    def _is_a_picture(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            try:
                compiled_picture(text, info.data.get("decimal", "."))
            except pictures.NoPicture as error:
                raise ValueError(f"{error}; symbols are {pictures.SYMBOLS}") from None
        return text

    @field_validator("date", "time", "timestamp")
    @classmethod
    def _is_a_format(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and "window" in info.data:
            compiled_form(text, info.field_name, info.data["window"])
        return text

    @model_validator(mode="after")
    def _is_one_thing(self) -> Value:
        kinds = [
            name
            for name in ("picture", "date", "time", "timestamp", "true")
            if getattr(self, name) is not None
        ]
        if len(kinds) > 1:
            raise ValueError(f"is both `{kinds[0]}` and `{kinds[1]}`: keep one")
        if (self.true is None) != (self.false is None):
            raise ValueError("needs both `true` and `false`, or neither")
        if both := {*(self.true or ())} & {*(self.false or ())}:
            raise ValueError(f"has {map_files.shown(min(both))} under `true` and under `false`")
        if self.window is not None and not {"date", "timestamp"} & {*kinds}:
            raise ValueError("has a `window` and no date")
        is_text = not kinds or isinstance(self.compiled, shapes.TextPicture)
        if not is_text and (self.trim or self.pattern):
            raise ValueError(f"has `{'trim' if self.trim else 'pattern'}`, which is for text")
        return self

    @property
    def compiled(self) -> shapes.NumberPicture | shapes.TextPicture | dates.Format | None:
        """The picture, or the form of a date; None for plain text and booleans."""
        if self.picture is not None:
            return compiled_picture(self.picture, self.decimal)
        for kind in ("date", "time", "timestamp"):
            if text := getattr(self, kind):
                return compiled_form(text, kind, self.window)
        return None


@lru_cache(maxsize=1024)
def compiled_picture(text: str, decimal: shapes.Point) -> shapes.NumberPicture | shapes.TextPicture:
    """Errors: NoPicture."""
    return pictures.picture(text, decimal)


@lru_cache(maxsize=1024)
def compiled_form(text: str, kind: dates.Kind, window: int | None) -> dates.Format:
    """Errors: NoFormat."""
    return dates.form(text, kind, window)
