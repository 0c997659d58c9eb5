"""A turn's own score: what it is to be praised or blamed for.

In this order: the verifier's score of the turn itself; of the candidate that the turn wrote; for a turn with a
verdict, whether that verdict agrees with the truth of the solution it judged (the candidate of the nearest turn
that it builds on); else the score of its rollout. A verdict on a solution of unknown truth has no score, and a
turn that should have given a verdict and gave none is wrong.
"""

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from tutelage.errors import UserError
from tutelage.traces.export.reading import Survey
from tutelage.traces.export.story import ScoreView, Story, TurnView
from tutelage.traces.run import Run

__all__ = ["VERDICT", "OwnScore", "default_verifier", "judged", "own_score", "verifier_of"]

VERDICT = "verdict"
"""The name of the score that a reviewer gives by its own turn."""

Source: TypeAlias = Literal["turn", "candidate", "verdict", "rollout"]


class OwnScore(NamedTuple):
    """A value, a decision, and what was scored."""

    value: float | None
    passed: bool | None
    source: Source | None


UNKNOWN = OwnScore(None, None, None)
UNJUDGED = OwnScore(None, None, "verdict")


def own_score(story: Story, turn: TurnView, verifier: str | None) -> OwnScore:
    """Score a turn; unknown where there is nothing to say or no verifier."""
    if verifier is None:
        return UNKNOWN
    scores = story.scores
    said = scores.get(turn.id)
    if said is not None and verifier in said.views:
        return _of(said.views[verifier], "turn")
    written = story.written.get(turn.id)
    if written is not None:
        judgement = scores.get(written)
        if judgement is not None and verifier in judgement.views:
            return _of(judgement.views[verifier], "candidate")
    if said is not None and VERDICT in said.views:
        return _agreement(story, turn, said.views[VERDICT], verifier)
    whole = story.score(turn.rollout.id, verifier)
    return UNKNOWN if whole is None else _of(whole, "rollout")


def judged(story: Story, turn: TurnView) -> str | None:
    """The id of the candidate that a reviewer's turn is about."""
    for ancestor in story.ancestors(turn):
        if ancestor.id in story.written:
            return story.written[ancestor.id]
    return None


def _agreement(story: Story, turn: TurnView, verdict: ScoreView, verifier: str) -> OwnScore:
    candidate = judged(story, turn)
    truth = None if candidate is None else story.score(candidate, verifier)
    if truth is None or truth.passed is None:
        return UNJUDGED
    agrees = verdict.passed is not None and verdict.passed == truth.passed
    return OwnScore(float(agrees), agrees, "verdict")


@lru_cache(maxsize=1024)
def _known(value: float | None, passed: bool | None, source: Source) -> OwnScore:
    return OwnScore(value, passed, source)


def _of(score: ScoreView, source: Source) -> OwnScore:
    return _known(score.value, score.passed, source)


def verifier_of(survey: Survey, wanted: str | None, run: Run) -> str | None:
    """The verifier whose scores count in a run; `None` where the run has none.

    Where none is wanted it is the one that the run was judged by when it ran, else its only one.

    Raises:
        UserError: The wanted one is not there, or there are several, none is wanted and none is the run's own.
    """
    name = run.name
    known = ", ".join(map(repr, survey.verifiers)) or "none"
    if wanted is not None:
        if wanted not in survey.verifiers:
            raise UserError(f"run {name!r} has no scores of {wanted!r} (there are: {known})")
        return wanted
    choice = default_verifier(survey, run)
    if choice is None and survey.verifiers:
        raise UserError(f"run {name!r} has scores of several verifiers ({known}); name one, verifier=…")
    return choice


def default_verifier(survey: Survey, run: Run) -> str | None:
    """The verifier that the run was judged by when it ran, else its only one; `None` where that is not clear."""
    settings = run.settings.get("verifier")
    own = settings.get("name") if isinstance(settings, dict) else None
    if isinstance(own, str) and own in survey.verifiers:
        return own
    choice = survey.deciding or survey.verifiers
    return choice[0] if len(choice) == 1 else None
