"""Improving in rounds: what is decided when, what is kept of it, and what watches for gains that are none."""
