"""Rows of recorded token ids: branches, or single turns in another context, with a mask by author.

A token's author is the role that sampled it; what a template or the environment wrote has none. Trained are
the sampled tokens of selected turns, each in one row; everything else is read as context. With another
training context than the recorded one every turn is a row: the ids of that context, and then the sampled ones.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tutelage.errors import UserError
from tutelage.traces.export.branches import WIDTH, Branch, Piece, branches, drift
from tutelage.traces.export.context import context_ids, context_name, training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Job
from tutelage.traces.export.reading import Survey
from tutelage.traces.export.story import Story, TurnView
from tutelage.traces.export.taught import Taught
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["TokenRow", "labels", "refuse_without_tokens", "spread", "token_rows", "written_by_hand"]


class TokenRow(NamedTuple):
    """A row of token ids."""

    story: Story
    ids: bytes
    """int32: the context of the first sampled token, and all that follows."""
    prompt: int
    """Tokens before the first sampled one."""
    mask: bytes
    """One byte a token: 1 where it is trained."""
    pieces: Sequence[Piece]
    """All that was sampled."""
    trained: Sequence[Piece]
    """What is trained; never empty."""
    context: str
    messages: tuple[Message, ...]
    """The first prompt."""
    lesson: Taught | None = None
    """What was said of the row's turn, where lessons are exported."""

    @property
    def turn(self) -> TurnView:
        """The turn whose lineage the row carries: the last one that is trained."""
        return self.trained[-1].turn

    def draft(self, values: tuple[Any, ...], label: object = None) -> Draft:
        """Make a row of a format."""
        return Draft(
            self.story,
            self.turn,
            values,
            self.messages,
            tuple(piece.turn.completion for piece in self.pieces),
            self.context,
            key=(self.ids, self.mask),
            label=label,
            tokens=sum(piece.end - piece.start for piece in self.trained),
            lesson=self.lesson,
        )


def token_rows(story: Story, job: Job, train_on: Sequence[str] | None = None) -> Iterator[TokenRow]:
    """Give the rows of a story, and account for every sampled token.

    Args:
        story: What was recorded of a task.
        job: Whose settings choose the turns.
        train_on: Roles whose tokens are trained; `None`: of all selected turns.
    """
    chosen = {
        example.turn.id: example
        for example in job.examples(story)
        if train_on is None or example.turn.speaker.role in train_on
    }
    return chosen_rows(story, job, chosen)


def chosen_rows(story: Story, job: Job, chosen: dict[str, Example]) -> Iterator[TokenRow]:
    """The same for turns that are chosen already."""
    _count(story, job, chosen)
    if job.settings.context != "recorded":
        yield from _single(job, chosen)
        return
    apart = {name: each for name, each in chosen.items() if _apart(each)}
    chosen = {name: each for name, each in chosen.items() if name not in apart}
    by_rollout: dict[str, list[TurnView]] = {}
    for turn in story.turns:
        by_rollout.setdefault(turn.rollout.id, []).append(turn)
    for turns in by_rollout.values():
        for branch in branches(turns):
            row = _row(story, branch, chosen)
            if row is not None:
                yield row
        found = drift(turns)
        job.tally.continuations += found.continuations
        job.tally.drifted += found.drifted
    yield from _single(job, apart)


def labels(ids: bytes, mask: bytes) -> bytes:
    """Give ids with -100 where nothing is trained; int32."""
    kept = np.frombuffer(mask, np.int8) == 1
    return np.where(kept, np.frombuffer(ids, "<i4"), np.int32(-100)).astype("<i4").tobytes()


def spread(row: TokenRow, value: Callable[[Piece], bytes]) -> bytes:
    """Give four bytes a token after the prompt: a piece's value where it is trained, zeros elsewhere."""
    found = bytearray(len(row.ids) - row.prompt * WIDTH)
    for piece in row.trained:
        start, end = ((at - row.prompt) * WIDTH for at in (piece.start, piece.end))
        found[start:end] = value(piece)
    return bytes(found)


def written_by_hand(row: TokenRow) -> bytes:
    """Give one byte a token: 1 where nobody sampled it, but a person or a program wrote it."""
    found = bytearray(len(row.mask))
    for piece in row.pieces:
        if piece.turn.speaker.author is not None:
            found[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
    return bytes(found)


def refuse_without_tokens(what: str, survey: Survey, run: Run) -> None:
    """Raise where no turn has token ids."""
    if not survey.tokens:
        raise UserError(
            f"{what} needs the token ids that were sampled, and run {run.name!r} has none: its server gave none "
            "(ask vLLM for them, or record with an engine of ours)"
        )


def _row(story: Story, branch: Branch, chosen: dict[str, Example]) -> TokenRow | None:
    trained = [piece for piece in branch.pieces if piece.fresh and piece.turn.id in chosen]
    if not trained:
        return None
    mask = bytearray(len(branch.ids) // WIDTH)
    for piece in trained:
        mask[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
    prompt, lesson = branch.pieces[0].turn.prompt, chosen[trained[-1].turn.id].lesson
    return TokenRow(
        story, branch.ids, branch.prompt, bytes(mask), branch.pieces, trained, "recorded", prompt, lesson
    )


def _single(job: Job, chosen: dict[str, Example]) -> Iterator[TokenRow]:
    for example in chosen.values():
        turn = example.turn
        if turn.completion_ids is None:
            continue
        messages = training_context(example, job.settings)
        read = context_ids(example, messages, job.settings)
        if read is None and job.templates is not None:
            read = job.templates.of(turn).prompt(messages, turn.speaker.tools)
            job.tally.notes[
                "rows have a prompt that no model read, rendered by the tokenizer's template"
            ] += 1
        if read is None:
            job.tally.drop("have a context without recorded ids (tokenizer=… renders it)")
            job.tally.left_out += len(turn.completion_ids) // WIDTH
            continue
        start, count = len(read) // WIDTH, len(turn.completion_ids) // WIDTH
        piece = Piece(turn, start, start + count, True)
        mask = bytes(start) + b"\1" * count
        name = context_name(example, messages, job.settings)
        ids, pieces = read + turn.completion_ids, (piece,)
        yield TokenRow(example.story, ids, start, mask, pieces, pieces, name, messages, example.lesson)


def _apart(example: Example) -> bool:
    """Whether a completion was taught for the prompt of another turn, and so is in no branch."""
    return example.lesson is not None and example.lesson.asked is not None


def _count(story: Story, job: Job, chosen: dict[str, Example]) -> None:
    """Count the sampled tokens, and the turns that have none of their ids."""
    tally = job.tally
    alone = job.settings.context != "recorded"
    for turn in story.turns:
        count = len(turn.completion_ids or b"") // WIDTH
        tally.sampled += count
        if turn.id not in chosen:
            tally.masked += count
        elif turn.completion_ids is None or (
            turn.prompt_ids is None and not alone and not _apart(chosen[turn.id])
        ):
            tally.exclude("have no token ids")
            tally.left_out += count
