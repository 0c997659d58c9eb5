"""The parts of the benchmark `exactness`."""
