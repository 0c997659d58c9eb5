"""Teaching: what a person, or a teacher, says of a turn becomes training data in one action.

Each function is one transaction on a run that is open for writing, a live session's own or that of `Lessons`; of what
is said of the same thing the latest counts, and `forget` takes it back. `Run.export(…, taught=True)` gives the rows.
Not covered: how lessons are kept (`tutelage.traces.lessons`), and whether what is said is true.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

from tutelage.errors import UserError
from tutelage.graphs.debugging.branch_parting import asked, parting, said
from tutelage.graphs.debugging.completion_ids import Encode, encoded
from tutelage.graphs.debugging.corrections import (
    UNSAID,
    candidate_of,
    corrected,
    correction,
    withdraw,
    withdraw_corrections,
)
from tutelage.tools import steps
from tutelage.traces import Run, Store, Turn
from tutelage.traces.lesson_writing import LessonWriter, write_lessons
from tutelage.traces.lessons import Label, Lesson, LessonKind, Preference, Who, lessons

__all__ = [
    "Lesson",
    "Lessons",
    "Who",
    "accept",
    "correct",
    "forget",
    "label_step",
    "label_steps",
    "lessons",
    "rank",
    "reject",
    "teach",
]


def accept(run: Run, turn_id: str, *, who: Who = "person") -> Lesson:
    """Say that an answer is right: a row to imitate, and a thumb up.

    Raises:
        UserError: There is no such turn, it holds an error, or it is a correction.
        StoreError: The run cannot be written.
    """
    return _label(run, turn_id, True, who)


def reject(run: Run, turn_id: str, *, who: Who = "person") -> Lesson:
    """Say that an answer is wrong: a thumb down. Raises what `accept` raises."""
    return _label(run, turn_id, False, who)


def _label(run: Run, turn_id: str, right: bool, who: Who) -> Lesson:
    turn = _answer(run, turn_id)
    if corrected(turn) is not None:
        raise UserError(f"turn {turn_id!r} is a correction, which counts as right; forget takes it back")
    kind: LessonKind = "accept" if right else "reject"
    _known(who)
    write_lessons(run, lambda writer: writer.label(turn_id, Label(right, kind, who), who))
    return _lesson(run, turn_id, kind)


def correct(
    run: Run, turn_id: str, text: str, *, who: Who = "person", tokenizer: Encode | str | Path | None = None
) -> Turn:
    """Say what should have been said: a row to imitate, a pair with what was said, and a thumb for both.

    A later correction of the same turn, or of its correction, takes the place of an earlier one.

    Args:
        run: The run, open for writing.
        turn_id: The turn that is wrong.
        text: What it should have said.
        who: Writes it.
        tokenizer: What gives its token ids: a model's directory, or a function of the text; `None`: it has none.

    Returns:
        The new turn, on the same prompt; it has no log-probabilities.

    Raises:
        UserError: There is no such turn, or the text is empty or what the turn says.
        StoreError: The run cannot be written.
    """
    turn = run.turn(corrected(run.turn(turn_id)) or turn_id)
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"the correction of turn {turn.id!r} is empty; give the text that is right")
    if text == turn.completion and not turn.tool_calls and turn.error is None:
        raise UserError(f"the correction of turn {turn.id!r} is what it says; accept it instead")
    _known(who)
    made = correction(turn, text, who, None if tokenizer is None else encoded(text, turn, tokenizer))
    rollout, candidate = run.rollout(turn.rollout_id), candidate_of(run, turn, made)

    def action(writer: LessonWriter) -> None:
        withdraw_corrections(writer, turn.id, who)
        writer.correction(rollout, made, candidate)
        writer.label(made.id, Label(True, "correct", who, turn=turn.id), who)
        if turn.error is None:
            writer.prefer(made.id, turn.id, Preference("correct", who))
            writer.label(turn.id, Label(False, "corrected", who, turn=made.id), who)

    write_lessons(run, action)
    return made


def rank(run: Run, turn_ids: Sequence[str], *, who: Who = "person") -> Lesson:
    """Say which of several answers to one prompt are better: pairs.

    Args:
        run: The run, open for writing.
        turn_ids: The best first.
        who: Says so.

    Raises:
        UserError: They are fewer than two, say the same, are of several prompts or tasks, or one holds an error.
        StoreError: The run cannot be written.
    """
    turns = [_answer(run, turn_id) for turn_id in turn_ids]
    if len(turns) < 2 or len({turn.id for turn in turns}) < len(turns):
        raise UserError("a ranking needs at least two turns, each once, the best first")
    for turn in turns[1:]:
        if asked(turn) != asked(turns[0]):
            raise UserError(
                f"turns {turns[0].id!r} and {turn.id!r} do not answer the same prompt in the same role; "
                "rank answers to one prompt, or teach with two branches"
            )
    _one_task(run, [turn.rollout_id for turn in turns])
    others = [pair for pair in combinations(turns, 2) if said(pair[0]) != said(pair[1])]
    if not others:
        raise UserError("these turns all say the same; a ranking needs answers that differ")
    _known(who)

    def action(writer: LessonWriter) -> None:
        for better, worse in others:
            writer.prefer(better.id, worse.id, Preference("rank", who))

    write_lessons(run, action)
    return _lesson(run, others[0][0].id, "rank")


def label_step(
    run: Run, turn_id: str, step: int, right: bool | None, *, who: Who = "person"
) -> Lesson | None:
    """Say whether a step of an answer is right; see `label_steps`."""
    return label_steps(run, turn_id, {step: right}, who=who)


def label_steps(
    run: Run, turn_id: str, labels: Mapping[int, bool | None], *, who: Who = "person"
) -> Lesson | None:
    """Say whether steps of an answer are right: a row for a process reward model.

    Args:
        run: The run, open for writing.
        turn_id: The answer.
        labels: By the number of a line that is not empty, from 1, whether it is right; `None` takes back what was said
            of it.
        who: Says so.

    Returns:
        All that counts of the answer's steps; `None` where nothing is left.

    Raises:
        UserError: There is no such turn or step, or the turn holds an error.
        StoreError: The run cannot be written.
    """
    count = len(steps(_answer(run, turn_id).completion))
    for step in labels:
        if not 1 <= step <= count:
            raise UserError(
                f"turn {turn_id!r} has {count} steps (lines that are not empty), and no step {step}"
            )
    _known(who)

    def action(writer: LessonWriter) -> None:
        known = list(writer.note(turn_id).steps) or [UNSAID] * count
        for step, right in labels.items():
            known[step - 1] = UNSAID if right is None else float(right)
        writer.steps(turn_id, known, who)

    write_lessons(run, action)
    return next((each for each in lessons(run, [turn_id]) if each.kind == "step"), None)


def teach(
    run: Run,
    better: str,
    worse: str,
    *,
    roles: Sequence[str] | None = None,
    who: Who = "person",
    shared: Collection[str] = (),
) -> tuple[Lesson, ...]:
    """Say that one branch of a task is better than another.

    Where the two part, at answers of one role, they are a pair, and what the better branch says from there on is right.
    Where the prompts differ, too, since a person changed one or gave a hint, the better answer is learnt on
    the prompt of the other one, which is what the model will read. Of two branches that were taught both ways the
    later word counts.

    Args:
        run: The run, open for writing.
        better: The id of the better branch's rollout.
        worse: The id of the other one's.
        roles: Whose answers are learnt; `None`: everyone's.
        who: Says so.
        shared: Turns that are known to lie on both branches.

    Raises:
        UserError: There is no such rollout, they are of several tasks, or the better one says nothing new by these roles.
        StoreError: The run cannot be written.
    """
    _one_task(run, [better, worse])
    found = parting(run, better, worse, shared)
    learnt = [turn for turn in found.after if turn.error is None and (roles is None or turn.role in roles)]
    if not learnt:
        raise UserError(
            f"rollout {better!r} says nothing that {worse!r} does not say"
            + ("" if roles is None else f", by {' or '.join(roles)}")
        )
    _known(who)
    ours, theirs = found.ours, found.theirs
    prompt = None if found.same_prompt or theirs is None else theirs.id
    others = [turn.id for turn in parting(run, worse, better, shared).after]
    contrary = [each.turn_id for each in lessons(run, others) if each.kind == "teach"]

    def action(writer: LessonWriter) -> None:
        for turn_id in contrary:
            withdraw(writer, turn_id, who)
        for turn in learnt:
            asked_by = prompt if ours is not None and turn.id == ours.id else None
            writer.label(turn.id, Label(True, "teach", who, prompt=asked_by), who)
        if ours in learnt and theirs is not None and theirs.error is None:
            writer.prefer(ours.id, theirs.id, Preference("teach", who, prompt))

    write_lessons(run, action)
    return tuple(each for each in lessons(run, [turn.id for turn in learnt]) if each.kind == "teach")


def forget(run: Run, turn_id: str, *, who: Who = "person") -> None:
    """Take back all that was said of a turn: its label, its steps, its rankings and its corrections.

    Raises:
        UserError: There is no such turn.
        StoreError: The run cannot be written.
    """
    turn = run.turn(turn_id)
    _known(who)

    def action(writer: LessonWriter) -> None:
        withdraw_corrections(writer, turn.id, who)
        original = corrected(turn)
        label = None if original is None else writer.note(original).label
        if original is not None and label is not None and label.turn == turn.id:
            writer.label(original, None, who)
        withdraw(writer, turn.id, who)
        for other in writer.naming(turn.id):
            over = writer.note(other).over
            if turn.id in over:
                writer.over(other, {name: each for name, each in over.items() if name != turn.id}, who)

    write_lessons(run, action)


class Lessons:
    """A recorded run, open for teaching; nobody else may be writing it."""

    def __init__(self, run: str | Path) -> None:
        """Open a run's directory.

        Raises:
            StoreError: There is no run, another process writes it, or it cannot be written.
        """
        store = Store.open(run, create=False)
        try:
            self.run = store.run()
        except BaseException:
            store.close()
            raise

    def accept(self, turn_id: str, *, who: Who = "person") -> Lesson:
        """See `accept`."""
        return accept(self.run, turn_id, who=who)

    def reject(self, turn_id: str, *, who: Who = "person") -> Lesson:
        """See `reject`."""
        return reject(self.run, turn_id, who=who)

    def correct(
        self, turn_id: str, text: str, *, who: Who = "person", tokenizer: Encode | str | Path | None = None
    ) -> Turn:
        """See `correct`."""
        return correct(self.run, turn_id, text, who=who, tokenizer=tokenizer)

    def rank(self, turn_ids: Sequence[str], *, who: Who = "person") -> Lesson:
        """See `rank`."""
        return rank(self.run, turn_ids, who=who)

    def label_step(
        self, turn_id: str, step: int, right: bool | None, *, who: Who = "person"
    ) -> Lesson | None:
        """See `label_step`."""
        return label_step(self.run, turn_id, step, right, who=who)

    def label_steps(
        self, turn_id: str, labels: Mapping[int, bool | None], *, who: Who = "person"
    ) -> Lesson | None:
        """See `label_steps`."""
        return label_steps(self.run, turn_id, labels, who=who)

    def teach(
        self, better: str, worse: str, *, roles: Sequence[str] | None = None, who: Who = "person"
    ) -> tuple[Lesson, ...]:
        """See `teach`."""
        return teach(self.run, better, worse, roles=roles, who=who)

    def forget(self, turn_id: str, *, who: Who = "person") -> None:
        """See `forget`."""
        forget(self.run, turn_id, who=who)

    def lessons(self) -> list[Lesson]:
        """Give what was said and counts, in the order in which it was said."""
        return lessons(self.run)

    def close(self) -> None:
        """Let others write; harmless when done twice."""
        self.run.close()

    def __enter__(self) -> Self:
        """Give the lessons themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the run."""
        self.close()


def _answer(run: Run, turn_id: str) -> Turn:
    turn = run.turn(turn_id)
    if turn.error is not None:
        raise UserError(f"turn {turn_id!r} holds an error and no answer; correct it instead")
    return turn


def _known(who: str) -> None:
    if who not in get_args(Who):
        raise UserError(f"who={who!r}: lessons are given by {' or '.join(get_args(Who))}")


def _one_task(run: Run, rollout_ids: Sequence[str]) -> None:
    tasks = {run.rollout(each).task.id for each in dict.fromkeys(rollout_ids)}
    if len(tasks) > 1:
        raise UserError(
            f"these are of several tasks ({', '.join(map(repr, sorted(tasks)))}); compare within one"
        )


def _lesson(run: Run, turn_id: str, kind: LessonKind) -> Lesson:
    return next(each for each in lessons(run, [turn_id]) if each.kind == kind)
