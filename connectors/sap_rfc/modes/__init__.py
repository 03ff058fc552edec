"""The ways to read a stream: tables, change documents, functions, change pointers."""

from connectors.sap_rfc.modes.mode import Mode

__all__ = ["Mode"]
