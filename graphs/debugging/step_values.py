"""The Monte Carlo value of every step of an answer: how often a model that goes on from there gets it right.

As in Math-Shepherd (Wang et al., 2024, "soft estimation"), with the very tokens that were sampled: the answer is cut
after each step (a non-empty line), continued n times by the same model, and the graph runs to its end. The values are
recorded as step scores of the turn. Not covered: engines that cannot go on from the beginning of an answer, answers
that are not the first of their node.
"""

from typing import Any

from tutelage.errors import UserError
from tutelage.graphs.debugging.branching import MONTE_CARLO, Branching
from tutelage.graphs.debugging.forking import point
from tutelage.graphs.debugging.looking import Looking
from tutelage.graphs.debugging.resampling import Spread
from tutelage.graphs.debugging.tokens import spelling_of
from tutelage.traces import Turn
from tutelage.types import Data, Score

__all__ = ["StepValue", "StepValuing"]


class StepValue(Data):
    """A step with what came of going on after it."""

    step: int
    """From 1."""
    text: str
    tokens: int
    """How many tokens of the answer lead up to its end."""
    spread: Spread


class StepValuing(Branching, Looking):
    """The part of `Session` that values steps."""

    def step_values(self, n: int = 8, *, turn_id: str | None = None) -> list[StepValue]:
        """Estimate the value of every step of an answer, and record them as its step scores "monte_carlo".

        Args:
            n: Continuations a step.
            turn_id: The turn; `None` for the last of the branch.

        Raises:
            UserError: The turn has no tokens on record or none can be spelled, is not the first answer of its node, or
                nobody judges the ends.
        """
        if self.bench.verifier is None:
            raise UserError("step values need a verifier that judges the ends: debug(…, verifier=…)")
        turn = self.run_record.turn(self.turn_id(turn_id))
        visit = next((each for each in self.visits() if turn.id in each.turns), None)
        if visit is None or visit.turns[0] != turn.id:
            raise UserError(f"turn {turn.id!r} is not the first answer of a node on this branch")
        if turn.metadata.get("edited") or turn.author is not None or self._track.rules:
            raise UserError(
                f"a person changed what turn {turn.id!r} was asked or said; such an answer has no values"
            )
        where = point(self._track, (visit.number, "prompt"))
        found: list[StepValue] = []
        for number, (text, count) in enumerate(self._ends(turn), 1):
            edit = {"sampling": None, "begun": _beginning(turn, text, count)}
            group = self._free_name(f"step-{number}", "/1")
            spread = self._samples(n, where, edit, {}, group)
            if spread.wanted is not None:
                raise UserError(
                    f"stopped at step {number}; the values of a turn are recorded only when all are known"
                )
            line = text.rstrip().rsplit("\n", 1)[-1]
            found.append(StepValue(step=number, text=line, tokens=count, spread=spread))
        values = tuple(each.spread.mean or 0.0 for each in found)
        score = Score(name=MONTE_CARLO, value=values[-1], steps=values)
        self.run_record.score(turn.rollout_id, score, subject="turn", subject_id=turn.id)
        return found

    def _ends(self, turn: Turn) -> list[tuple[str, int]]:
        """The answer up to the end of each step, with the number of its tokens."""
        spelling, why = spelling_of(turn, None, self.bench.tokenizers)
        if turn.completion_token_ids is None or turn.logprobs is None or spelling is None:
            raise UserError(
                f"the tokens of turn {turn.id!r} cannot be cut: {why or 'they are not on record'}"
            )
        pieces = spelling.texts(turn.completion_token_ids)
        ends: list[tuple[str, int]] = []
        text, line, last = "", "", 0
        for count, piece in enumerate(pieces, 1):
            if not turn.completion.startswith(text + piece):
                break
            if piece.startswith("\n") and line.strip():
                ends.append((text, last))
                line = ""
            text, line, last = text + piece, line + piece, count
            if "\n" in piece.lstrip("\n") and line.strip():
                ends.append((text, count))
                line = ""
        if line.strip():
            ends.append((text, last))
        if not ends:
            raise UserError(f"turn {turn.id!r} has no steps")
        return ends


def _beginning(turn: Turn, text: str, count: int) -> dict[str, Any]:
    ids, logprobs = turn.completion_token_ids or (), turn.logprobs or ()
    return {"text": text, "ids": list(ids[:count]), "logprobs": list(logprobs[:count])}
