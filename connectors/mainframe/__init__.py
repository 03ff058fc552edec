"""3270 screens and mainframe records as sources."""
