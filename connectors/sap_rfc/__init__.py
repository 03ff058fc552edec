"""Reads an SAP system over RFC."""

from connectors.sap_rfc.connector import SapConnector

__all__ = ["SapConnector"]
