"""`Session`: one branch of a debugging session, and everything that can be done with it.

The graph runs in the background; a method that lets it go on returns when something stops it or it has ended. Every
change is on disk when its method returns. Sessions of several branches share one record; one thread drives at a time
(`pause` may come from any). Not covered: opening (`opening.debug`), how things look (`tutelage.graphs.console`,
`tutelage.graphs.studio`).
"""

from typing import Self

from tutelage.graphs.debugging.changing import Changing
from tutelage.graphs.debugging.going import Going
from tutelage.graphs.debugging.step_values import StepValuing
from tutelage.graphs.debugging.stopping import Stopping
from tutelage.graphs.debugging.teaching_session import Teaching

__all__ = ["Session"]


class Session(Going, Stopping, Changing, StepValuing, Teaching):
    """A branch that is being debugged; made by `debug`, `fork` and `switch`."""

    def pause(self) -> None:
        """Hold at the next event, or end a resampling early; from any thread."""
        if not self.stop_samples():
            super().pause()

    def close(self) -> None:
        """Leave all branches where they are; `debug` with the same directory opens them again."""
        self.bench.close()

    def __enter__(self) -> Self:
        """Give the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
