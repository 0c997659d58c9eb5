"""The parts of the benchmark `studio`."""
