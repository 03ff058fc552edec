"""COBOL's descriptions of records: read, laid out, and applied to bytes in both directions."""
