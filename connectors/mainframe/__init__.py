"""3270 screens and mainframe records as sources."""

from connectors.mainframe.connector import MainframeConnector

__all__ = ["MainframeConnector"]
