"""The parts of the benchmark `critic`."""
