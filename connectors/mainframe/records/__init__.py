"""Mainframe data without screens: extract files, and answers of Java connectors."""
