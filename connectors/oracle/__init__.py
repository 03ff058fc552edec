"""Reads tables of Oracle Database."""
