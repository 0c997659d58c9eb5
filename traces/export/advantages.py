"""Advantages: how much better a sample's reward is than those of its group.

`baseline="mean"`: r - mean (Shao et al. 2024, "DeepSeekMath"); `"others"`: r less the mean of the other samples (Ahmadian
et al. 2024, "Back to Basics", RLOO). `scale="group"`: divided by the group's deviation (of a sample, plus 1e-4, as in
TRL); `"none"`: not divided (Liu et al. 2025, "Understanding R1-Zero-Like Training"). Not covered: which samples make a
group.
"""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Literal

__all__ = ["Baseline", "Scale", "advantages"]

Baseline = Literal["mean", "others"]
Scale = Literal["group", "none"]

EPSILON = 1e-4


def advantages(rewards: Sequence[float], scale: Scale = "group", baseline: Baseline = "mean") -> list[float]:
    """Compare rewards with those of their group; 0 for one that is alone."""
    count = len(rewards)
    if count < 2:
        return [0.0] * count
    mean = fmean(rewards)
    wide = count / (count - 1) if baseline == "others" else 1.0
    divisor = stdev(rewards) + EPSILON if scale == "group" else 1.0
    return [wide * (reward - mean) / divisor for reward in rewards]
