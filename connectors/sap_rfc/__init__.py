"""Reads an SAP system over RFC."""
