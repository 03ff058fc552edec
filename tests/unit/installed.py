"""A third party's connector package, installed the way pip does it: a module and its dist-info."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

SHOP = '''
    from collections.abc import Mapping
    from typing import Literal
    from pydantic import Field
    from bridge.contract import Connector, ConnectorConfig, Secret, StreamConfig

    class ShopStream(StreamConfig):
        mode: Literal["incrementing", "images"] = Field("images", description="how it is read")
        late_window: str = Field("10s", description="how late a row may come")
        columns: tuple[str, ...] = Field((), description="the columns that grow")

    class ShopConfig(ConnectorConfig):
        url: str = Field(description="where the shop is")
        user: str = Field("bridge", description="the account")
        password: Secret | None = Field(None, description="its password")
        pages: int = Field(10, ge=1, description="pages read ahead")
        streams: Mapping[str, ShopStream] = Field({}, description="the streams")

    class Shop(Connector):
        """Reads a shop."""
        Config = ShopConfig
        def open(self): ...
        def discover(self): return ()
        def poll(self, stream, position, ask): ...
        def close(self): ...
'''


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str = SHOP,
    *,
    kind: str = "shop",
    name: str = "shop-bridge",
    points_to: str = "Shop",
    metadata: str = "",
    group: str = "bridge.connectors",
) -> None:
    """Makes `kind` an installed connector for the rest of the test, or what else `group` has."""
    module = name.replace("-", "_")
    site = folder / name
    info = site / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(dedent(source))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{metadata}\n")
    place = f"{module}:{points_to}" if points_to else module
    (info / "entry_points.txt").write_text(f"[{group}]\n{kind} = {place}\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(__import__("sys").modules, module, raising=False)
