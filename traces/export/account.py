"""The account of an export: how many were kept of how many, and why not more.

`Counts` is what a reader sees; `Tally` collects it while rows go by. Tokens are counted where a format trains
on recorded token ids, so that what is lost can be told: to masks, to rows left out, to drift.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Counts", "Tally", "TokenCounts"]

NAMED = 5
"""Rows named in a report."""


class Counts(NamedTuple):
    """How many were kept, of how many, and how many were left out for which reason."""

    kept: int
    of: int
    dropped: Mapping[str, int]
    noun: str = "turns"

    def __str__(self) -> str:
        """One line: "kept 412 of 2,310 turns, because …"."""
        reasons = [f"{count:,} {reason}" for reason, count in self.dropped.items()]
        because = f", because {', '.join(reasons)}" if reasons else ""
        return f"kept {self.kept:,} of {self.of:,} {self.noun}{because}"


class TokenCounts(NamedTuple):
    """What became of the sampled tokens of all turns that count."""

    sampled: int
    """Recorded with their ids."""
    trained: int
    """In the loss of exactly one row."""
    masked: int
    """In turns that the selection leaves out: read as context, or not at all."""
    dropped: int
    """In rows that were left out: duplicates, limits, held-out tasks."""
    drifted: int
    """Continuations whose prompt is not exactly the earlier prompt and completion: a new row starts there."""
    continuations: int

    @property
    def lost(self) -> int:
        """Selected, in no row that was left out, and yet not trained; 0 unless something is wrong."""
        return self.sampled - self.trained - self.masked - self.dropped

    def __str__(self) -> str:
        """One line."""
        return (
            f"tokens: {self.trained:,} of {self.sampled:,} sampled ones are trained, each once; {self.masked:,} "
            f"masked, {self.dropped:,} in rows left out, {self.lost:,} lost; {self.drifted:,} of "
            f"{self.continuations:,} continuations drifted and start a new row"
        )


@dataclass(slots=True)
class Tally:
    """Counts while an export runs."""

    noun: str = "turns"
    turns: int = 0
    """Turns of rollouts that are not abandoned."""
    selected: int = 0
    rows: int = 0
    """Rows that the format made."""
    kept: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    """Why turns were not selected."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Why rows were left out."""
    notes: Counter[str] = field(default_factory=Counter)
    """What else there is to say, with its number."""
    named: dict[str, list[str]] = field(default_factory=dict)
    """The first rows that a note is about."""
    has_tokens: bool = False
    sampled: int = 0
    trained: int = 0
    masked: int = 0
    left_out: int = 0
    drifted: int = 0
    continuations: int = 0

    def drop(self, reason: str, count: int = 1) -> None:
        """Leave out rows that were made or considered."""
        self.dropped[reason] += count

    def exclude(self, reason: str, count: int = 1) -> None:
        """Leave out turns that had been selected, where a row is not a turn."""
        self.selected -= count
        self.excluded[reason] += count

    def note(self, what: str, row: str) -> None:
        """Count a row that something is to be said about, and name the first ones."""
        self.notes[what] += 1
        rows = self.named.setdefault(what, [])
        if len(rows) < NAMED:
            rows.append(row)

    def selection(self) -> Counts:
        """Which turns were taken."""
        return Counts(self.selected, self.turns, _ordered(self.excluded))

    def counts(self) -> Counts:
        """The account of the rows; where a row is a turn, from all turns to the rows in one."""
        if self.noun == "turns":
            return Counts(self.kept, self.turns, _ordered(self.excluded + self.dropped))
        return Counts(self.kept, self.kept + self.dropped.total(), _ordered(self.dropped), self.noun)

    def tokens(self) -> TokenCounts | None:
        """What became of the tokens; `None` where the format trains on texts."""
        if not self.has_tokens:
            return None
        return TokenCounts(
            self.sampled, self.trained, self.masked, self.left_out, self.drifted, self.continuations
        )

    def report(self) -> str:
        """All of it in a few lines."""
        lines = [str(self.counts())]
        if self.noun != "turns":
            lines.append(f"from {str(self.selection()).removeprefix('kept ')}")
        tokens = self.tokens()
        if tokens is not None:
            lines.append(str(tokens))
        for what, count in self.notes.items():
            rows = self.named.get(what, [])
            more = ", …" if count > len(rows) else ""
            lines.append(f"{count:,} {what}" + (f": {', '.join(rows)}{more}" if rows else ""))
        return "\n".join(lines)


def _ordered(reasons: Counter[str]) -> dict[str, int]:
    return dict(reasons.most_common())
