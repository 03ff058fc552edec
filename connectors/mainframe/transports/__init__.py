"""The two ways to a 3270 screen."""

from typing import Literal

from bridge.errors import ConfigError
from connectors.mainframe.terminal import SIZES, Endpoint, Terminal


def terminal(transport: Literal["s3270", "tnz"], endpoint: Endpoint) -> Terminal:
    """Not connected yet. Errors: ConfigError, of what can be told without the host."""
    if endpoint.model not in SIZES:
        raise ConfigError(f"model: {endpoint.model} is none of {', '.join(map(str, SIZES))}")
    if transport == "s3270":
        from connectors.mainframe.transports.s3270 import S3270

        return S3270(endpoint)
    from connectors.mainframe.transports.tnz import TnzTerminal

    return TnzTerminal(endpoint)
