"""A map file is read whole, or each thing that is wrong with it is told with its place and its remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.errors import ConfigError
from connectors.mainframe import recognise
from connectors.mainframe.maps import ErrorRule, Maps, ScreenMap, Table, load
from connectors.mainframe.page_numbers import PageRule
from connectors.mainframe.reference import reference
from tests.unit.mainframe_screens import typed

WHOLE = """
screens:
  custlist:
    size: 24x80
    identify: [{row: 1, column: 2, text: CUSTOMER LIST}, {row: 24, text: END, absent: true}]
    fields:
      customer_id: {row: 3, column: 10, length: 8, picture: "9(8)"}
      balance: {label: "BALANCE:", length: 12, picture: "S9(7)V99-"}
      status: {field: 3, protected: false}
      changed: {row: 5, column: 40, length: 8, date: "DD.MM.YY", window: 1950}
      active: {row: 6, column: 40, length: 3, true: [YES], false: no, null: ["", N/A]}
      note: {row: 7, column: 2, length: 60, hidden: true}
    table:
      rows: 8-21
      columns: {id: {column: 2, length: 8, picture: "9(8)"}, name: {column: 12, length: 30}}
      key: [id]
      blank: skip
      end: [{row: 23, pattern: END OF LIST}]
      more: [{row: 23, text: MORE}]
      next: PF8
      pages: 20
    errors: [{pattern: "DFHAC\\\\d{4}", class: relogin}]
errors: [{text: ASRA, class: retry}]
"""
IDENTIFY: dict[str, Any] = {"identify": [{"row": 1, "text": "X"}]}


def written(tmp_path: Path, text: str, name: str = "maps.yaml") -> Path:
    path = tmp_path / name
    path.write_text(dedent(text))
    return path


def problems(tmp_path: Path, text: str) -> list[str]:
    """Without the name of the file."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load([path])
    return [line.removeprefix(f"{path}:") for line in raised.value.text.splitlines()]


