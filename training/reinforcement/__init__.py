"""Reinforcement learning through the graph: rewards a turn, steps of rolling out and updating."""
