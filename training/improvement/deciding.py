"""What becomes of a new version: taken, not taken, or the end of the rounds.

A version is taken that is more often right on the development tasks than the best before it, unless a monitor says stop.
The rounds end where it is significantly worse than the best (a regress), where a monitor says stop, and after `patience`
rounds that gave none better. Not covered: held-out tasks, which decide nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tutelage.training.improvement.leaderboard import Difference, Version
from tutelage.training.improvement.monitors import Reading
from tutelage.training.improvement.settings import ImproveSettings

__all__ = ["Decision", "decide"]


class Decision(NamedTuple):
    """What becomes of a version."""

    taken: bool
    ends: bool
    why: str


def decide(
    to_best: Difference, readings: Sequence[Reading], before: Sequence[Version], settings: ImproveSettings
) -> Decision:
    """Decide on a version.

    Args:
        to_best: how it compares with the best before it.
        readings: what the monitors say.
        before: the versions before it, by round.
        settings: the patience, and the level of the test.
    """
    stopping = [each.monitor for each in readings if each.level == "stop"]
    if stopping:
        return Decision(False, True, f"stopped by {' and '.join(stopping)}")
    if to_best.points > 0:
        return Decision(True, False, "better than all before")
    told = f"{100 * to_best.points:+.1f} points, p = {to_best.p_value:.2g}"
    if to_best.points < 0 and to_best.p_value < settings.alpha:
        return Decision(False, True, f"a regress ({told})")
    waited = 1
    for version in reversed(before):
        if version.taken:
            break
        waited += 1
    if waited >= settings.patience:
        return Decision(False, True, f"no gain for {waited} rounds ({told})")
    return Decision(False, False, f"no gain ({told})")