def test_a_file_holds_all_that_a_map_needs(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    maps = load([path])
    assert maps.where == {"custlist": f"{path}:3:3"}
    assert [(rule.text, rule.kind) for rule in maps.errors] == [("ASRA", "retry")]
    screen = maps.screens["custlist"]
    assert screen.fields["active"].false == ("no",)
    assert screen.table is not None
    assert (screen.table.top, screen.table.bottom, screen.table.next) == (8, 21, "pf8")
    assert screen.errors[0].kind == "relogin"


def test_the_reference_transaction_needs_ten_lines(tmp_path: Path) -> None:
    text = """\
    screens:
      answer:
        identify: [{row: 1, text: CUSTOMER INQUIRY}]
        fields:
          customer_id: {label: "CUSTOMER_ID:", picture: "9(8)"}
          name: {label: "NAME:"}
          balance: {label: "BALANCE:", picture: "ZZZ,ZZ9.99-"}
          since: {label: "SINCE:", date: YYYY-MM-DD}
        errors:
          - {text: NOT FOUND, class: reject}
    """
    assert len(text.splitlines()) - 1 == 10
    assert list(load([written(tmp_path, text)]).screens["answer"].fields) == [
        "customer_id",
        "name",
        "balance",
        "since",
    ]


def test_everything_wrong_is_told_with_line_column_and_what_would_do(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        """\
        screens:
          list:
            identfy: []
            identify: [{row: 1, text: X}]
            fields:
              a: {row: 3, column: 10, picture: "9(8)#"}
              b: {row: 3, column: 10, lenght: 8}
              c: {row: 3, column: 10, date: DD.MM.YY}
              d: {row: 3, column: 10, length: 8, null: [0]}
              e: {row: 3, column: 10, length: 8, trim: rigt}
              f: {row: 0, column: 10, length: 8}
              1x: {row: 3, column: 10, length: 8}
            table: {rows: 5, columns: {id: {column: two, length: 8}}, key: [id], next: pf88, end: {row: 1}}
            errors: [{text: a, class: relogon}, {text: a}]
        error: []
        """,
    )
    expected = """\
        3:5: screens.list.identfy: unknown option 'identfy'; did you mean 'identify'? allowed: errors,
        6:40: screens.list.fields.a.picture: '9(8)#' has '#', which is no symbol here; symbols are 9 Z *
        7:31: screens.list.fields.b.lenght: unknown option 'lenght'; did you mean 'length'? allowed: column,
        8:37: screens.list.fields.c.date: 'DD.MM.YY' has a year of two digits: give the first year it can
        9:49: screens.list.fields.d.null.0: 0 is not text; put it in quotes
        10:48: screens.list.fields.e.trim: 'rigt' is not allowed; did you mean 'right'? allowed: both, none,
        11:16: screens.list.fields.f.row: 0 must be at least 1
        12:7: screens.list.fields.1x: '1x' is no name: write letters, digits, - and _, a letter first
        13:19: screens.list.table.rows: 5 is not text; put it in quotes
        13:45: screens.list.table.columns.id.column: 'two' is not a whole number
        13:80: screens.list.table.next: 'pf88' is no key; did you mean 'pf8'? allowed: enter, clear, sysreq,
        13:91: screens.list.table.end: a mapping is not a list; write [a, b]
        14:31: screens.list.errors.0.class: 'relogon' is not allowed; did you mean 'relogin'? allowed:
        14:41: screens.list.errors.1: 'class' is missing
        15:1: error: unknown option 'error'; did you mean 'errors'? allowed: errors, screens
        """
    for line, beginning in zip(told, dedent(expected).splitlines(), strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must be a mapping with `screens`, not nothing"),
        ("- a", "must be a mapping with `screens`, not a list"),
        ("screens: [a", "not YAML: did not find expected ',' or ']'"),
        ("a: 1\na: 2", "2:1: a: appears twice, first in line 1"),
        ("screens: !x 1", "1:10: screens: tags (!name) have no meaning here"),
        ("screens: !!int x", "1:10: screens: the tag (!!type) does not fit the value"),
        ("{[a]: 1}", "a key must be text"),
        ("a: &x 1\nb: *x", "aliases (*name) are not for maps"),
        ("[" * 100, "it nests too deep"),
        ("screens: {a: 1}", "1:14: screens.a: 1 is not a mapping of options"),
        ("screens: {a: }", "screens.a: nothing is not a mapping of options"),
        ("screens: 1", "1:10: screens: 1 is not a mapping"),
        (
            "screens: {a: {table: {row: 2}}}",
            "'row'; did you mean 'rows'? allowed: blank, columns, end, first, key",
        ),
        (
            "screens: {a: {errors: [{clas: x}]}}",
            "'clas'; did you mean 'class'? allowed: absent, class, column",
        ),
        ("screens: {a: {table: {columns: {a: {lenght: 2}}}}}", "'lenght'; did you mean 'length'?"),
        (
            "screens: {a: {table: {end: [{txt: 2}]}}}",
            "'txt'; did you mean 'text'? allowed: absent, column, pattern",
        ),
        ("errors: [{absent: often}]", "1:19: errors.0.absent: 'often' is neither true nor false"),
        ("\x01", "not YAML"),
    ],
)
def test_what_is_no_map_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert any(told in line for line in problems(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the file: No such file"):
        load([tmp_path / "none.yaml"])
    (tmp_path / "latin.yaml").write_bytes(b"screens: \xff")
    with pytest.raises(ConfigError, match=r"latin.yaml.*not YAML"):
        load([tmp_path / "latin.yaml"])
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than"):
        load([tmp_path / "large.yaml"])


def test_a_pattern_stands_for_files_and_must_stand_for_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path, f"screens: {{{name}: {{identify: [{{text: X}}]}}}}", f"{name}.yaml")
    maps = load([tmp_path / "*.yaml", tmp_path / "one.yaml"])
    assert list(maps.screens) == ["one", "two"]
    with pytest.raises(ConfigError, match="no file has such a name"):
        load([tmp_path / "*.yml"])


def test_a_screen_is_in_one_place_only(tmp_path: Path) -> None:
    text = "screens: {menu: {identify: [{text: MENU}]}}"
    first, second = written(tmp_path, text, "a.yaml"), written(tmp_path, text, "b.yaml")
    with pytest.raises(ConfigError, match=rf"b.yaml:1:11: screens.menu: is also in {first}:1:11; rename one"):
        load([first, second])
    with pytest.raises(ConfigError, match="is also in the configuration; rename one"):
        load([first], {"menu": IDENTIFY})


def test_screens_of_the_configuration_stand_beside_those_of_files(tmp_path: Path) -> None:
    path = written(
        tmp_path, "screens: {menu: {identify: [{text: MENU}]}}\nerrors: [{text: ASRA, class: retry}]"
    )
    rule = ErrorRule.model_validate({"text": "ABEND", "class": "relogin"})
    maps = load([path], {"one": IDENTIFY, "two": ScreenMap.model_validate(IDENTIFY)}, [rule, rule])
    assert list(maps.screens) == ["one", "two", "menu"]
    assert [each.text for each in maps.errors] == ["ABEND", "ASRA"]
    with pytest.raises(ConfigError, match=r"screens.one.identify.0: needs either `text` or `pattern`"):
        load([], {"one": {"identify": [{"row": 1}]}})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"identify": []}, "at least 1 item"),
        ({"identify": [{"text": "X", "absent": True}]}, "nothing but `absent`"),
        ({"identify": [{"text": "X", "pattern": "Y"}]}, "needs either `text` or `pattern`"),
        ({"identify": [{"column": 2, "text": "X"}]}, "a `column` without a `row`"),
        ({"identify": [{"pattern": "("}]}, "is no regular expression"),
        ({"size": "24"}, "match pattern"),
        ({"size": "24x80", "identify": [{"row": 25, "text": "X"}]}, "a rule is not on a screen of 24x80"),
    ],
)
def test_a_screen_that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ScreenMap.model_validate({**IDENTIFY, **options})


