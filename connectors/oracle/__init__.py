"""Reads tables, views and queues of Oracle Database."""

from connectors.oracle.connector import OracleConnector

__all__ = ["OracleConnector"]
