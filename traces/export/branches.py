"""Token-exact branches: the longest rows of recorded ids in which every sampled token appears once to be trained.

A turn continues an earlier one of its rollout where its prompt ids begin with exactly that one's prompt and
completion ids; of several the longest, and of equally long ones a recorded parent. A path from a turn that
continues none to one that none continues is a branch. Where branches share turns, the first one trains them
and the others read them. A prompt that quotes an earlier completion as a message, without being an exact
extension of its ids, has drifted: a new branch starts there, and nothing is lost or retokenized.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tutelage.traces.export.story import TurnView

__all__ = ["Branch", "Drift", "Piece", "branches", "drift"]

WIDTH = 4
"""Bytes of a token id."""


class Piece(NamedTuple):
    """The tokens of a branch that one turn sampled."""

    turn: TurnView
    start: int
    end: int
    fresh: bool
    """No earlier branch has them."""


class Branch(NamedTuple):
    """One row of token ids."""

    ids: bytes
    """int32, prompt and all that follows."""
    prompt: int
    """Tokens before the first sampled one."""
    pieces: Sequence[Piece]
    """What was sampled, by whom; all other tokens are the template's or the environment's."""


class Drift(NamedTuple):
    """How the continuations of a rollout went."""

    continuations: int
    drifted: int


def branches(turns: Iterable[TurnView]) -> list[Branch]:
    """Give the branches of one rollout, in the order of their last turns; turns without ids are left out."""
    before = _continued(turns)
    inner = {earlier.id for _, earlier in before.values() if earlier is not None}
    trained: set[str] = set()
    found: list[Branch] = []
    for leaf, (turn, _) in before.items():
        if leaf in inner:
            continue
        path = _path(turn, before)
        pieces = []
        for each in path:
            start = len(each.prompt_ids or b"") // WIDTH
            end = start + len(each.completion_ids or b"") // WIDTH
            pieces.append(Piece(each, start, end, each.id not in trained))
            trained.add(each.id)
        found.append(Branch(_whole(turn), pieces[0].start, pieces))
    return found


def drift(turns: Sequence[TurnView]) -> Drift:
    """Count the turns of one rollout whose prompt quotes an earlier completion, and those that drifted."""
    said: set[object] = set()
    quoting: set[str] = set()
    for turn in turns:
        if any(
            each.get("role") == "assistant" and _text(each.get("content")) in said for each in turn.prompt
        ):
            quoting.add(turn.id)
        if turn.prompt_ids is not None and turn.completion_ids is not None:
            said.add(turn.completion)
    continued = {name for name, (_, earlier) in _continued(turns).items() if earlier is not None}
    known = {turn.id for turn in turns if turn.prompt_ids is not None and turn.completion_ids is not None}
    return Drift(len((quoting | continued) & known), len((quoting - continued) & known))


def _continued(turns: Iterable[TurnView]) -> dict[str, tuple[TurnView, TurnView | None]]:
    """Each turn by its id, with the turn that it continues."""
    found: dict[str, tuple[TurnView, TurnView | None]] = {}
    wholes: list[tuple[TurnView, bytes]] = []
    for turn in turns:
        prompt = turn.prompt_ids
        if prompt is None or turn.completion_ids is None:
            continue
        best: TurnView | None = None
        rank = (0, False)
        for earlier, whole in wholes:
            ours = (len(whole), earlier.id in turn.parents)
            if ours > rank and prompt.startswith(whole):
                best, rank = earlier, ours
        found[turn.id] = (turn, best)
        wholes.append((turn, _whole(turn)))
    return found


def _path(turn: TurnView, before: dict[str, tuple[TurnView, TurnView | None]]) -> list[TurnView]:
    path = [turn]
    while (earlier := before[path[-1].id][1]) is not None:
        path.append(earlier)
    return path[::-1]


def _whole(turn: TurnView) -> bytes:
    return (turn.prompt_ids or b"") + (turn.completion_ids or b"")


def _text(content: object) -> object:
    return content if isinstance(content, str) else None
