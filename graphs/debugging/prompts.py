"""The prompt of a turn: its messages, the exact text that was rendered, its ids, and what of it earlier turns said.

The text is what the recorded token ids say, special tokens spelled out, so that it is what was read and not what a
template would make of the messages today. Not covered: prompts that are not sent yet
(`tutelage.agents.rendering.rendered`), what was read by engines that gave no ids.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from tutelage.graphs.debugging.lineage import TokenSpan, token_spans
from tutelage.graphs.debugging.spelling import Tokenizers
from tutelage.graphs.debugging.tokens import spelling_of
from tutelage.traces import Message, Turn
from tutelage.types import Data

__all__ = ["PromptView", "Quotation", "prompt_view", "quotations"]

SHORTEST = 6
"""Characters of a quotation inside other text; fewer may stand there by chance."""
EACH = 8
"""Quotations of one turn in one message that are marked."""


class Quotation(Data):
    """A part of a message that an earlier turn said."""

    message: int
    """Which message of the prompt, from 0."""
    start: int
    """The first character within its content."""
    end: int
    turn_id: str
    role: str
    author: str | None = None
    """Who wrote it where no model did."""


class PromptView(Data):
    """What a turn read."""

    turn_id: str
    rollout_id: str
    role: str
    node: str | None = None
    call: int
    samples: int
    model: str
    policy: str
    messages: tuple[Message, ...]
    """As they were given to the engine."""
    tools: tuple[Mapping[str, JsonValue], ...] = ()
    tool_choice: JsonValue = None
    sampling: Mapping[str, JsonValue]
    text: str | None = None
    """What was rendered, special tokens spelled out; `None` where it is not known."""
    token_ids: tuple[int, ...] | None = None
    why: str | None = None
    """Why there is no text."""
    quotations: tuple[Quotation, ...] = ()
    """What of the messages earlier turns said, by place."""
    spans: tuple[TokenSpan, ...] = ()
    """What of the token ids earlier turns said, id by id."""


def prompt_view(
    turn: Turn,
    tokenizer_dir: str | Path | None = None,
    *,
    tokenizers: Tokenizers | None = None,
    earlier: Sequence[Turn] = (),
) -> PromptView:
    """Look at a turn's prompt.

    Args:
        turn: The turn.
        tokenizer_dir: Where its tokenizer lies; by default in the directory that its model's name holds.
        tokenizers: Where loaded tokenizers are kept; `None` loads anew.
        earlier: Turns that this one builds on (`ancestors`), to tell who said which parts.
    """
    ids = turn.prompt_token_ids
    spelling, why = spelling_of(turn, tokenizer_dir, tokenizers)
    if ids is None:
        why = "no token ids are on record: the engine of this turn gave none"
    return PromptView(
        turn_id=turn.id,
        rollout_id=turn.rollout_id,
        role=turn.role,
        node=turn.node,
        call=turn.call,
        samples=turn.samples,
        model=turn.model,
        policy=turn.policy,
        messages=turn.messages,
        tools=turn.tools,
        tool_choice=turn.tool_choice,
        sampling=turn.sampling.model_dump(mode="json"),
        text=None if spelling is None or ids is None else spelling.whole(ids),
        token_ids=ids,
        why=why,
        quotations=quotations(turn.messages, earlier),
        spans=token_spans(turn, earlier),
    )


def quotations(messages: Sequence[Message], earlier: Sequence[Turn]) -> tuple[Quotation, ...]:
    """Find what earlier turns said in a prompt's messages: whole answers, and texts quoted in whole words.

    Where quotations overlap the longest counts, of equally long ones that of the latest turn.
    """
    found: list[Quotation] = []
    for number, message in enumerate(messages):
        content = message.get("content")
        if not isinstance(content, str):
            continue
        taken: list[Quotation] = []
        for turn in sorted(reversed(earlier), key=lambda each: -len(each.completion)):
            for start, end in _places(turn.completion.strip(), content, message.get("role") == "assistant"):
                if all(end <= other.start or start >= other.end for other in taken):
                    taken.append(
                        Quotation(
                            message=number,
                            start=start,
                            end=end,
                            turn_id=turn.id,
                            role=turn.role,
                            author=turn.author,
                        )
                    )
        found += sorted(taken, key=lambda each: each.start)
    return tuple(found)


def _places(text: str, content: str, spoken: bool) -> Iterator[tuple[int, int]]:
    """Where a content holds a text in whole words; a short one only where it is all that an assistant says."""
    if not text or (len(text) < SHORTEST and not (spoken and content.strip() == text)):
        return
    start = content.find(text)
    for _ in range(EACH):
        if start < 0:
            return
        end = start + len(text)
        if not (_word(content, start - 1) and _word(text, 0)) and not (
            _word(content, end) and _word(text, len(text) - 1)
        ):
            yield start, end
        start = content.find(text, end)


def _word(text: str, at: int) -> bool:
    """Whether a letter or digit stands at a place."""
    return 0 <= at < len(text) and re.match(r"\w", text[at]) is not None
