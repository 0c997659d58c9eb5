"""`sft`: what TRL's SFTTrainer reads, as messages, as prompt and completion, or as the recorded tokens.

`tokens` gives rows of recorded ids (see `tutelage.traces.export.branches`): `input_ids`, `completion_mask`
with 1 for the sampled tokens that are trained, and `labels`, the same with -100 elsewhere, which the trainer
takes as they are. In the forms of text the trainer tokenizes anew: check it with `tokenizer=…`.
"""

from collections.abc import Iterator
from typing import Any, Literal

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_ids, context_name, training_context
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings, Names
from tutelage.traces.export.story import Story
from tutelage.traces.export.token_rows import TokenRow, labels, refuse_without_tokens, token_rows
from tutelage.traces.export.trl_messages import for_trl, said, texts_of, tools_of, with_tools
from tutelage.traces.run import Run

__all__ = ["SFT", "SftSettings"]


class SftSettings(ExportSettings):
    """The options of `sft`."""

    form: Literal["messages", "prompt_completion", "tokens"] = "messages"
    """TRL's language modelling, its prompt and completion, or tokenized rows."""
    passed: bool | None = True
    train_on: Names | None = None
    """Only tokens of these roles are trained, with `form="tokens"`; `None`: of all selected turns."""


def columns(settings: SftSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns of a form."""
    if settings.form == "tokens":
        return (
            Column("input_ids", Kind.TOKENS),
            Column("completion_mask", Kind.MASK),
            Column("labels", Kind.TOKENS),
        )
    if settings.form == "messages":
        return with_tools((Column("messages", Kind.MESSAGES),), survey)
    return with_tools((Column("prompt", Kind.MESSAGES), Column("completion", Kind.MESSAGES)), survey)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each selected turn, or for each branch of token ids."""
    if job.settings.form == "tokens":
        return (_tokens(row) for row in token_rows(story, job, job.settings.train_on))
    return _texts(story, job)


def _texts(story: Story, job: Job) -> Iterator[Draft]:
    settings, survey = job.settings, job.survey
    whole, wide, recorded = settings.form == "messages", survey.wide, settings.context == "recorded"
    for example in job.examples(story):
        turn = example.turn
        prompt = turn.prompt if recorded else training_context(example, settings)
        before, after = (for_trl(prompt), said(turn)) if wide else (prompt, (turn.message,))
        texts = texts_of(turn) if wide else (turn.completion,)
        values: tuple[Any, ...] = ((*before, *after),) if whole else (before, after)
        if survey.tools:
            values = (*values, *tools_of(turn, survey))
        name = "recorded" if recorded else context_name(example, prompt, settings)
        checks = ((turn, context_ids(example, prompt, settings)),) if job.templates is not None else ()
        yield Draft(story, turn, values, prompt, texts, name, None, None, 0, checks)


def _tokens(row: TokenRow) -> Draft:
    return row.draft((row.ids, row.mask, labels(row.ids, row.mask)))


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
    check=_check,
)
