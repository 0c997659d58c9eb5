"""`kto`: what TRL's KTOTrainer reads, `prompt`, `completion` and a `label`: did the turn's own score pass?

A completion may be right in one rollout and wrong in another, where its score is that of what came of it. Both
rows are kept, since how often each happens is what there is to learn (with `deduplicate=False`; else each label
stands once), and they are counted.
"""

from collections.abc import Iterator, Sequence

from tutelage.errors import UserError
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_ids, context_name, training_context
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import Story
from tutelage.traces.export.trl_messages import for_trl, said, texts_of, tools_of, with_tools
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["KTO"]

BOTH = "completions of one prompt are right in one place and wrong in another (both are rows)"


def columns(settings: ExportSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns."""
    own = (
        Column("prompt", Kind.MESSAGES),
        Column("completion", Kind.MESSAGES),
        Column("label", Kind.FLAG),
    )
    return with_tools(own, survey)


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each selected turn that is right or wrong."""
    checked = job.templates is not None
    labels: dict[tuple[str, ...], bool | None] = {}
    last: Sequence[Message] | None = None
    asked = ""
    for example in job.examples(story):
        turn, label = example.turn, example.score.passed
        if label is None:
            job.tally.drop("have no verdict")
            continue
        prompt = training_context(example, job.settings)
        if prompt is not last:
            last, asked = prompt, repr(prompt)
        texts = texts_of(turn)
        answer = (asked, *texts)
        if labels.setdefault(answer, label) not in (label, None):
            labels[answer] = None
            job.tally.note(BOTH, f"{job.run.id}/{turn.id}")
        yield Draft(
            story,
            turn,
            (for_trl(prompt), said(turn), label, *tools_of(turn, job.survey)),
            prompt,
            texts,
            context_name(example, prompt, job.settings),
            label=label,
            checks=((turn, context_ids(example, prompt, job.settings)),) if checked else (),
            lesson=example.lesson,
        )


def _check(settings: ExportSettings, survey: Survey, run: Run) -> None:
    if not survey.deciding and not settings.taught:
        raise UserError(
            f"kto needs completions that are right or wrong, and run {run.name!r} has no verdicts"
        )


KTO = Format(
    name="kto",
    about="completions with a thumb up or down, for Kahneman-Tversky optimization",
    settings=ExportSettings,
    columns=columns,
    rows=rows,
    needs=lambda settings: Needs(tokens=settings.tokenizer is not None),
    taught=True,
    check=_check,
)
