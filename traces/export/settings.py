"""What every format may be asked for: which turns, in which context, how many rows, how clean.

A format's own settings are a subclass. Unknown keys are errors. Not covered: where the rows go
(`tutelage.traces.export.export`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field

from tutelage.errors import UserError
from tutelage.traces.record import Message
from tutelage.types import Data

__all__ = ["Balance", "Context", "ExportSettings", "Names", "settings_of"]

Context: TypeAlias = Literal["recorded", "task", "root", "last"] | Callable[..., Sequence[Message]]
Balance: TypeAlias = Literal["label", "role", "node", "policy", "family"]


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""One name or several."""


class ExportSettings(Data):
    """The options that all formats share."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    roles: Names | None = None
    """Only turns of these roles; `None`: of all."""
    nodes: Names | None = None
    """Only turns of these nodes of the graph."""
    policies: Names | None = None
    """Only turns of these policy versions."""
    verifier: str | None = None
    """Whose scores count; `None`: the run's own verifier, or its only one."""
    passed: bool | None = None
    """Only turns whose own score says right (`True`) or wrong (`False`); `None`: all."""
    truncated: bool = True
    """Take completions that were cut off, too (finish reason "length")."""
    taught: bool = False
    """Only what was taught (tutelage teach): accepted answers, corrections, rankings and labelled steps, whatever a
    verifier says and whatever became of their rollouts."""
    failed: bool = False
    """Take turns of failed rollouts, too."""
    context: Context = "recorded"
    """The training context, which may differ from the one that the completion was sampled in: "recorded" is the
    prompt as it was; "task" the bare problem as one user message; "root" the prompt of the first turn of the
    turn's branch; "last" the system messages and the last user message, without history; or a function of an
    `Example` that gives messages."""
    deduplicate: bool = True
    """Take rows with the same content once; a row with other tools has another content."""
    per_task: Annotated[int, Field(gt=0)] | None = None
    """At most so many rows of one task, in the order recorded."""
    balance: Balance | None = None
    """Take equally many rows of each label, role, node, policy or family of tasks that there are, thinned evenly."""
    heldout: Any = None
    """Tasks, problems, or a JSONL file of tasks that no row may repeat."""
    ngram: Annotated[int, Field(ge=0)] = 13
    """Words in a row that a row may not share with a held-out task; 0: only whole problems are compared."""
    tokenizer: str | Path | None = None
    """A directory whose chat template is checked against the recorded prompt ids; "run": the run's own."""
    template: Literal["flag", "drop"] = "flag"
    """Rows that the template renders otherwise are named, or also left out."""


def settings_of(kind: type[ExportSettings], options: dict[str, Any], to: str) -> ExportSettings:
    """Check the options of an export.

    Raises:
        UserError: One is unknown or has a value that it cannot have.
    """
    known = sorted(kind.model_fields)
    for name in options:
        if name not in known:
            raise UserError(f"{to!r} has no option {name!r}; it has {', '.join(known)}")
    try:
        return kind(**options)
    except ValueError as problem:
        raise UserError(f"{to!r}: {_told(problem)}") from problem


def _told(problem: ValueError) -> str:
    errors = getattr(problem, "errors", None)
    if errors is None:
        return str(problem)
    first = errors(include_url=False)[0]
    place = str(first["loc"][0]) if first["loc"] else ""
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"option {place!r}: {message}" if place else message