PLACE = {"row": 2, "column": 2}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "needs one place"),
        ({"row": 2, "length": 3}, "needs one place"),
        ({"column": 2, "length": 3}, "needs one place"),
        ({**PLACE, "label": "X", "length": 3}, "needs one place"),
        ({"field": 2, "label": "X"}, "needs one place"),
        ({"field": 2, "row": 2}, "has a `row` beside `field`"),
        ({**PLACE, "length": 3, "protected": True}, "without `field`"),
        ({**PLACE}, "'length' is missing"),
        ({**PLACE, "length": 8, "picture": "9(9)"}, r"has 8 cells, 9\(9\) takes 9"),
        ({"label": "X", "length": 8, "date": "DD.MM.YYYY"}, "has 8 cells, DD.MM.YYYY takes 10"),
        ({**PLACE, "picture": "9", "date": "YYYYMMDD"}, "is both `picture` and `date`"),
        ({**PLACE, "length": 1, "true": ["Y"]}, "needs both `true` and `false`"),
        (
            {**PLACE, "length": 1, "true": ["Y"], "false": ["N", "Y"]},
            "has 'Y' under `true` and under `false`",
        ),
        ({**PLACE, "length": 1, "window": 1950}, "has a `window` and no date"),
        ({**PLACE, "picture": "9", "trim": "both"}, "has `trim`, which is for text"),
        ({**PLACE, "date": "YYYYMMDD", "pattern": "2.*"}, "has `pattern`, which is for text"),
        ({**PLACE, "length": 2000}, "field a is not on a screen of 24x80"),
        ({"row": 24, "column": 80, "length": 2}, "field a is not on a screen of 24x80"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ScreenMap.model_validate({**IDENTIFY, "size": "24x80", "fields": {"a": options}})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rows": "9-5"}, "are no lines"),
        ({"rows": "0-5"}, "are no lines"),
        ({"rows": "5"}, "match pattern"),
        ({"rows": "5-25"}, "the table is not on a screen of 24x80"),
        ({"columns": {}}, "at least 1 item"),
        ({"columns": {"id": {"column": 79, "length": 4}}}, "column id is not on a screen of 24x80"),
        ({"key": ["ids"]}, "names no column: 'ids'; did you mean 'id'"),
        ({"key": []}, "at least 1 item"),
        ({"key": ["sel"]}, "the hidden column sel"),
        (
            {"columns": {"id": {"column": 4, "length": 4}, "x": {"column": 7, "length": 2, "hidden": True}}},
            "has id over cells of x, which is hidden",
        ),
        ({"page": {"text": "PAGE N"}}, "row\n"),
        ({"page": {"row": 1}}, "needs either `text` or `pattern`"),
        ({"page": {"row": 1, "text": "PAGE 1"}}, "needs the word N once"),
        ({"page": {"row": 1, "text": "N OF N"}}, "needs the word N once"),
        ({"page": {"row": 1, "pattern": r"PAGE +\d+"}}, "needs one group"),
        ({"page": {"row": 1, "pattern": "PAGE ("}}, "is no regular expression"),
        ({"page": {"row": 21, "text": "PAGE N"}}, "in line 21, which is one of its rows"),
        ({"page": {"row": 25, "text": "PAGE N"}}, "the text of a rule is not on a screen of 24x80"),
        ({"first": [{"row": 25, "text": "TOP"}]}, "the text of a rule is not on a screen of 24x80"),
        ({"previous": "pf88"}, "is no key"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    shape = {
        "rows": "5-21",
        "key": "id",
        "columns": {"id": {"column": 4, "length": 4}, "sel": {"column": 2, "length": 1, "hidden": True}},
    }
    with pytest.raises(ValidationError, match=told):
        ScreenMap.model_validate({**IDENTIFY, "size": "24x80", "table": {**shape, **options}})


@pytest.mark.parametrize(
    ("rule", "line", "found"),
    [
        ({"text": "PAGE N OF M"}, "LIST   PAGE    3  OF 17", (3, 17)),
        ({"text": "PAGE N OF M"}, "LIST   PAGE    3", None),
        ({"text": "PAGE: N"}, "PAGE: 0012", (12, None)),
        ({"text": "(N/M)"}, "CUSTOMERS (3/17)", (3, 17)),
        ({"text": "M PAGES, THIS IS N"}, "17 PAGES, THIS IS 3", (3, 17)),
        ({"text": "PAGE N", "column": 8}, "PAGE 1 PAGE 2", (2, None)),
        ({"text": "PAGE N", "column": 4}, "PAGE 1 PAGE 2", None),
        ({"pattern": r"P(\d+)(?:/(\d+))?"}, "P3", (3, None)),
        ({"pattern": r"P(\d+)(?:/(\d+))?"}, "P3/17", (3, 17)),
        ({"pattern": r"PAGE +(\S+)"}, "PAGE ONE", None),
    ],
)
def test_the_number_of_a_page_is_found(rule: dict[str, Any], line: str, found: Any) -> None:
    assert PageRule.model_validate({"row": 1} | rule).find(line) == found


def test_a_list_tells_its_end_by_a_marker_or_by_the_number_of_its_last_page() -> None:
    shape = {"rows": "5-21", "key": "id", "columns": {"id": {"column": 4, "length": 4}}}
    told = [
        Table.model_validate(shape | more).tells_its_end
        for more in (
            {},
            {"page": {"row": 1, "text": "PAGE N"}},
            {"page": {"row": 1, "text": "PAGE N OF M"}},
            {"end": [{"text": "END"}]},
        )
    ]
    assert told == [False, False, True, True]


def test_what_is_wrong_with_the_number_of_a_page_is_told_with_its_place(tmp_path: Path) -> None:
    (told,) = problems(
        tmp_path,
        """\
        screens:
          list:
            identify: [{row: 1, text: X}]
            table:
              rows: 5-21
              columns: {id: {column: 2, length: 8}}
              key: [id]
              page: {row: 1, text: PAGE 1}
        """,
    )
    assert told.startswith("8:28: screens.list.table.page.text: 'PAGE 1' needs the word N once")


def test_the_reference_names_every_option_and_says_what_it_means() -> None:
    page = reference()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert all(row.count("|") == 5 and row.split("|")[4].strip() for row in rows)
    for option in ("identify", "picture", "class", "label", "blank", "true", "null", "hidden"):
        assert f"| `{option}` |" in page
    assert "`retry`, `relogin`, `fatal`, `reject`, `credentials`" in page


def test_reading_maps_loads_no_arrow() -> None:
    code = "import sys, connectors.mainframe.maps; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_map_that_was_used_is_the_same_map() -> None:
    used, unused = ScreenMap.model_validate(IDENTIFY), ScreenMap.model_validate(IDENTIFY)
    assert recognise.identify(Maps({"it": used}), typed(["X"])).name == "it"
    assert used.by_size
    assert used == unused
    assert used != ScreenMap.model_validate({"identify": [{"text": "Y"}]})


def test_the_rules_of_a_screen_of_one_size_are_on_it() -> None:
    error = {"row": 40, "text": "ABEND", "class": "retry"}
    with pytest.raises(ValidationError, match="the text of a rule is not on a screen of 24x80"):
        ScreenMap.model_validate({**IDENTIFY, "size": "24x80", "errors": [error]})
    anywhere = ScreenMap.model_validate({**IDENTIFY, "errors": [error]})
    assert recognise.identify(Maps({"it": anywhere}), typed(["X"])).name == "it"


def test_what_is_hidden_is_no_part_of_another_field() -> None:
    fields = {
        "pin": {"row": 2, "column": 5, "length": 4, "hidden": True},
        "line": {"row": 2, "column": 1, "length": 9},
    }
    with pytest.raises(ValidationError, match="has line over cells of pin, which is hidden"):
        ScreenMap.model_validate({**IDENTIFY, "fields": fields})
    fields["line"]["row"] = 3
    assert ScreenMap.model_validate({**IDENTIFY, "fields": fields}).fields.keys() == fields.keys()
