"""What the trace formats share: a row is a whole rollout, with everything that was recorded of it.

A rollout is taken where it ended and, if the options name roles, nodes, policies or a verdict, where at least
one of its turns is as asked for. Failed rollouts are taken unless told otherwise, since a trace is for looking.
Options that choose a training context or check a template have no meaning here and are refused. Not covered:
what a format makes of a rollout.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tutelage.errors import UserError
from tutelage.traces.export.format import Draft, Job
from tutelage.traces.export.reading import Survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import RolloutView, Story
from tutelage.traces.lessons import NAMES
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn
from tutelage.traces.run import Run

__all__ = ["WholeRollout", "WholeRolloutSettings", "check", "read", "rows_of"]


class WholeRolloutSettings(ExportSettings):
    """The options of formats whose row is a rollout."""

    failed: bool = True
    """Take failed rollouts, too."""


class WholeRollout(NamedTuple):
    """A rollout and what belongs to it, in the order it was recorded."""

    rollout: Rollout
    turns: list[Turn]
    scores: list[ScoreRow]
    """Of one subject and name only the latest, which is the one that counts; lessons are none of them."""
    candidates: list[Candidate]


def read(run: Run, rollout_id: str) -> WholeRollout:
    """Read a rollout from a run."""
    scores = sorted(run.scores(rollout_id), key=lambda row: row.given or 0.0)
    latest = {
        (row.subject, row.subject_id, row.score.name): row for row in scores if row.score.name not in NAMES
    }
    return WholeRollout(
        run.rollout(rollout_id), run.turns(rollout_id), list(latest.values()), run.candidates(rollout_id)
    )


def check(settings: Any, survey: Survey, run: Run) -> None:
    """Refuse options that speak of training samples.

    Raises:
        UserError: There is one.
    """
    for name, neutral in (("context", "recorded"), ("tokenizer", None), ("truncated", True)):
        if getattr(settings, name) != neutral:
            raise UserError(
                f"a trace holds rollouts as they were recorded; option {name!r} is for training data"
            )


def rows_of(write: Callable[[WholeRollout, Job], dict[str, Any]]) -> Callable[[Story, Job], Iterator[Draft]]:
    """Make the rows of a format of a function that writes a rollout as a document."""

    def rows(story: Story, job: Job) -> Iterator[Draft]:
        for rollout in _taken(story, job):
            whole = read(job.run, rollout.id)
            last = next((turn for turn in reversed(story.turns) if turn.rollout.id == rollout.id), None)
            said = tuple(turn.completion for turn in whole.turns) if job.settings.heldout is not None else ()
            yield Draft(story, last, (write(whole, job),), said=said, key=rollout.id)

    return rows


def _taken(story: Story, job: Job) -> Iterator[RolloutView]:
    settings = job.settings
    asked = (settings.roles, settings.nodes, settings.policies, settings.passed)
    chosen: set[str] | None = None
    if any(option is not None for option in asked):
        chosen = {example.turn.rollout.id for example in job.examples(story)}
    turns = Counter(turn.rollout.id for turn in story.turns)
    statuses = ("done", "failed") if settings.failed else ("done",)
    for rollout in story.rollouts:
        if chosen is None:
            job.tally.turns += turns[rollout.id]
        if rollout.status not in statuses:
            job.tally.drop(f"are {rollout.status}")
            if chosen is None:
                job.tally.excluded["belong to a rollout that is left out"] += turns[rollout.id]
        elif chosen is not None and rollout.id not in chosen:
            job.tally.drop("have no turn that was asked for")
        else:
            job.tally.selected += turns[rollout.id] if chosen is None else 0
            yield rollout
