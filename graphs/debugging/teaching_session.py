"""What a `Session` offers for teaching: a person's word about a turn becomes training rows, with lineage.

Where no turn is named, the one is meant that is looked at: the stop's, else the last one before it. Not covered: how
lessons are kept, and which rows they make (`teaching`, `tutelage.traces.export`).
"""

from collections.abc import Sequence

from tutelage.graphs.debugging import teaching
from tutelage.graphs.debugging.looking import Looking
from tutelage.traces import Turn
from tutelage.traces.lessons import Lesson, lessons

__all__ = ["Teaching"]


class Teaching(Looking):
    """The part of `Session` that teaches."""

    def accept(self, turn_id: str | None = None) -> Lesson:
        """Say that an answer is right.

        Raises:
            UserError: There is no such turn.
        """
        return teaching.accept(self.run_record, self.turn_id(turn_id))

    def reject(self, turn_id: str | None = None) -> Lesson:
        """Say that an answer is wrong.

        Raises:
            UserError: There is no such turn.
        """
        return teaching.reject(self.run_record, self.turn_id(turn_id))

    def correct(self, text: str, turn_id: str | None = None) -> Turn:
        """Say what the answer should have been; give it as a turn, written by a person.

        Raises:
            UserError: There is no such turn, or the text is the answer.
        """
        return teaching.correct(self.run_record, self.turn_id(turn_id), text)

    def rank(self, turn_ids: Sequence[str]) -> Lesson:
        """Order answers to one prompt, the best first.

        Raises:
            UserError: They answer several prompts, or are fewer than two.
        """
        return teaching.rank(self.run_record, turn_ids)

    def label_step(self, step: int, right: bool | None, turn_id: str | None = None) -> Lesson | None:
        """Say whether a step (non-empty line, from 1) of an answer is right; `None` takes it back.

        Raises:
            UserError: There is no such turn or step.
        """
        return teaching.label_step(self.run_record, self.turn_id(turn_id), step, right)

    def teach(self, better: "Teaching | str", *, roles: Sequence[str] | None = None) -> tuple[Lesson, ...]:
        """Say that another branch is better than this one: where they part is a pair, what follows there is right.

        Args:
            better: The better branch's session or name.
            roles: Whose answers are learnt; `None`: everyone's.

        Raises:
            UserError: The other branch says nothing new.
        """
        branch = self.bench.branch(better if isinstance(better, str) else better.branch)
        shared = set(self._said()) & set(self.bench.said_on(branch))
        return teaching.teach(self.run_record, branch.rollout, self.rollout_id, roles=roles, shared=shared)

    def forget(self, turn_id: str | None = None) -> None:
        """Take back what was said of a turn.

        Raises:
            UserError: There is no such turn.
        """
        teaching.forget(self.run_record, self.turn_id(turn_id))

    def lessons(self) -> list[Lesson]:
        """Give what the session teaches so far, on all its branches."""
        return lessons(self.run_record)
