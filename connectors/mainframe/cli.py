"""`legacy-bridge mainframe`: captures screens, draws them, and makes and checks the maps that read them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bridge.contract import Connector
    from connectors.mainframe.config import MainframeConfig
    from connectors.mainframe.maps import Maps
    from connectors.mainframe.screen import Screen
    from connectors.mainframe.topic_keys import KeysIn

HELP = "capture and draw 3270 screens, make and check the maps that read them"
OK, FAILED = 0, 1

type Find = Callable[[Path, str | None], Connector]
type Actions = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def add(parser: argparse.ArgumentParser, find: Find) -> None:
    from connectors.mainframe import code_pages

    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _capture(actions, find)
    _show(actions, find)
    one = _action(
        actions, "check", "say what of screens a map reads, and why it does not read the rest", check
    )
    one.add_argument("map", type=Path, help="file with screen maps")
    one.add_argument("screens", nargs="+", type=Path, metavar="screen", help="a captured screen")
    one.add_argument("--map", dest="more", action="append", default=[], type=Path, help="further maps")
    one = _action(actions, "from-bms", "print the maps that a BMS mapset defines", from_bms)
    one.add_argument("file", type=Path, help="source with DFHMSD, DFHMDI and DFHMDF")
    one.add_argument(
        "--code-page",
        default="cp037",
        choices=code_pages.NAMES,
        metavar="CP",
        help="of XINIT (default: cp037)",
    )
    one = _action(actions, "draft", "print a first map from a captured screen", draft)
    one.add_argument("screen", type=Path, help="a captured screen")
    one.add_argument("--name", help="of the screen (default: the file's)")


def _capture(actions: Actions, find: Find) -> None:
    one = _action(
        actions, "capture", "log on, walk the steps, and save each screen", lambda args: capture(args, find)
    )
    one.add_argument("config", type=Path, help="the configuration file")
    _walked(one)
    one.add_argument(
        "--to", type=Path, default=Path("screens"), metavar="FOLDER", help="where (default: screens)"
    )


def _show(actions: Actions, find: Find) -> None:
    one = _action(
        actions, "show", "draw screens, with what a map reads on them", lambda args: show(args, find)
    )
    one.add_argument("screens", nargs="*", type=Path, metavar="screen", help="a captured screen")
    one.add_argument("--live", type=Path, metavar="CONFIG", help="walk the steps and draw what is there now")
    _walked(one)
    one.add_argument(
        "--map", dest="maps", action="append", default=[], type=Path, help="file with screen maps"
    )


def _walked(one: argparse.ArgumentParser) -> None:
    one.add_argument("--connector", metavar="NAME", help="where there are several of the kind mainframe")
    one.add_argument(
        "--stream", action="append", default=[], metavar="NAME", help="only this stream; may be repeated"
    )
    one.add_argument("--pages", type=_count, default=2, metavar="N", help="most of a list (default: 2)")


def _action(
    actions: Actions, name: str, line: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    one = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
    one.set_defaults(run=run)
    return one


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no such number; write 1 or more")
    return int(text)


# -- the host


def capture(args: argparse.Namespace, find: Find) -> int:
    """0 when all steps led where they should; what was seen until then is saved in any case."""
    found = _found(find, args)
    maps = _maps_of(found.config)
    folder = _Folder(args.to, found.config.address, maps)
    _walk(found, maps, args, folder.save)
    return OK


class _Folder:
    """Captured screens, numbered behind those that are there; each once."""

    def __init__(self, path: Path, source: str, maps: Maps) -> None:
        from bridge.errors import ConfigError

        self._path, self._source, self._maps = path, source, maps
        self._seen: set[str] = set()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = [each.stem.partition("-")[0] for each in path.glob("*-*.screen")]
        except OSError as error:
            raise ConfigError(f"{path}: no folder: {error.strerror}", remedy="check --to") from error
        self._number = max((int(each) for each in there if each.isdecimal()), default=0)

    def save(self, screen: Screen) -> None:
        from bridge.errors import ConfigError
        from connectors.mainframe import captured, recognise

        name = recognise.identify(self._maps, screen).name or ("unknown" if screen.title else "")
        if screen.text in self._seen or not name:  # nobody misses an empty one
            return
        self._seen.add(screen.text)
        self._number += 1
        path = self._path / f"{self._number:02}-{name}.screen"
        told = recognise.bare(self._maps, screen)
        title = " ".join(filter(str.isprintable, told.title.split())) or "a blank screen"
        try:
            captured.save(path, told, [f"{self._source}: {title}"])
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}", remedy="check --to") from error
        print(f"{path}  {title}", flush=True)


def show(args: argparse.Namespace, find: Find) -> int:
    from bridge.errors import ConfigError
    from connectors.mainframe import captured
    from connectors.mainframe import maps as map_files

    if bool(args.screens) == bool(args.live):
        raise ConfigError(
            "either a captured screen or --live CONFIG", remedy="`mainframe capture` saves some"
        )
    if args.live:
        args.config = args.live
        found = _found(find, args)
        maps = map_files.load(args.maps) if args.maps else _maps_of(found.config)
        _walk(found, maps, args, lambda screen: _draw(found.config.address, screen, maps))
        return OK
    maps = map_files.load(args.maps)
    for path in args.screens:
        _draw(str(path), captured.load(path), maps)
    return OK


class _Found(NamedTuple):
    config: MainframeConfig
    keys_in: KeysIn | None


def _found(find: Find, args: argparse.Namespace) -> _Found:
    from bridge.errors import ConfigError
    from connectors.mainframe.config import MainframeConfig

    connector = find(args.config, args.connector)
    if not isinstance(config := connector.config, MainframeConfig):
        raise ConfigError(
            f"{args.connector or 'the mainframe'} has no screens", remedy="name one by s3270 or tnz"
        )
    return _Found(config, connector.keys_in)


def _maps_of(config: MainframeConfig) -> Maps:
    from connectors.mainframe import maps

    return maps.load([Path(path) for path in config.maps], config.screens, config.errors)


def _walk(found: _Found, maps: Maps, args: argparse.Namespace, seen: Callable[[Screen], None]) -> None:
    from bridge.errors import ConfigError
    from connectors.mainframe import capture

    config, keys_in = found
    if unknown := [name for name in args.stream if name not in config.streams]:
        raise ConfigError(
            f"no stream '{unknown[0]}'", remedy=f"there are: {', '.join(config.streams) or 'none'}"
        )
    capture.walk(config, maps, args.stream or config.streams, args.pages, seen, keys_in)


def _draw(name: str, screen: Screen, maps: Maps) -> None:
    from rich.console import Console

    from connectors.mainframe import recognise
    from connectors.mainframe.drawn import drawn

    found = recognise.identify(maps, screen)
    told = (found.name or found.told) if maps.screens else "no maps given"
    places = list(recognise.places_of(maps.screens[found.name], screen)) if found.name else []
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(f"{name}: {told}", style="bold")
    for line in drawn(recognise.bare(maps, screen), places):
        console.print(line)


# -- files


def check(args: argparse.Namespace) -> int:
    """0 when each screen is known to one map, and all that the map names on it can be read."""
    from connectors.mainframe import captured, checked
    from connectors.mainframe import maps as map_files

    maps = map_files.load([args.map, *args.more])
    sound = True
    for path in args.screens:
        found = checked.check(maps, captured.load(path))
        place = f" ({maps.where[found.name]})" if found.name else ""
        print(f"{path}: {found.name or 'not recognised'}{place}")
        for line in found.lines:
            print(f"  {line}")
        sound = sound and found.sound
    return OK if sound else FAILED


def from_bms(args: argparse.Namespace) -> int:
    from connectors.mainframe import bms, drafted, from_bms

    drafts = from_bms.drafts(bms.load(args.file, args.code_page))
    print(drafted.printed(drafts, f"from {args.file.name}"), end="")
    return OK


def draft(args: argparse.Namespace) -> int:
    from connectors.mainframe import captured, drafted
    from connectors.mainframe import draft as drafts

    made = drafts.draft(captured.load(args.screen), args.name or args.screen.stem.lstrip("0123456789-"))
    print(drafted.printed([made], f"a draft from {args.screen.name}: a person must look at it"), end="")
    return OK
