"""`distill`: recorded tokens with a teacher's likeliest ones, for distillation without a teacher at hand.

Rows are those of `sft` with `form="tokens"`: `input_ids` and `completion_mask` over the whole row, the same ids cut
in two, `prompt_ids` and `completion_ids`, and `prompt`, the messages that were read first. Over the tokens after the
prompt there are `teacher_ids` and `teacher_logprobs`, the teacher's `top_k` likeliest tokens at every one of them,
likeliest first, and their log-probabilities (nats). With `teacher_context="recorded"` the teacher reads the recorded
prompt, with its hints and reviews, whatever the student's training context is. A teacher is asked for rows that are
kept only.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from tutelage.errors import UserError
from tutelage.traces.export.branches import WIDTH
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings, Names
from tutelage.traces.export.story import Story
from tutelage.traces.export.token_rows import refuse_without_tokens, token_rows
from tutelage.traces.export.trl_messages import for_trl
from tutelage.traces.run import Run

__all__ = ["DISTILL", "DistillSettings", "Scorer"]

Pair = tuple[Sequence[int], Sequence[int]]
TopK = tuple[Sequence[Sequence[int]], Sequence[Sequence[float]]]
"""For every completion token the ids of the likeliest tokens, likeliest first, and their log-probabilities."""


@runtime_checkable
class Scorer(Protocol):
    """A teacher that scores pairs of prompt and completion ids, like `tutelage.agents.TokenScorer`."""

    def top_k_of(self, pairs: Sequence[Pair], k: int) -> Sequence[TopK]:
        """Give the k likeliest tokens where each completion has one."""


class DistillSettings(ExportSettings):
    """The options of `distill`."""

    teacher: Scorer | Callable[[Sequence[Pair]], Sequence[TopK]] | None = None
    """A `Scorer`, or a function of pairs of prompt and completion ids that gives the same. Needed."""
    top_k: Annotated[int, Field(gt=0)] = 8
    """How many tokens a `Scorer` is asked for."""
    passed: bool | None = True
    train_on: Names | None = None
    """Only tokens of these roles are trained; `None`: of all selected turns."""
    teacher_context: Literal["training", "recorded"] = "training"
    """The prompt that the teacher reads."""


def columns(settings: DistillSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns."""
    return (
        Column("prompt", Kind.MESSAGES),
        Column("input_ids", Kind.TOKENS),
        Column("completion_mask", Kind.MASK),
        Column("prompt_ids", Kind.TOKENS),
        Column("completion_ids", Kind.TOKENS),
        Column("teacher_ids", Kind.TOKEN_TABLE),
        Column("teacher_logprobs", Kind.FLOAT_TABLE),
    )


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give the rows, without what the teacher says of them."""
    for row in token_rows(story, job, job.settings.train_on):
        cut = row.prompt * WIDTH
        yield row.draft((for_trl(row.messages), row.ids, row.mask, row.ids[:cut], row.ids[cut:]))


def finish(drafts: Sequence[Draft], job: Job) -> list[Draft]:
    """Ask the teacher about rows that are kept."""
    pairs = [_pair(draft, job.settings) for draft in drafts]
    answers = list(_ask(job.settings, pairs))
    if len(answers) != len(pairs):
        raise UserError(f"the teacher gave {len(answers)} answers for {len(pairs)} completions")
    return [
        draft._replace(values=(*draft.values, *_tables(answer, len(said))))
        for draft, answer, (_, said) in zip(drafts, answers, pairs, strict=True)
    ]


def _pair(draft: Draft, settings: DistillSettings) -> Pair:
    *_, prompt, completion = draft.values
    recorded = None if draft.turn is None else draft.turn.prompt_ids
    if settings.teacher_context == "recorded" and settings.context != "recorded" and recorded is not None:
        prompt = recorded
    return array("i", prompt).tolist(), array("i", completion).tolist()


def _ask(settings: DistillSettings, pairs: Sequence[Pair]) -> Sequence[TopK]:
    if isinstance(settings.teacher, Scorer):
        return settings.teacher.top_k_of(pairs, settings.top_k)
    assert settings.teacher is not None
    return settings.teacher(pairs)


def _tables(answer: TopK, tokens: int) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    ids, logprobs = answer
    width = len(ids[0]) if ids else 1
    if {len(ids), len(logprobs)} != {tokens} or {len(each) for each in (*ids, *logprobs)} - {width}:
        raise UserError(
            "a teacher gives equally many ids and log-probabilities for every completion token; "
            f"this one gave {len(ids)} and {len(logprobs)} lists for {tokens} tokens"
        )
    flat = array("i", (id for each in ids for id in each)).tobytes()
    values = array("f", (value for each in logprobs for value in each)).tobytes()
    return (flat, width), (values, width)


def _check(settings: DistillSettings, survey: Survey, run: Run) -> None:
    if settings.teacher is None:
        raise UserError("distill needs teacher=…, for example TokenScorer(DIR) of tutelage.agents")
    refuse_without_tokens("distill", survey, run)


DISTILL = Format(
    name="distill",
    about="recorded tokens with a teacher's likeliest ones",
    settings=DistillSettings,
    columns=columns,
    rows=rows,
    needs=lambda settings: Needs(tokens=True),
    noun=lambda settings: "rows",
    tokens=lambda settings: True,
    check=_check,
    finish=finish,
)
