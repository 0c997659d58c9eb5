"""The parts of the benchmark `story`."""
