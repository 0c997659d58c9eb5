"""`kto`: what TRL's KTOTrainer reads, `prompt`, `completion` and a `label`: did the turn's own score pass?"""

from collections.abc import Iterator

from tutelage.errors import UserError
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_ids, context_name, training_context
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import Story
from tutelage.traces.export.trl_messages import for_trl, said, texts_of, tools_of, with_tools
from tutelage.traces.run import Run

__all__ = ["KTO"]


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
    for example in job.examples(story):
        turn, label = example.turn, example.score.passed
        if label is None:
            job.tally.drop("have no verdict")
            continue
        prompt = training_context(example, job.settings)
        yield Draft(
            story,
            turn,
            (for_trl(prompt), said(turn), label, *tools_of(turn, job.survey)),
            prompt,
            texts_of(turn),
            context_name(example, prompt, job.settings),
            label=label,
            checks=((turn, context_ids(example, prompt, job.settings)),) if checked else (),
        )


def _check(settings: ExportSettings, survey: Survey, run: Run) -> None:
    if not survey.deciding:
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
    check=_check,
)
