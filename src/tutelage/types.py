"""The nouns that every room shares: `Task`, `Score`, `Sampling`.

All are frozen pydantic models that refuse unknown keys. They hold plain data only, so that a state,
a record or a file can carry them without pickling.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["Sampling", "Score", "Task"]


class Data(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Data):
    """One problem with its reference."""

    id: str
    """Unique within a run."""
    problem: str
    """The text that the model sees."""
    reference: str | None = None
    """The reference *answer* (not the worked solution); `None` where none is known."""
    solution: str | None = None
    """A worked reference solution, the teacher's privileged context."""
    family: str = ""
    """Which family of tasks it comes from; empty for tasks of unknown origin."""
    difficulty: int | None = None
    """The family's difficulty dial, 1 (easiest) upwards."""
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Whatever the source knew besides."""


class Score(Data):
    """What one verifier says of one solution."""

    name: str
    """The verifier's name."""
    value: float
    """Higher is better; 0 to 1 for every verifier shipped."""
    passed: bool | None = None
    """Right or wrong; `None` where the verifier does not decide."""
    steps: tuple[float, ...] | None = None
    """One value a step (non-empty line) of the solution; `None` where steps are not judged."""
    feedback: str | None = None
    """One line for people or for a refiner."""


class Sampling(Data):
    """How completions are sampled; the names are vLLM's."""

    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(gt=0)] = 512
    stop: tuple[str, ...] = ()
    logprobs: bool = True
    """Keep the log-probability of every sampled token."""
