"""Trainers in TRL's style, for what TRL has no trainer for: a config and a trainer each. They import torch."""
