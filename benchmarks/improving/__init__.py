"""The parts of the benchmark `improve`."""
