"""The template check: does a tokenizer's chat template give the token ids that were recorded?

Trainers render messages again. Where that gives other ids than those the model read and sampled, the row is
counted and named. Rendering also serves contexts that no model ever read, on request only. A template may add
tokens after the completion (an end of turn): those are no difference.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import MissingDependency, ModelDirectoryError, UserError
from tutelage.traces.export.story import TurnView
from tutelage.traces.record import Message

__all__ = ["Template", "Templates", "refuse_check"]

Tools = Sequence[Mapping[str, JsonValue]]


class Template:
    """One tokenizer's chat template."""

    def __init__(self, directory: Path) -> None:
        """Load a tokenizer.

        Raises:
            ModelDirectoryError: There is none, or it has no chat template.
            MissingDependency: transformers is not installed.
        """
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise MissingDependency(
                "the template check needs transformers: pip install transformers"
            ) from error
        if not directory.is_dir():
            raise ModelDirectoryError(f"tokenizer={str(directory)!r} is no directory")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelDirectoryError(
                f"no tokenizer can be loaded from {str(directory)!r}: {error}"
            ) from error
        if not self._tokenizer.chat_template:
            raise ModelDirectoryError(f"the tokenizer in {str(directory)!r} has no chat template")
        self._last: tuple[Sequence[Message], bytes] | None = None

    def prompt(self, messages: Sequence[Message], tools: Tools = ()) -> bytes:
        """Render a prompt, ready for an answer; int32."""
        if self._last is None or self._last[0] is not messages:
            self._last = (messages, self._render(messages, tools, True))
        return self._last[1]

    def differs(self, messages: Sequence[Message], turn: TurnView, read: bytes, said: Message) -> str | None:
        """Compare with what was recorded.

        Args:
            messages: The prompt.
            turn: The turn whose completion follows it.
            read: The recorded ids of the prompt, int32.
            said: The completion as a message.

        Returns:
            "prompt differs", "completion differs", or `None`.
        """
        try:
            if self.prompt(messages, turn.speaker.tools) != read:
                return "prompt differs"
            if turn.completion_ids is None:
                return None
            whole = self._render((*messages, said), turn.speaker.tools, False)
        except Exception:
            return "cannot be rendered"
        return None if whole.startswith(read + turn.completion_ids) else "completion differs"

    def _render(self, messages: Sequence[Message], tools: Tools, ready: bool) -> bytes:
        ids: list[int] = self._tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=[dict(tool) for tool in tools] or None,
            add_generation_prompt=ready,
            tokenize=True,
            return_dict=False,
        )
        return struct.pack(f"<{len(ids)}i", *ids)


def refuse_check(to: str, tokenizer: str | Path | None, why: str) -> None:
    """Raise where a template check is asked for that would check nothing."""
    if tokenizer is not None:
        raise UserError(
            f"{to!r} has no use for tokenizer={str(tokenizer)!r}: {why}; check the same turns with 'sft'"
        )


class Templates:
    """The template of each turn: one for all, or that of the model which spoke."""

    def __init__(self, source: str | Path) -> None:
        """Take a directory, or "run" for the directories that the models' names tell."""
        self._one = None if str(source) == "run" else Template(Path(source))
        self._found: dict[str, Template] = {}

    def of(self, turn: TurnView) -> Template:
        """Give the template of a turn.

        Raises:
            UserError: The name of its model tells no directory.
        """
        if self._one is not None:
            return self._one
        name = turn.speaker.model
        if name not in self._found:
            directory = Path(name.partition(":")[2] or name)
            if not directory.is_dir():
                raise UserError(f"tokenizer='run': model {name!r} names no directory; give tokenizer=DIR")
            self._found[name] = Template(directory)
        return self._found[name]
