"""The legacy integration bridge: changes of legacy systems, in Kafka, exactly once."""
