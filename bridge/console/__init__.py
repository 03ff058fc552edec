"""Views for people at a terminal, made with rich."""
