"""Looking closer from a session: prompts, tokens, costs, lineage, routes, and what sets two branches apart.

Everything is worked out from the record, for this branch and what it shares with its parents. Where no turn is named,
the last one of the branch is meant. Not covered: the state (`standing`).
"""

from pathlib import Path

from tutelage.errors import UserError
from tutelage.graphs.debugging.costs import Cost, costs
from tutelage.graphs.debugging.differences import Difference, compare_rollouts
from tutelage.graphs.debugging.lineage import CandidateParent, ancestors, candidate_parents
from tutelage.graphs.debugging.prompts import PromptView, prompt_view
from tutelage.graphs.debugging.standing import Standing, known_visit
from tutelage.graphs.debugging.tokens import TokenView, token_view
from tutelage.graphs.debugging.view import Route

__all__ = ["Looking"]


class Looking(Standing):
    """The part of `Session` that looks closer."""

    def turn_id(self, turn_id: str | None = None) -> str:
        """Give the turn that is meant: this one, or the last of the branch.

        Raises:
            UserError: The branch has no turn yet.
        """
        if turn_id is not None:
            return turn_id
        said = [turn for visit in self.visits() for turn in visit.turns]
        if not said:
            raise UserError("no model has said anything on this branch yet; name a turn")
        return said[-1]

    def prompt(self, turn_id: str | None = None, *, tokenizer: str | Path | None = None) -> PromptView:
        """Give the exact prompt of a turn: messages, rendered text, token ids, and what it quotes.

        Raises:
            UserError: There is no such turn.
        """
        turn = self.run_record.turn(self.turn_id(turn_id))
        earlier = ancestors(self.run_record, turn.id)
        return prompt_view(turn, tokenizer, tokenizers=self.bench.tokenizers, earlier=earlier)

    def tokens(
        self,
        turn_id: str | None = None,
        *,
        tokenizer: str | Path | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> TokenView:
        """Give the tokens of a turn with their log-probabilities, and the most surprising ones.

        Raises:
            UserError: There is no such turn.
        """
        turn = self.run_record.turn(self.turn_id(turn_id))
        earlier = ancestors(self.run_record, turn.id)
        return token_view(turn, tokenizer, offset, limit, tokenizers=self.bench.tokenizers, earlier=earlier)

    def costs(self) -> list[Cost]:
        """Give what each node and role cost along the path of this branch."""
        turns = [turn for visit in self.visits() for turn in visit.turns]
        return costs(self.run_record, turn_ids=turns)

    def parents(self, candidate_or_turn: str | None = None) -> CandidateParent:
        """Give what a candidate was made from, as a tree.

        Args:
            candidate_or_turn: Its id or its turn's; `None` for the last turn.

        Raises:
            UserError: There is none.
        """
        wanted = candidate_or_turn or self.turn_id()
        for each in self.state.get("candidates") or []:
            if isinstance(each, dict) and each.get("id") == wanted and each.get("turn_id"):
                wanted = each["turn_id"]
        return candidate_parents(self.run_record, wanted)

    def why(self, number: int | None = None) -> Route:
        """Tell why the graph went on as it did after a visit; by default after the latest that led on.

        Raises:
            UserError: There is no such visit, or it has not ended.
        """
        track = self._track
        ended = [each for each in track.visits if each.ended is not None]
        if number is None:
            ended = [each for each in ended if each.key in track.routes] or ended
            if not ended:
                raise UserError("no visit has ended yet, so nothing was decided")
            visit = max(ended, key=lambda each: each.ended or 0)
        else:
            visit = known_visit(track, number)
            if visit.ended is None:
                raise UserError(f"visit {number} ({visit.node}) has not ended, so nothing was decided")
        return self.bench.shape.route(visit.number, visit.within, visit.node, track.routes.get(visit.key, ()))

    def edges(self) -> dict[str, list[tuple[str, bool]]]:
        """Give the graph: for every node, inner ones as "outer/inner", where it leads, and whether a router decides.

        Of a router that does not say beforehand where it may lead, the places are given to which it has led; "?" is
        somewhere that is not known yet, "__end__" the end.
        """
        return self.bench.shape.edges(self._led())

    def starts(self) -> dict[str, list[tuple[str, bool]]]:
        """Give the same of the starts of the graph and of its subgraphs: "__start__" and "outer/__start__"."""
        return self.bench.shape.starts(self._led())

    def _led(self) -> dict[tuple[tuple[str, ...], str], list[str]]:
        """Where routers led so far."""
        seen: dict[tuple[tuple[str, ...], str], list[str]] = {}
        for within, node, decision in self._track.decisions():
            seen.setdefault((within, node), []).extend(decision["targets"])
        return seen

    def diff(self, other: "Looking") -> Difference:
        """Tell what sets another branch apart from this one: state, texts and scores, and where they part."""
        return compare_rollouts(
            self.run_record,
            self.rollout_id,
            other.rollout_id,
            states=(self._whole_state(), other._whole_state()),
            paths=(self._said(), other._said()),
        )

    def _said(self) -> list[str]:
        return [turn for visit in self.visits() for turn in visit.turns]
