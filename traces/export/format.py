"""What a format is: its name, its options, its columns, and how a story becomes rows.

To add one, write `formats/NAME.py` with a `Format` and enter it in `formats/__init__.py`. Limits, lineage and
files are done for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tutelage.traces.export.account import Tally
from tutelage.traces.export.columns import Column
from tutelage.traces.export.example import Example, select
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import Story, TurnView
from tutelage.traces.export.taught import Taught
from tutelage.traces.export.template import Templates
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["Draft", "Format", "Job"]


class Draft(NamedTuple):
    """A row before limits and lineage."""

    story: Story
    turn: TurnView | None
    """The turn whose lineage the row carries; `None` in formats without lineage columns."""
    values: tuple[Any, ...]
    """The format's own columns."""
    prompt: tuple[Message, ...] = ()
    """The training context."""
    said: tuple[str, ...] = ()
    """The completions."""
    context: str = "recorded"
    """How the training context relates to that of sampling."""
    key: object = None
    """A hashable content that makes two rows the same; `None`: context, completions and label."""
    label: object = None
    """What `balance="label"` balances."""
    tokens: int = 0
    """Sampled tokens that the row trains."""
    checks: tuple[tuple[TurnView, bytes | None], ...] = ()
    """Turns whose completion follows the context, with the recorded ids of the context, for the template check."""
    notes: Mapping[str, int] | None = None
    """What the report is to say of the row if it is kept, with its number."""
    lesson: Taught | None = None
    """What was said of the turn, where lessons are exported."""


@dataclass(slots=True)
class Job:
    """One reading of a run for an export."""

    run: Run
    settings: Any
    """The format's own settings."""
    survey: Survey
    verifier: str | None
    tally: Tally = field(default_factory=Tally)
    templates: Templates | None = None

    def examples(self, story: Story) -> Iterator[Example]:
        """Give the turns that the settings ask for, and count the others."""
        return select(story, self.settings, self.verifier, self.tally)


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of data set."""

    name: str
    about: str
    """One line for people: what it is for."""
    settings: type[ExportSettings]
    columns: Callable[[Any, Survey], tuple[Column, ...]]
    """Its own columns under the settings."""
    rows: Callable[[Story, Job], Iterator[Draft]]
    needs: Callable[[Any], Needs] = lambda settings: Needs()
    noun: Callable[[Any], str] = lambda settings: "turns"
    """What a row is: "turns" where each turn gives one at most, else "pairs", "rows", …"""
    tokens: Callable[[Any], bool] = lambda settings: False
    """Whether it trains on recorded token ids, and the account tells what became of each."""
    finish: Callable[[Sequence[Draft], Job], Sequence[Draft]] | None = None
    """Completes the values of rows that are kept, some at a time, where that is dear."""
    lineage: bool = True
    """Lineage columns are added."""
    document: bool = False
    """A row has one column, plain data, which is a line of JSONL by itself."""
    taught: bool = False
    """It can be made of what was taught."""
    check: Callable[[Any, Survey, Run], None] = lambda settings, survey, run: None
    """Raises a `UserError` where the run cannot be had in this format."""
