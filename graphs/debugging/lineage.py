"""What led to a turn or a candidate: its ancestors, the tree of its parents, and which tokens of a prompt they said.

Parents may be turns and candidates of other rollouts of the same run, as the branches of a session are recorded;
abandoned ones, too. What a damaged record names and does not have is left out. Not covered: why a graph went from one
to the next.
"""

from collections.abc import Iterable, Sequence

from tutelage.errors import UserError
from tutelage.traces import Candidate, Run, Turn
from tutelage.types import Data, Score

__all__ = [
    "CandidateParent",
    "Family",
    "TokenSpan",
    "ancestors",
    "candidate_parents",
    "path_of",
    "token_spans",
]

DEEPEST = 200
"""Levels of a tree."""


class CandidateParent(Data):
    """A solution with the solutions that it was made from."""

    candidate_id: str | None
    """`None` for what a turn said without a candidate on record."""
    turn_id: str | None
    """Who wrote it; `None` where no turn did."""
    rollout_id: str
    role: str | None = None
    node: str | None = None
    author: str | None = None
    text: str
    answer: str | None = None
    round: int | None = None
    scores: tuple[Score, ...] = ()
    """Of the candidate and of its turn; of one name and subject the latest."""
    parents: "tuple[CandidateParent, ...]" = ()
    cut: bool = False
    """Its parents are left out: they stand elsewhere in the tree already, or it would be too deep."""


class TokenSpan(Data):
    """Tokens of a prompt that an earlier turn wrote, id by id."""

    start: int
    end: int
    turn_id: str
    role: str
    author: str | None = None


class Family:
    """The turns, candidates and scores of a run, a rollout at a time as they are asked for."""

    def __init__(self, run: Run) -> None:
        """Read nothing yet."""
        self._run = run
        self._read: set[str] = set()
        self._turns: dict[str, Turn] = {}
        self._candidates: dict[str, Candidate] = {}
        self._written: dict[str, list[str]] = {}
        self._scores: dict[tuple[str, str], Score] = {}
        self._missing: set[str] = set()
        """Ids of turns that are named and not on record."""
        self._unknown: set[str] = set()
        """The same of candidates."""

    def turn(self, turn_id: str) -> Turn | None:
        """Give a turn, with all of its rollout read."""
        if turn_id not in self._turns and turn_id not in self._missing:
            try:
                self.read(self._run.turn(turn_id).rollout_id)
            except UserError:
                self._missing.add(turn_id)
        return self._turns.get(turn_id)

    def candidate(self, candidate_id: str) -> Candidate | None:
        """Give a candidate, with all of its rollout read."""
        if candidate_id not in self._candidates and candidate_id not in self._unknown:
            try:
                self.read(self._run.candidate(candidate_id).rollout_id)
            except UserError:
                self._unknown.add(candidate_id)
        return self._candidates.get(candidate_id)

    def written(self, turn_id: str) -> list[Candidate]:
        """Give the candidates that a turn wrote, of the rollouts read so far."""
        return [self._candidates[each] for each in self._written.get(turn_id, ())]

    def scores(self, *subjects: str | None) -> tuple[Score, ...]:
        """Give the scores of some subjects."""
        return tuple(score for (subject, _), score in self._scores.items() if subject in subjects)

    def parents(self, turn: Turn) -> list[Turn]:
        """Give the turns that a turn builds on."""
        return [found for each in turn.parents if (found := self.turn(each)) is not None]

    def ancestors(self, turn: Turn) -> tuple[Turn, ...]:
        """Give every turn that led to a turn, in the order in which they were recorded."""
        found = self.leading_to([turn])
        found.pop(turn.id, None)
        return tuple(sorted(found.values(), key=lambda each: each.id))

    def leading_to(self, turns: Iterable[Turn]) -> dict[str, Turn]:
        """Give every turn that led to any of these, by id."""
        found: dict[str, Turn] = {}
        waiting = [parent for turn in turns for parent in self.parents(turn)]
        while waiting:
            each = waiting.pop()
            if each.id not in found:
                found[each.id] = each
                waiting += self.parents(each)
        return found

    def read(self, rollout_id: str) -> None:
        """Read a rollout."""
        if rollout_id in self._read:
            return
        self._read.add(rollout_id)
        self._turns.update((turn.id, turn) for turn in self._run.turns(rollout_id))
        for each in self._run.candidates(rollout_id):
            self._candidates[each.id] = each
            if each.turn_id is not None:
                self._written.setdefault(each.turn_id, []).append(each.id)
        for row in self._run.scores(rollout_id):
            self._scores[row.subject_id, row.score.name] = row.score


