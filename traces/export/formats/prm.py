"""`prm`: TRL's stepwise supervision, `prompt`, `completions` (the steps) and `labels` (is each right?).

Standard text, as TRL defines the type: the prompt is the texts of the training context, an empty line between
them. A row is a candidate whose steps a verifier scored, one score a step; a step is a line that is not empty. Of
what was taught a row is a turn up to the last step that something was said of; a step before it that nothing was said
of is right, but for those after a wrong one, where the row ends.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_name, training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.pairs import steps_in
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import Story
from tutelage.traces.export.taught import Taught, note, step_labels
from tutelage.traces.export.template import refuse_check
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["PRM", "PrmSettings"]

Scored: TypeAlias = tuple[Sequence[str], Sequence[float], Taught | None]


class PrmSettings(ExportSettings):
    """The options of `prm`."""

    labels: Literal["bool", "float"] = "bool"
    """Right or wrong, or the scores themselves."""
    threshold: float = 0.5
    """The least score of a right step."""
    after_error: Literal["keep", "cut"] = "keep"
    """What follows the first wrong step is kept, or left out (Lightman et al. 2023, "Let's Verify Step by Step")."""


def columns(settings: PrmSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns."""
    kind = Kind.FLAGS if settings.labels == "bool" else Kind.REALS
    return (Column("prompt"), Column("completions", Kind.TEXTS), Column("labels", kind))


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each candidate with scored steps."""
    for example in job.examples(story):
        found = _scored(example, job)
        if isinstance(found, str):
            job.tally.drop(found)
            continue
        steps, scores, lesson = found
        prompt = training_context(example, job.settings)
        labels: Sequence[float | bool] = scores
        if job.settings.labels == "bool":
            labels = [score >= job.settings.threshold for score in scores]
        yield Draft(
            story,
            example.turn,
            (_text(prompt), steps, labels),
            prompt,
            tuple(steps),
            context_name(example, prompt, job.settings),
            lesson=lesson,
        )


def _scored(example: Example, job: Job) -> Scored | str:
    """The steps and their scores, or why there are none."""
    found = _taught(example) if job.settings.taught else _verified(example, job)
    if isinstance(found, str) or job.settings.after_error == "keep":
        return found
    steps, scores, lesson = found
    wrong = (at for at, value in enumerate(scores, 1) if value < job.settings.threshold)
    end = next(wrong, len(steps))
    return steps[:end], scores[:end], lesson


def _verified(example: Example, job: Job) -> Scored | str:
    """The steps of the turn's candidate."""
    candidate = example.candidate
    if candidate is None:
        return "wrote no candidate"
    score = example.story.score(candidate.id, job.verifier)
    if score is None or score.steps is None:
        return "have no scores of steps"
    steps = steps_in(candidate.text)
    if not steps or len(steps) != len(score.steps):
        return "have another number of steps than of scores"
    return steps, score.steps, None


def _taught(example: Example) -> Scored | str:
    """The first steps of a turn, up to the last one that something was said of."""
    said = note(example.story, example.turn)
    if not said.steps:
        return "have no labels of steps"
    scores = step_labels(said.steps)
    return steps_in(example.turn.completion)[: len(scores)], scores, Taught("step", said.steps_by)


def _text(prompt: tuple[Message, ...]) -> str:
    contents = (message.get("content") for message in prompt)
    return "\n\n".join(content for content in contents if isinstance(content, str))


def _check(settings: PrmSettings, survey: Survey, run: Run) -> None:
    refuse_check("prm", settings.tokenizer, "its rows are plain text, which no chat template renders")


PRM = Format(
    name="prm",
    about="steps with their labels, for process reward models",
    settings=PrmSettings,
    columns=columns,
    rows=rows,
    needs=lambda settings: Needs(candidates=True, steps=True),
    taught=True,
    check=_check,
)
