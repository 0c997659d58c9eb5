"""A rollout with everything that is on record of it: what a turn builds on, what was made of it, its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tutelage.cli.wording import passing, verdict_text

if TYPE_CHECKING:
    from tutelage.traces import Candidate, Rollout, Run, ScoreRow, Turn
    from tutelage.traces.export.story import TurnView

__all__ = ["Scene", "said"]

VERDICT = "verdict"
ENDS = 400
"""Characters at each end of a long text that a line may show."""


@dataclass(frozen=True)
class Scene:
    """One rollout."""

    rollout: "Rollout"
    turns: "Sequence[Turn]"
    """In the order they were recorded."""
    candidates: "Sequence[Candidate]"
    all_scores: "Sequence[ScoreRow]"

    @classmethod
    def of(cls, run: "Run", rollout_id: str) -> "Scene":
        """Read a rollout, whatever became of it."""
        return cls(
            run.rollout(rollout_id), run.turns(rollout_id), run.candidates(rollout_id), run.scores(rollout_id)
        )

    @cached_property
    def by_id(self) -> "Mapping[str, Turn]":
        """The turns by id."""
        return {turn.id: turn for turn in self.turns}

    @cached_property
    def scores(self) -> "Mapping[str, Sequence[ScoreRow]]":
        """What counts, by the id of what it judges: of one name the latest."""
        latest = {(row.subject_id, row.score.name): row for row in self.all_scores}
        found: dict[str, list[ScoreRow]] = {}
        for row in latest.values():
            found.setdefault(row.subject_id, []).append(row)
        return found

    @cached_property
    def _followers(self) -> "Mapping[str, Sequence[Turn]]":
        found: dict[str, list[Turn]] = {}
        for turn in self.turns:
            for parent in turn.parents:
                found.setdefault(parent, []).append(turn)
        return found

    def parents(self, turn: "Turn") -> "list[Turn]":
        """The turns that a turn builds on."""
        return [self.by_id[each] for each in turn.parents if each in self.by_id]

    def followers(self, turn: "Turn") -> "Sequence[Turn]":
        """The turns that build on a turn."""
        return self._followers.get(turn.id, ())

    def ancestors(self, turn: "Turn") -> "list[Turn]":
        """Every turn that led to a turn, in the order recorded."""
        found: set[str] = set()
        open_ = self.parents(turn)
        while open_:
            each = open_.pop()
            if each.id not in found:
                found.add(each.id)
                open_ += self.parents(each)
        return [each for each in self.turns if each.id in found]

    @cached_property
    def _written(self) -> "Mapping[str | None, Sequence[Candidate]]":
        found: dict[str | None, list[Candidate]] = {}
        for each in self.candidates:
            found.setdefault(each.turn_id, []).append(each)
        return found

    def written(self, turn: "Turn") -> "Sequence[Candidate]":
        """The candidates that a turn wrote."""
        return self._written.get(turn.id, ())

    def words(self, turn: "Turn") -> list[str]:
        """What is known of a turn, in a word or two each: an error, its verdict, whether it is right."""
        subjects = [turn.id, *(each.id for each in self.written(turn))]
        rows = [row for subject in subjects for row in self.scores.get(subject, ())]
        said = [verdict_text(row.score) for row in rows if row.score.name == VERDICT]
        return [*(["failed"] if turn.error is not None else []), *said, *_judgements(rows)]


def _judgements(rows: "Sequence[ScoreRow]") -> list[str]:
    """What verifiers say: one word where they agree, else each with its name."""
    found = {
        row.score.name: passing(row.score.passed, row.score.value) or "undecided"
        for row in rows
        if row.score.name != VERDICT
    }
    if len(set(found.values())) == 1:
        return list(found.values())[:1]
    return [f"{name} {decided}" for name, decided in found.items()]


def said(turn: "Turn | TurnView") -> str:
    """What a turn said or called, or why it did not, with a long text's middle left out."""
    text = turn.completion
    for call in turn.tool_calls:
        function = call.get("function")
        if isinstance(function, dict):
            text += f"{' ' if text else ''}→ {function.get('name')}({function.get('arguments')})"
    text = text or turn.error or ""
    return text if len(text) <= 2 * ENDS else f"{text[:ENDS]}…{text[-ENDS:]}"
