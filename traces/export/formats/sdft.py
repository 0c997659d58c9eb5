"""`sdft` and `sdpo`: what TRL's self-distillation trainers read, a bare `prompt` and the `privileged_context`.

A turn that was sampled with a hint, a review or a reference in its prompt gives a row: the prompt is the bare
training context (by default that of its branch's root turn), the privileged context what its recorded prompt
holds besides, and `task` the whole task, for a verifier. The trainers sample anew, so equal prompts with equal
privileged contexts are one row.
In a run of several roles, a root's prompt is that of whoever began: a reviewer's turn would ask for a review under
the solver's question. So only turns that wrote a candidate are taken, unless roles or nodes are named.
Not covered: quotations of fewer than `QUOTE` characters, which a prompt may hold by chance.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from tutelage.errors import UserError
from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.context import context_name, training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.format import Draft, Format, Job
from tutelage.traces.export.reading import Needs, Survey
from tutelage.traces.export.settings import Context, ExportSettings
from tutelage.traces.export.story import Story
from tutelage.traces.export.template import refuse_check
from tutelage.traces.export.trl_messages import for_trl
from tutelage.traces.record import Message
from tutelage.traces.run import Run

__all__ = ["SDFT", "SDPO", "SelfDistillationSettings"]

Prompt = tuple[Message, ...]

QUOTE = 6
"""Characters that a quotation has at least."""


class SelfDistillationSettings(ExportSettings):
    """The options of `sdft` and `sdpo`."""

    context: Context = "root"
    privileged: Literal["quoted", "solution", "reference", "feedback"] | Callable[..., str | None] = "quoted"
    """What the teacher sees besides: the words of earlier turns, and of the task's solution and reference, that
    the recorded prompt quotes in whole words and the bare one does not; the task's worked solution or its reference; the
    verifier's feedback on the turn; or a function of an `Example` that gives a text or `None`."""


def columns(settings: SelfDistillationSettings, survey: Survey) -> tuple[Column, ...]:
    """Give the columns."""
    return (Column("prompt", Kind.MESSAGES), Column("privileged_context"), Column("task", Kind.JSON))


def rows(story: Story, job: Job) -> Iterator[Draft]:
    """Give a row for each selected turn whose teacher would see more than the bare context."""
    settings = job.settings
    of_solutions = (
        len(job.survey.roles) > 1
        and settings.roles is settings.nodes is None
        and settings.context in ("root", "task")
    )
    for example in job.examples(story):
        if of_solutions and example.turn.id not in story.written:
            job.tally.drop("wrote no candidate (name roles to take them)")
            continue
        prompt = training_context(example, job.settings)
        privileged = _privileged(example, prompt, job)
        if not privileged:
            job.tally.drop("saw nothing besides the bare context")
            continue
        yield Draft(
            story,
            example.turn,
            (for_trl(prompt), privileged, story.task.model_dump(mode="json")),
            prompt,
            (privileged,),
            context_name(example, prompt, job.settings),
        )


def _privileged(example: Example, prompt: Prompt, job: Job) -> str | None:
    source = job.settings.privileged
    if callable(source):
        made = source(example)
        if made is not None and not isinstance(made, str):
            raise UserError(
                f"privileged gave {made!r} for turn {example.turn.id!r}; it must give a text or None"
            )
        return made
    task = example.story.task
    if source in ("solution", "reference"):
        return task.solution if source == "solution" else task.reference
    return _quoted(example, prompt) if source == "quoted" else _feedback(example, job)


def _quoted(example: Example, prompt: Prompt) -> str:
    """What the recorded prompt quotes and the bare one does not, in the order in which it is quoted."""
    recorded, bare = _text(example.turn.prompt), _text(prompt)
    task = example.story.task
    said = [turn.completion for turn in example.story.ancestors(example.turn)]
    known = [text.strip() for text in (*said, task.solution, task.reference) if text]
    found = {
        text: place
        for text in known
        if len(text) >= QUOTE and (place := _place(text, recorded)) is not None and _place(text, bare) is None
    }
    whole = [text for text in found if not any(text != other and text in other for other in found)]
    return "\n\n".join(sorted(whole, key=found.__getitem__))


def _place(text: str, prompt: str) -> int | None:
    """Where a prompt holds a text in whole words, first."""
    if text not in prompt:
        return None
    found = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", prompt)
    return None if found is None else found.start()


def _feedback(example: Example, job: Job) -> str | None:
    story, turn = example.story, example.turn
    for subject in (turn.id, story.written.get(turn.id, ""), turn.rollout.id):
        score = story.score(subject, job.verifier)
        if score is not None and score.feedback:
            return score.feedback
    return None


def _text(prompt: Prompt) -> str:
    return "\n".join(str(message.get("content") or "") for message in prompt)


def _check(name: str) -> Callable[[SelfDistillationSettings, Survey, Run], None]:
    def check(settings: SelfDistillationSettings, survey: Survey, run: Run) -> None:
        refuse_check(name, settings.tokenizer, "its rows hold no completion, since the trainer samples anew")

    return check


def _format(name: str, about: str) -> Format:
    return Format(
        name=name,
        about=about,
        settings=SelfDistillationSettings,
        columns=columns,
        rows=rows,
        needs=lambda settings: Needs(steps=settings.privileged == "feedback"),
        check=_check(name),
    )


SDFT = _format("sdft", "bare prompts with privileged context, for self-distillation fine-tuning")
SDPO = _format("sdpo", "bare prompts with privileged context, for self-distillation policy optimization")
