"""Statements run: names (`scope`), expressions (`compiling`), queries (`planning`), changes (`dml`)."""
