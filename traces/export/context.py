"""The training context: the messages that a completion is trained on.

A completion is sampled in one context (with a hint, a review, a history) and may be trained in another. Where
the two differ, the row says so in its column `context`.
"""

from collections.abc import Mapping

from tutelage.errors import UserError
from tutelage.traces.export.example import Example
from tutelage.traces.export.settings import ExportSettings
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
        return turn.prompt
    if chosen == "task":
        return ({"role": "user", "content": example.story.task.problem},)
    if chosen == "root":
        return example.story.root(turn).prompt
    if chosen == "last":
        return _without_history(turn.prompt)
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
    return settings.context if isinstance(settings.context, str) else "custom"


def context_ids(example: Example, prompt: Prompt, settings: ExportSettings) -> bytes | None:
    """Give the recorded token ids of a training context; `None` where it was never sent to a model."""
    if settings.context == "root":
        return example.story.root(example.turn).prompt_ids
    return example.turn.prompt_ids if prompt == example.turn.prompt else None


def _without_history(prompt: Prompt) -> Prompt:
    last = max((at for at, each in enumerate(prompt) if each.get("role") == "user"), default=None)
    if last is None:
        return prompt
    system = tuple(each for each in prompt[:last] if each.get("role") in ("system", "developer"))
    return (*system, *prompt[last:])
