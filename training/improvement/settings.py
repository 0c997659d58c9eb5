"""What `improve` may be told. Not covered: what engines and graphs are told, which belong to the caller."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, NonNegativeInt, PositiveInt

from tutelage.training.selection import SelectionSettings
from tutelage.types import Data

__all__ = ["MONITORS", "ImproveSettings", "Limit", "Monitor"]


class Limit(Data):
    """How far a monitor's reading may go, as the fall or growth that `tutelage.training.improvement.monitors` names."""

    warn: float | None = None
    """From here on the leaderboard says so; `None`: never."""
    stop: float | None = None
    """From here on the version is not taken, and the rounds end; `None`: never."""


Monitor = Literal["proxy", "length", "entropy", "diversity", "forgetting", "verdicts"]

MONITORS: Mapping[Monitor, Limit] = {
    "proxy": Limit(warn=0.05, stop=0.15),
    "length": Limit(warn=0.5, stop=2.0),
    "entropy": Limit(warn=0.8),
    "diversity": Limit(warn=0.5),
    "forgetting": Limit(warn=0.02, stop=0.1),
    "verdicts": Limit(warn=0.05, stop=0.2),
}
"""The limits where none are given."""


class ImproveSettings(Data):
    """The options of `improve`."""

    rounds: PositiveInt = 4
    tasks: PositiveInt = 200
    """Training tasks a round; none a second time before all had their turn."""
    repeats: PositiveInt = 1
    """Rollouts of each."""
    objective: str = "sft"
    """One that learns from rows."""
    training: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Settings of the objective, by name; its seed is the round's."""
    selection: SelectionSettings = SelectionSettings()
    """sft: which solutions are learnt. With a proxy, what the proxy passed."""
    export: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Other objectives: options of the export of their rows."""
    start: Literal["first", "best"] = "first"
    """Train the weights that the first round began with, or the best so far."""
    data: Literal["all", "last"] = "all"
    """Learn from what all rounds gave, or from what the last one did."""
    samples: PositiveInt = 1
    """Attempts at each development task."""
    probe: NonNegativeInt = 60
    """Development tasks on which every version runs the graph, for the monitors; 0: no such monitors."""
    patience: PositiveInt = 2
    """Rounds without a better version after which there is no further one."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """A version that is worse than the best at this level (paired, two-sided) is a regress, and ends the rounds."""
    limits: Mapping[Monitor, Limit] = Field(default_factory=dict)
    """Of single monitors, by name; of the others `MONITORS` holds."""
    seed: NonNegativeInt = 0

    def limit(self, monitor: Monitor) -> Limit:
        """The limit of a monitor."""
        return self.limits.get(monitor, MONITORS[monitor])
