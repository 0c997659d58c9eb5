"""Curricula: which tasks a step of training takes, from how earlier ones went."""
