"""How long the stages of each step took, one after the other: a stopwatch that is always in one stage.

Used by both processes of a training: the one that rolls out and the one that updates. Not covered: what overlaps.
"""

import time
from dataclasses import dataclass, field

__all__ = ["Stages"]


@dataclass(slots=True)
class Stages:
    """Seconds by step and stage."""

    seconds: dict[int, dict[str, float]] = field(default_factory=dict)
    """What is measured so far, without the stage that is running."""
    _running: tuple[int, str, float] | None = None

    def enter(self, step: int, stage: str) -> None:
        """Leave the running stage for another; a stage that is entered again adds up."""
        self.leave()
        self._running = (step, stage, time.perf_counter())

    def leave(self) -> None:
        """End the running stage, if any."""
        if self._running is not None:
            step, stage, since = self._running
            of_step = self.seconds.setdefault(step, {})
            of_step[stage] = of_step.get(stage, 0.0) + time.perf_counter() - since
            self._running = None

    def of(self, step: int) -> dict[str, float]:
        """The stages of a step that have ended, in milliseconds' precision."""
        return {name: round(value, 3) for name, value in self.seconds.get(step, {}).items()}
