"""The training context: the messages that a completion is trained on.

A completion is sampled in one context (with a hint, a review, a history) and may be trained in another. Where
the two differ, the row says so in its column `context`: an answer that was taught for the prompt of another
turn has "original".
"""

from collections.abc import Mapping

from tutelage.errors import UserError
from tutelage.traces.export.example import Example
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import TurnView
from tutelage.traces.record import Message

__all__ = ["context_ids", "context_name", "training_context"]

Prompt = tuple[Message, ...]


def training_context(example: Example, settings: ExportSettings) -> Prompt:
    """Give the messages to train on.

    Raises:
        UserError: The settings' function does not give messages.
    """
    turn, chosen = example.turn, settings.context
    if chosen == "recorded":
        return _asked(example).prompt
    if chosen == "task":
        return ({"role": "user", "content": example.story.task.problem},)
    if chosen == "root":
        return example.story.root(turn).prompt
    if chosen == "last":
        return _without_history(_asked(example).prompt)
    made = chosen(example)
    if isinstance(made, str | Mapping) or not all(
        isinstance(each, Mapping) and "role" in each for each in made
    ):
        raise UserError(f"the context function gave {made!r} for turn {turn.id!r}; it must give messages")
    return tuple(made)


def context_name(example: Example, prompt: Prompt, settings: ExportSettings) -> str:
    """Say in which context a completion is trained: "recorded" where it is the one it was sampled in."""
    if prompt is example.turn.prompt or prompt == example.turn.prompt:
        return "recorded"
    if settings.context == "recorded" and _asked(example) is not example.turn:
        return "original"
    return settings.context if isinstance(settings.context, str) else "custom"


def context_ids(example: Example, prompt: Prompt, settings: ExportSettings) -> bytes | None:
    """Give the recorded token ids of a training context; `None` where it was never sent to a model."""
    if settings.context == "root":
        return example.story.root(example.turn).prompt_ids
    for turn in (example.turn, _asked(example)):
        if prompt == turn.prompt:
            return turn.prompt_ids
    return None


def _asked(example: Example) -> TurnView:
    """The turn whose prompt counts as recorded: another one's, where the completion was taught for that."""
    asked = None if example.lesson is None else example.lesson.asked
    return example.turn if asked is None else asked


def _without_history(prompt: Prompt) -> Prompt:
    last = max((at for at, each in enumerate(prompt) if each.get("role") == "user"), default=None)
    if last is None:
        return prompt
    system = tuple(each for each in prompt[:last] if each.get("role") in ("system", "developer"))
    return (*system, *prompt[last:])
