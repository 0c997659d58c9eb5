"""What roles leave in a state: candidates with their parents, and which turn said a text.

Plain data only, so that any checkpointer, store or JSON file can hold it. Lineage is looked up by the text
that a role really reads: a text that a person has changed has no turn behind it, and claims none.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypedDict
from uuid import uuid4

__all__ = ["CandidateState", "candidate", "fingerprint", "newest", "turn_of"]


class CandidateState(TypedDict):
    """One solution as a state holds it."""

    id: str
    """Unique."""
    text: str
    """The solution."""
    answer: str | None
    """The key to vote by; `None` where the solution gives no answer."""
    parents: list[str]
    """The candidates it was made from."""
    round: int
    """0 for a first attempt, one more for every refinement or hint."""
    turn_id: str | None
    """The recorded turn that said it; `None` where nothing records."""
    scorer: str | None
    """Who gave the scores below; `None` without scores."""
    orm: float | None
    """The outcome score, where a scorer gave one."""
    prm: list[float] | None
    """One score a step, where a scorer gave them."""


def candidate(
    text: str, answer: str | None, *, parents: Sequence[str] = (), round: int = 0, turn_id: str | None = None
) -> CandidateState:
    """Make a candidate with a new id and no scores."""
    return CandidateState(
        id=uuid4().hex,
        text=text,
        answer=answer,
        parents=list(parents),
        round=round,
        turn_id=turn_id,
        scorer=None,
        orm=None,
        prm=None,
    )


def newest(candidates: Sequence[CandidateState], text: str) -> CandidateState | None:
    """The latest candidate with exactly this text."""
    return next((each for each in reversed(candidates) if each["text"] == text), None)


def fingerprint(text: str) -> str:
    """A short key for a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def turn_of(lineage: Mapping[str, Any], text: str) -> tuple[str, ...]:
    """The turn that said exactly this text, as parents of the next turn; empty where none did."""
    turn = lineage.get(fingerprint(text))
    return (turn,) if turn else ()
