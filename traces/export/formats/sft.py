"""`sft`: what TRL's SFTTrainer reads, as messages, as prompt and completion, or as the recorded tokens.

`tokens` gives rows of recorded ids (see `tutelage.traces.export.branches`): `input_ids`, `completion_mask`
with 1 for the sampled tokens that are trained, and `labels`, the same with -100 elsewhere, which the trainer
takes as they are; of what was taught, `human_mask` has 1 for the tokens that no model sampled. In the forms of text
the trainer tokenizes anew: check it with `tokenizer=…`.
`prompt_completion` trains on the completion alone. With `messages` the trainer's loss is on every message, or with
its `assistant_only_loss` on every answer in the prompt too, whoever gave it and whether it passed or not: the report
says how many answers in the rows were not selected.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_ids, context_name, training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings, Names
from tutelage.traces.export.story import Story
from tutelage.traces.export.token_rows import (
    TokenRow,
    labels,
    refuse_without_tokens,
    token_rows,
    written_by_hand,
)
from tutelage.traces.export.trl_messages import for_trl, said, texts_of, tools_of, with_tools
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["SFT", "SftSettings"]

UNSELECTED = (
    "assistant messages in these rows are no completions of selected turns, and are trained on all the same "
    "(form='prompt_completion' trains on the selected ones alone)"
)


class SftSettings(ExportSettings):
    """The options of `sft`."""

    form: Literal["messages", "prompt_completion", "tokens"] = "prompt_completion"
    """TRL's language modelling, its prompt and completion (with loss on the completion alone), or tokenized rows."""
    passed: bool | None = True
    train_on: Names | None = None
    """Only tokens of these roles are trained, with `form="tokens"`; `None`: of all selected turns."""


def columns(settings: SftSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns of a form."""
    if settings.form == "tokens":
        own = (
            Column("input_ids", Kind.TOKENS),
            Column("completion_mask", Kind.MASK),
            Column("labels", Kind.TOKENS),
        )
        return (*own, Column("human_mask", Kind.MASK)) if settings.taught else own
    if settings.form == "messages":
        return with_tools((Column("messages", Kind.MESSAGES),), survey)
    return with_tools((Column("prompt", Kind.MESSAGES), Column("completion", Kind.MESSAGES)), survey)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each selected turn, or for each branch of token ids."""
    if job.settings.form == "tokens":
        taught = job.settings.taught
        return (_tokens(row, taught) for row in token_rows(story, job, job.settings.train_on))
    return _texts(story, job)


def _texts(story: Story, job: Job) -> Iterator[Draft]:
    settings, survey = job.settings, job.survey
    whole, wide = settings.form == "messages", survey.wide
    recorded = settings.context == "recorded" and not settings.taught
    examples: Iterable[Example] = job.examples(story)
    if whole:
        examples = list(examples)
        selected = {(each.turn.rollout.id, each.turn.completion) for each in examples}
    for example in examples:
        turn = example.turn
        prompt = turn.prompt if recorded else training_context(example, settings)
        before, after = (for_trl(prompt), said(turn)) if wide else (prompt, (turn.message,))
        texts = texts_of(turn) if wide else (turn.completion,)
        values: tuple[Any, ...] = ((*before, *after),) if whole else (before, after)
        if survey.tools:
            values = (*values, *tools_of(turn, survey))
        name = "recorded" if recorded else context_name(example, prompt, settings)
        checks = ((turn, context_ids(example, prompt, settings)),) if job.templates is not None else ()
        notes = _unselected(example, prompt, selected) if whole else None
        yield Draft(story, turn, values, prompt, texts, name, None, None, 0, checks, notes, example.lesson)


def _unselected(
    example: Example, prompt: Sequence[Message], selected: set[tuple[str, str]]
) -> dict[str, int]:
    """Count the answers in a prompt that are no completion of a selected turn of its rollout, or of those it forks."""
    answers = [_as_text(each.get("content")) for each in prompt if each.get("role") == "assistant"]
    turn = example.turn
    rollouts = (
        {turn.rollout.id, *(each.rollout.id for each in example.story.ancestors(turn))} if answers else ()
    )
    others = sum(selected.isdisjoint((each, content) for each in rollouts) for content in answers)
    return {UNSELECTED: others} if others else {}


def _as_text(content: object) -> str:
    return content if isinstance(content, str) else ""


def _tokens(row: TokenRow, taught: bool) -> Draft:
    by_hand = (written_by_hand(row),) if taught else ()
    return row.draft((row.ids, row.mask, labels(row.ids, row.mask), *by_hand))


def _check(settings: SftSettings, survey: Survey, run: Run) -> None:
    if settings.form == "tokens":
        refuse_without_tokens("sft with form='tokens'", survey, run)


SFT = Format(
    name="sft",
    about="supervised fine-tuning: messages, prompt and completion, or recorded tokens",
    settings=SftSettings,
    columns=columns,
    rows=rows,
    needs=lambda settings: Needs(tokens=settings.form == "tokens" or settings.tokenizer is not None),
    noun=lambda settings: "rows" if settings.form == "tokens" else "turns",
    tokens=lambda settings: settings.form == "tokens",
    taught=True,
    check=_check,
)
