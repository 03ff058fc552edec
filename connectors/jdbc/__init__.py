"""Reads tables of any database that has a JDBC driver."""

from connectors.jdbc.connector import JdbcConnector

__all__ = ["JdbcConnector"]
