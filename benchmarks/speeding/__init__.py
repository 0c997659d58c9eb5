"""The parts of the benchmark `speed`."""
