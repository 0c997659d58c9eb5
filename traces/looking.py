"""Which turns of a run to look at: by who spoke, by verdict, by score, by error, by text.

`look` reads task by task, so that the first turns come at once and memory does not grow with the run. A turn's
score is its own, as in the exports (`tutelage.traces.export.own_score`). Abandoned rollouts are left out. Not
covered: the tokens of a turn, and what belongs to it (`Run.turn`, `Run.scores`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from tutelage.errors import UserError
from tutelage.traces.blobs import value_text
from tutelage.traces.export.own_score import VERDICT, OwnScore, default_verifier, own_score
from tutelage.traces.export.reading import Needs, stories, survey
from tutelage.traces.export.story import Story, TurnView
from tutelage.traces.run import Run

__all__ = ["Seen", "Verdict", "Wanted", "look", "rollout_ids"]

Verdict: TypeAlias = Literal["right", "wrong", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which turns; what is left out does not matter."""

    roles: Sequence[str] = ()
    """Any of these."""
    nodes: Sequence[str] = ()
    policies: Sequence[str] = ()
    tasks: Sequence[str] = ()
    """Ids."""
    verdict: Verdict | None = None
    """What a reviewer said; "none" where it should have said something and did not."""
    verifier: str | None = None
    """Whose scores count; `None`: the run's own verifier, or its only one."""
    passed: bool | None = None
    """The turn's own score says right, or wrong."""
    least: float | None = None
    """The value of the turn's own score is this or more."""
    most: float | None = None
    error: bool = False
    """Only turns that hold an error."""
    text: str | None = None
    """In the completion, in upper or lower case."""

    @property
    def by_score(self) -> bool:
        """Whether a score is asked for."""
        return self.passed is not None or self.least is not None or self.most is not None


class Seen(NamedTuple):
    """A turn that was asked for."""

    story: Story
    turn: TurnView
    score: OwnScore
    verdict: Verdict | None
    """`None` for turns that were not to give one."""


def look(run: Run, wanted: Wanted) -> Iterator[Seen]:
    """Give the turns that are wanted, task by task.

    Raises:
        UserError: The run has no such role, node, policy, task or verifier, or several verifiers and none is named.
    """
    _check(run, wanted)
    verifier = wanted.verifier or default_verifier(survey(run), run)
    if wanted.by_score and verifier is None:
        known = ", ".join(map(repr, survey(run).verifiers))
        raise UserError(
            f"run {run.name!r} has scores of several verifiers ({known}); name one of them"
            if known
            else f"run {run.name!r} has no scores to choose by; score it first"
        )
    return _look(run, wanted, verifier)


def rollout_ids(run: Run, tasks: Sequence[str] = (), *, abandoned: bool = False) -> Iterator[str]:
    """Give the ids of the rollouts, of some tasks or of all, in the order they began.

    Raises:
        UserError: There is no such task.
    """
    _check(run, Wanted(tasks=tasks))
    sql = "SELECT r.id, k.id, r.status FROM rollouts r JOIN tasks k ON k.seq = r.task ORDER BY r.seq"
    for id, task, status in run._store.database.rows(sql):
        if (abandoned or status != "abandoned") and (not tasks or value_text(task) in tasks):
            yield id


def _look(run: Run, wanted: Wanted, verifier: str | None) -> Iterator[Seen]:
    text = None if wanted.text is None else wanted.text.casefold()
    for story in stories(run, Needs()):
        if wanted.tasks and story.task.id not in wanted.tasks:
            continue
        for turn in story.turns:
            if not _said(turn, wanted) or (text is not None and text not in turn.completion.casefold()):
                continue
            seen = Seen(story, turn, own_score(story, turn, verifier), _verdict(story, turn))
            if wanted.verdict in (None, seen.verdict) and _scored(seen.score, wanted):
                yield seen


def _said(turn: TurnView, wanted: Wanted) -> bool:
    speaker = turn.speaker
    return (
        (not wanted.roles or speaker.role in wanted.roles)
        and (not wanted.nodes or speaker.node in wanted.nodes)
        and (not wanted.policies or speaker.policy in wanted.policies)
        and (not wanted.error or turn.error is not None)
    )


def _verdict(story: Story, turn: TurnView) -> Verdict | None:
    score = story.score(turn.id, VERDICT)
    if score is None:
        return None
    return "none" if score.passed is None else "right" if score.passed else "wrong"


def _scored(score: OwnScore, wanted: Wanted) -> bool:
    if wanted.passed is not None and score.passed is not wanted.passed:
        return False
    if wanted.least is None and wanted.most is None:
        return True
    if score.value is None:
        return False
    least = wanted.least is None or score.value >= wanted.least
    return least and (wanted.most is None or score.value <= wanted.most)


def _check(run: Run, wanted: Wanted) -> None:
    """Refuse what the run does not know, rather than finding nothing."""
    if wanted.verdict is not None and wanted.verdict not in get_args(Verdict):
        raise UserError(f"a verdict is right, wrong or none, not {wanted.verdict!r}")
    rows = run._store.database.rows
    for column, asked in (("role", wanted.roles), ("node", wanted.nodes), ("policy", wanted.policies)):
        known = [value_text(each) for (each,) in rows(f"SELECT DISTINCT {column} FROM speakers")]
        _refuse(run, column, asked, known)
    if wanted.tasks:
        _refuse(run, "task", wanted.tasks, [value_text(each) for (each,) in rows("SELECT id FROM tasks")])
    if wanted.verifier is not None:
        _refuse(run, "scores of", (wanted.verifier,), survey(run).verifiers)


def _refuse(run: Run, what: str, asked: Sequence[str], known: Sequence[str | None]) -> None:
    for each in asked:
        if each not in known:
            named = [repr(name) for name in known if name is not None]
            listed = ", ".join(named[:8]) + (", …" if len(named) > 8 else "")
            raise UserError(f"run {run.name!r} has no {what} {each!r}; it has {listed or 'none'}")
