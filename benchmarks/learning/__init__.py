"""The parts of the benchmark `objectives`."""
