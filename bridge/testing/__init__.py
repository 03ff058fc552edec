"""What tests, benchmarks, the demo and plugin authors share: real peers, fakes, the conformance suite."""
