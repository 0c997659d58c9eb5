"""Rows as token ids and labels: exactly the completion and the end token carry loss.

The prompt is rendered as an engine renders it (chat template with the generation prompt), the completion is
what a policy would have sampled after it: its text, then the token that ends a turn. So what is learnt is
what will be asked for, whatever a chat template adds after a turn. Not covered: several turns, tools,
images.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

__all__ = ["IGNORED", "assistant_text", "encode", "end_token"]

IGNORED = -100
"""The label of a token without loss, as in PyTorch's cross-entropy."""


def encode(
    dataset: Sequence[Mapping[str, Any]], tokenizer: "PreTrainedTokenizerBase", end: int
) -> list[dict[str, Any]]:
    """Tokenise prompt-completion rows.

    Text in a completion that looks like a special token is split like any other text.

    Args:
        dataset: rows with `prompt` and `completion`, lists of messages; the completion is one.
        tokenizer: with a chat template.
        end: the id of the token that ends a turn.

    Returns:
        Rows with `input_ids`, `labels` (the ids, or `IGNORED`) and `length`, in tokens.

    Raises:
        UserError: a row's completion is not one assistant message, or there is no chat template.
    """
    if not tokenizer.chat_template:
        raise UserError(
            "the tokenizer has no chat template; add chat_template.jinja to the model's directory"
        )
    prompts = [
        tokenizer.apply_chat_template(list(row["prompt"]), tokenize=False, add_generation_prompt=True)
        for row in dataset
    ]
    texts = [assistant_text(number, row["completion"]) for number, row in enumerate(dataset, 1)]
    before = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    after = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [
        {
            "input_ids": [*prompt, *completion, end],
            "labels": [IGNORED] * len(prompt) + [*completion, end],
            "length": len(prompt) + len(completion) + 1,
        }
        for prompt, completion in zip(before, after, strict=True)
    ]


def end_token(tokenizer: "PreTrainedTokenizerBase", generation: "GenerationConfig | None") -> int:
    """The token that ends a turn: the tokenizer's, unless generation stops at others only.

    Raises:
        UserError: neither names one.
    """
    stops = generation.eos_token_id if generation is not None else None
    stops = [stops] if isinstance(stops, int) else list(stops or ())
    own = tokenizer.eos_token_id
    if isinstance(own, int) and (own in stops or not stops):
        return own
    if stops:
        return int(stops[0])
    raise UserError("neither the tokenizer nor generation_config.json names an end token; add 'eos_token'")


def assistant_text(number: int, messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of a completion.

    Raises:
        UserError: it is not one assistant message; `number` is the row's.
    """
    if len(messages) != 1 or messages[0].get("role") != "assistant":
        raise UserError(f"row {number}: the completion must be one message of the role 'assistant'")
    return str(messages[0]["content"])
