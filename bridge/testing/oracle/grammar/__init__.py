"""Statements read, from words (`tokens`) and expressions (`terms`) to a tree (`syntax`): `sql.parse`."""
