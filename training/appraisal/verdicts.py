"""What reviews said, against the truth, and what became of what they said; read from a recorded run.

A review is a turn with a recorded verdict; what it is about is the last of its parents that solved. Shares are of
reviews, their intervals are over tasks. Not covered: feedback that gives no verdict.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tutelage.agents.roles.reviewer import read_verdict
from tutelage.tools.families import FAMILIES, family_of
from tutelage.traces import Candidate, Run, Turn
from tutelage.training.reinforcement.rewards import Judged, judged
from tutelage.training.shares import Share
from tutelage.types import Data, Task

__all__ = ["Reviewed", "Verdicts", "reviewed"]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One review of one solution."""

    task: Task
    solution: str
    right: bool
    """The truth of the solution."""
    review: str
    said: bool | None
    """What the review says of it; `None` for no verdict."""
    tokens: tuple[int, int] | None
    """Read and written for the review; `None` where they were not counted."""
    after: tuple[bool, ...]
    """The truth of what was made of the solution because of it."""


class Verdicts(Data):
    """How true the verdicts are, and what they led to."""

    caught: Share
    """Of reviews of wrong solutions, how many said "wrong"."""
    spared: Share
    """Of reviews of right solutions, how many said "right"."""
    unread: Share
    """Of all reviews, how many have no verdict."""
    step: Share | None = None
    """Of wrong solutions said to be wrong, how often the first wrong step was named; `None` without exact checks."""
    mended: Share
    """Of wrong solutions that were refined after a review, how many became right."""
    broken: Share
    """Of right solutions that were refined after a review, how many became wrong."""

    @classmethod
    def of(cls, reviews: Iterable[Reviewed]) -> "Verdicts | None":
        """Count; `None` where there are no reviews."""
        tasks: dict[str, list[Reviewed]] = {}
        for each in reviews:
            tasks.setdefault(each.task.id, []).append(each)
        if not tasks:
            return None
        found = list(tasks.values())
        caught = ([_step(each) for each in t if not each.right and each.said is False] for t in found)
        steps = [[named for named in each if named is not None] for each in caught]
        return cls(
            caught=Share.of([[r.said is False for r in t if not r.right] for t in found]),
            spared=Share.of([[r.said is True for r in t if r.right] for t in found]),
            unread=Share.of([[r.said is None for r in t] for t in found]),
            step=Share.of(steps) if any(steps) else None,
            mended=Share.of([[end for r in t if not r.right for end in r.after] for t in found]),
            broken=Share.of([[not end for r in t if r.right for end in r.after] for t in found]),
        )


def reviewed(run: Run, verifier: str) -> Iterator[Reviewed]:
    """Give the reviews of a run whose solutions the verifier has judged, in the order they were recorded."""
    texts = {each.turn_id: each for each in run.candidates() if each.turn_id is not None}
    for rollout in judged(run, verifier):
        for turn, about in rollout.reviews():
            if rollout.solutions[about].passed is not None:
                yield _reviewed(rollout, turn, texts[about])


def _reviewed(rollout: Judged, turn: Turn, about: Candidate) -> Reviewed:
    after = [rollout.solutions[name].passed for name in rollout.after(turn)]
    read, wrote = turn.prompt_token_ids, turn.completion_token_ids
    return Reviewed(
        task=rollout.rollout.task,
        solution=about.text,
        right=bool(rollout.solutions[about.turn_id or ""].passed),
        review=turn.completion,
        said=rollout.verdicts[turn.id].passed,
        tokens=None if read is None or wrote is None else (len(read), len(wrote)),
        after=tuple(each for each in after if each is not None),
    )


def _step(review: Reviewed) -> bool | None:
    """Whether the first wrong step was named; `None` where nobody knows which it is."""
    if review.task.family not in FAMILIES:
        return None
    check = family_of(review.task).check(review.task, review.solution)
    return None if check.right else read_verdict(review.review)[1] == check.first_wrong
