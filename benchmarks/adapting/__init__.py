"""The parts of the benchmark `adapters`."""
