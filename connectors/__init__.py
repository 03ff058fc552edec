"""The connectors that come with the bridge; each registers like a third party's, by entry point."""
