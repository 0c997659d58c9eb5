"""Where two branches of one task part: the first answers that differ, and what came of the one afterwards.

A branch is a rollout; what it shares with the branch that it left is recorded there, and is found by what its turns
build on. A turn's counterpart answers the same prompt in the same role; else it builds on the same turns; else it has
the same place among the model calls. Not covered: which of the two is better.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from tutelage.traces import Run, Turn

__all__ = ["Parting", "asked", "parting", "said"]


class Parting(NamedTuple):
    """Where a branch leaves another one."""

    ours: Turn | None
    """The first answer that differs; `None` where one branch went where the other never did."""
    theirs: Turn | None
    """The other branch's answer in its place."""
    after: tuple[Turn, ...]
    """All that is said on our branch from there on, `ours` included; empty where the two say the same."""

    @property
    def same_prompt(self) -> bool:
        """Whether both answer the same prompt."""
        return self.ours is not None and self.theirs is not None and asked(self.ours) == asked(self.theirs)


def parting(run: Run, branch: str, other: str, shared: Collection[str] = ()) -> Parting:
    """Find where the branch of a rollout leaves that of another one.

    Args:
        run: An open run.
        branch: The id of a rollout.
        other: The id of another one of the same task.
        shared: Turns that are known to lie on both, where their followers do not name them as parents.

    Raises:
        UserError: There is no such rollout.
    """
    ours, theirs = path(run, branch), path(run, other)
    known = {*shared, *(turn.id for turn in theirs)}
    same: dict[str, str] = {}
    rest = list(theirs)
    for at, turn in enumerate(ours):
        if turn.id in known:
            rest = [each for each in rest if each.id != turn.id]
            continue
        counterpart = _counterpart(turn, rest, same)
        if counterpart is None:
            return Parting(None, None, tuple(ours[at:]))
        if said(turn) != said(counterpart):
            return Parting(turn, counterpart, tuple(ours[at:]))
        same[turn.id] = counterpart.id
        rest.remove(counterpart)
    return Parting(None, None, ())


def path(run: Run, rollout_id: str) -> list[Turn]:
    """Give the turns of a rollout after those of other rollouts that they build on, in the order recorded."""
    own = run.turns(rollout_id)
    found = {turn.id: turn for turn in own}
    missing = [parent for turn in own for parent in turn.parents]
    while missing:
        name = missing.pop()
        if name not in found:
            found[name] = run.turn(name)
            missing += found[name].parents
    before = sorted(
        (turn for turn in found.values() if turn.rollout_id != rollout_id), key=lambda turn: turn.id
    )
    return [*before, *own]


def asked(turn: Turn) -> object:
    """What two answers must share to be compared."""
    return turn.role, turn.messages, turn.tools


def said(turn: Turn) -> object:
    """What an answer says."""
    return turn.completion, turn.tool_calls, turn.error is None


def _counterpart(turn: Turn, rest: Sequence[Turn], same: dict[str, str]) -> Turn | None:
    """The turn in whose place this one stands, among those that stand in no other one's."""
    alike = [each for each in rest if each.role == turn.role]
    parents = [same.get(parent, parent) for parent in turn.parents]
    for choice in (
        [each for each in alike if asked(each) == asked(turn)],
        [each for each in alike if list(each.parents) == parents],
        [each for each in alike if each.call == turn.call],
    ):
        if choice:
            return next((each for each in choice if each.sample == turn.sample), choice[0])
    return None
