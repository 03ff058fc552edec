"""The legacy integration bridge: changes of legacy systems, in Kafka, exactly once."""

__version__ = "0.1.0"
