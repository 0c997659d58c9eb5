"""What control of a running batch shows: its counts, what is in flight, and where a rollout is held, as plain data.

`BatchStatus` and `InFlight` hold names, numbers and times, nothing that a model wrote; `Held` holds what is asked for
(state, prompt), and a face makes it printable. Not covered: what is on record (`tutelage.traces.Run`).
"""

from typing import Literal, TypeAlias

from pydantic import JsonValue

from tutelage.graphs.debugging.view import Change, Frame, Stop
from tutelage.types import Data

__all__ = ["BatchStatus", "FlightStatus", "Held", "InFlight", "Mode"]

FlightStatus: TypeAlias = Literal["running", "paused", "held"]
Mode: TypeAlias = Literal["step", "next", "out", "until", "continue"]
"""How a held rollout goes on; the words are those of a debugging session."""


class InFlight(Data):
    """A rollout that has begun and not ended."""

    number: int
    """From 1, in the order in which this process began them; names it at the console."""
    rollout: str
    """Its id in the record."""
    task: str
    """Its task's id."""
    repeat: int
    status: FlightStatus
    nodes: tuple[str, ...] = ()
    """The nodes that run now, several where they run in parallel; inner ones as "outer/inner"."""
    visits: int
    """Nodes begun so far."""
    seconds: float
    """Since it began."""
    waited: float
    """Of these, since the latest event."""
    edits: int = 0
    """How often a person changed something in it."""
    stops: int = 0
    """How often it was held."""
    stop: Stop | None = None
    """Where it is held; without what is about to be sent, unless contents are asked for."""


class BatchStatus(Data):
    """How far a batch is."""

    run: str
    """The run's directory."""
    name: str
    process: int
    paused: bool
    total: int
    """Rollouts asked for."""
    done: int
    failed: int
    passed: int
    judged: int
    flying: int
    """Rollouts in flight."""
    held: int
    """Of these, held for a person."""
    waiting: int
    """Of these, waiting for the end of a pause."""
    concurrency: int
    tokens: int
    """Sampled tokens on record."""
    speed: float | None
    """Sampled tokens a second, over the time between the two latest counts; `None` before there are two."""
    seconds: float
    """Since this process began with the batch."""
    clients: int
    """How many are attached."""
    passed_by: int = 0
    """How often a breakpoint let pass what it would have held, because too many rollouts were held."""
    failures: tuple[tuple[str, str], ...] = ()
    """The latest failures: the task's id and the kind of error; the whole error where contents are asked for."""


class Held(Data):
    """A rollout that is held, with its contents."""

    flight: InFlight
    stop: Stop
    state: dict[str, JsonValue]
    """The whole state of the graph that is looked at; after a node with what it wrote."""
    read: dict[str, JsonValue]
    """The state that the node was given."""
    frames: tuple[Frame, ...]
    """The graphs around it, outermost first."""
    changes: tuple[Change, ...] = ()
    """What the node changed; after it."""
    waiting: int = 0
    """Further events of the same rollout that are held behind this one (parallel nodes)."""