def ancestors(run: Run, turn_id: str) -> tuple[Turn, ...]:
    """Give every turn that led to a turn, the first one first, whichever rollouts of the run recorded them.

    Raises:
        UserError: There is no such turn.
    """
    return Family(run).ancestors(run.turn(turn_id))


def path_of(run: Run, rollout_id: str) -> tuple[Turn, ...]:
    """Give a rollout's turns after those of other rollouts that led to them: what a branch said from its beginning.

    Raises:
        UserError: There is no such rollout.
    """
    own = run.turns(rollout_id)
    before = [each for each in Family(run).leading_to(own).values() if each.rollout_id != rollout_id]
    return (*sorted(before, key=lambda each: each.id), *own)


def candidate_parents(run: Run, candidate_or_turn_id: str) -> CandidateParent:
    """Give a candidate with the tree of those that it was made from.

    While a rollout runs its candidates may not be on record yet; then the tree is one of turns.

    Args:
        run: The run.
        candidate_or_turn_id: A candidate's id, or that of the turn that wrote it (of several in its rollout the latest).

    Raises:
        UserError: There is neither a candidate nor a turn of this id.
    """
    family = Family(run)
    turn = family.turn(candidate_or_turn_id)
    if turn is not None:
        return _tree(family, next(reversed(family.written(turn.id)), turn), set(), 0)
    start = family.candidate(candidate_or_turn_id)
    if start is None:
        raise UserError(f"run {run.name!r} has no candidate or turn {candidate_or_turn_id!r}")
    return _tree(family, start, set(), 0)


def _tree(family: Family, start: Candidate | Turn, seen: set[str], depth: int) -> CandidateParent:
    """The tree of a candidate, or of a turn that wrote none."""
    candidate = start if isinstance(start, Candidate) else None
    turn = start if isinstance(start, Turn) else family.turn(start.turn_id or "")
    above = _above(family, candidate, turn)
    cut = bool(above) and (start.id in seen or depth >= DEEPEST)
    seen.add(start.id)
    return CandidateParent(
        candidate_id=None if candidate is None else candidate.id,
        turn_id=start.id if candidate is None else candidate.turn_id,
        rollout_id=start.rollout_id,
        role=None if turn is None else turn.role,
        node=None if turn is None else turn.node,
        author=None if turn is None else turn.author,
        text=start.text if isinstance(start, Candidate) else start.completion,
        answer=None if candidate is None else candidate.answer,
        round=None if candidate is None else candidate.round,
        scores=family.scores(*(each.id for each in (candidate, turn) if each is not None)),
        parents=() if cut else tuple(_tree(family, each, seen, depth + 1) for each in above),
        cut=cut,
    )


def _above(family: Family, candidate: Candidate | None, turn: Turn | None) -> Sequence[Candidate | Turn]:
    """A candidate's recorded parents; for a turn without one, the turns that it builds on."""
    if candidate is not None:
        return [found for each in candidate.parents if (found := family.candidate(each)) is not None]
    return [] if turn is None else family.parents(turn)


def token_spans(turn: Turn, earlier: Iterable[Turn]) -> tuple[TokenSpan, ...]:
    """Find the tokens of a turn's prompt that earlier turns wrote: those whose whole sequence the prompt begins with."""
    prompt = turn.prompt_token_ids
    if prompt is None:
        return ()
    found: dict[int, TokenSpan] = {}
    for each in earlier:
        read, said = each.prompt_token_ids, each.completion_token_ids
        if read is None or not said or len(read) + len(said) > len(prompt):
            continue
        start, end = len(read), len(read) + len(said)
        if prompt[start:end] == said and prompt[:start] == read:
            found[start] = TokenSpan(
                start=start, end=end, turn_id=each.id, role=each.role, author=each.author
            )
    return tuple(found[start] for start in sorted(found))
