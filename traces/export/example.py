"""Examples: the turns of a story that an export may take, each with its own score.

Not covered: what a format makes of them, and limits on the rows (`tutelage.traces.export.limits`).
"""

from collections.abc import Iterator
from typing import NamedTuple

from tutelage.traces.export.account import Tally
from tutelage.traces.export.own_score import OwnScore, own_score
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import CandidateView, Story, TurnView
from tutelage.traces.export.taught import Taught, note, score_of, taught
from tutelage.traces.lessons import Note

__all__ = ["Example", "select"]

PERSON = "person"
"""The author of an answer that a person gave in a model's stead; it is exported as what was taught only."""


class Example(NamedTuple):
    """A turn, with what is known of it."""

    story: Story
    turn: TurnView
    score: OwnScore
    lesson: Taught | None = None
    """What was said of it, where lessons are exported."""

    @property
    def candidate(self) -> CandidateView | None:
        """The candidate that the turn wrote, in formats that read candidates."""
        return self.story.candidates.get(self.story.written.get(self.turn.id, ""))


def select(story: Story, settings: ExportSettings, verifier: str | None, tally: Tally) -> Iterator[Example]:
    """Give the turns that the settings ask for, and count why the others are not among them."""
    if settings.taught:
        yield from _taught(story, settings, tally)
        return
    wanted, excluded = settings.passed, tally.excluded
    everyone = settings.roles is settings.nodes is settings.policies is None and settings.truncated
    tally.turns += len(story.turns)
    for turn in story.turns:
        by_hand = turn.speaker.author == PERSON
        if not everyone or by_hand or turn.error is not None or turn.rollout.status != "done":
            reason = _unfit(turn, settings)
            if reason is not None:
                excluded[reason] += 1
                continue
        score = own_score(story, turn, verifier)
        if wanted is None or score.passed is wanted:
            tally.selected += 1
            yield Example(story, turn, score)
        elif score.passed is None:
            excluded["have no verdict"] += 1
        else:
            excluded["did not pass" if wanted else "passed"] += 1


def _taught(story: Story, settings: ExportSettings, tally: Tally) -> Iterator[Example]:
    """Give the turns that something was said of."""
    for turn in story.turns:
        said = note(story, turn)
        if said == Note() and turn.rollout.status == "abandoned":
            continue
        tally.turns += 1
        score, lesson = score_of(said), taught(story, said)
        reason = "were not taught" if said == Note() else _unfit(turn, settings)
        if reason is None and settings.passed is not None and score.passed is not settings.passed:
            reason = {True: "were accepted", False: "were rejected", None: "are neither right nor wrong"}[
                score.passed
            ]
        if reason is None and lesson is None:
            reason = "are right for a prompt that is not on record"
        if reason is None:
            tally.selected += 1
            yield Example(story, turn, score, lesson)
        else:
            tally.excluded[reason] += 1


def _unfit(turn: TurnView, settings: ExportSettings) -> str | None:
    """Why a turn is not taken, whatever its score."""
    speaker = turn.speaker
    status = "done" if settings.taught else turn.rollout.status
    if status != "done" and not (settings.failed and status == "failed"):
        return "belong to a rollout that is not done"
    if turn.error is not None:
        return "hold an error"
    if speaker.author == PERSON and not settings.taught:
        return "were written by a person"
    if settings.roles is not None and speaker.role not in settings.roles:
        return f"are not by {' or '.join(settings.roles)}"
    if settings.nodes is not None and speaker.node not in settings.nodes:
        return f"are not from {' or '.join(settings.nodes)}"
    if settings.policies is not None and speaker.policy not in settings.policies:
        return f"are not of policy {' or '.join(settings.policies)}"
    if not settings.truncated and turn.finish_reason == "length":
        return "were cut off"
    return None
