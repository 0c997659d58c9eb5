"""What tests of graphs use: recorded runs that answer instead of an engine.

`tutelage.testing.plugin` gives pytest the fixture `replay`, a `Replays`; it is loaded by itself where Tutelage
is installed, and costs nothing where it is not used. Not covered: recording the runs
(`tutelage.graphs.rollout`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.testing.replays import Replays

__all__ = ["Replays"]


def __getattr__(name: str) -> Any:
    """Load the public name when it is first used."""
    if name != "Replays":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tutelage.testing.replays import Replays

    return Replays
