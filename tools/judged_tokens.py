"""What a reward model reads: a solution as token ids, one and the same way when it is trained and when it judges.

The prompt goes through the chat template as an engine renders it, with the opening of an answer. Text of a solution
that looks like a special token is split like any other text. Not covered: tools, several turns of an answer.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["solution_tokens", "step_tokens"]

Messages = Sequence[Mapping[str, Any]]


def solution_tokens(
    tokenizer: "PreTrainedTokenizerBase", prompt: Messages, solution: str, end: int
) -> list[int]:
    """Give the ids of a whole solution: prompt, text, and the token that ends a turn, where the reward is read.

    Raises:
        UserError: the tokenizer has no chat template.
    """
    return [*_opening(tokenizer, prompt), *_text(tokenizer, solution), end]


def step_tokens(
    tokenizer: "PreTrainedTokenizerBase", prompt: Messages, steps: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Give the ids of a solution's steps, and where each ends.

    A step is its text without the white space around it, then a line break; its end is its last token. Each is cut
    into tokens for itself, so that none reaches over the break, as a tokenizer would have it in the whole text.

    Returns:
        The ids of prompt and steps, and for each step the position of its last token.

    Raises:
        UserError: the tokenizer has no chat template.
    """
    ids, ends = _opening(tokenizer, prompt), []
    for step in steps:
        ids += _text(tokenizer, f"{step.strip()}\n")
        ends.append(len(ids) - 1)
    return ids, ends


def _opening(tokenizer: "PreTrainedTokenizerBase", prompt: Messages) -> list[int]:
    if not tokenizer.chat_template:
        raise UserError(
            "the tokenizer has no chat template; add chat_template.jinja to the model's directory"
        )
    conversation = [dict(message) for message in prompt]
    text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def _text(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids
