"""What objectives share: the base's weights, rows as prompt and completion ids, and the rows that fit.

Text goes through the chat template as `tutelage.training.completion_mask` does it, so that a prompt's ids are those
that an engine reads. Not covered: what an objective makes of the ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.training.completion_mask import IGNORED, encode, end_token
from tutelage.training.jobs.arguments import longest_of
from tutelage.training.objectives.lora import adapted
from tutelage.training.objectives.objective import Site

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = [
    "Fitting",
    "check_messages",
    "end_of_turn",
    "fitting",
    "load_base",
    "logged",
    "prompts_and_completions",
]

HEADS = ("ForSequenceClassification", "ForTokenClassification")


@dataclass(frozen=True, slots=True)
class Fitting:
    """The rows that are trained on, and how many there were."""

    rows: list[dict[str, Any]]
    counts: Mapping[str, int]
    """`rows` given, `trained`, `too_long` and `tokens`, for `policy.json`."""


def load_base(site: Site, kind: Any = None, **config: Any) -> "PreTrainedModel":
    """Load the base's weights in float32, under an adapter where the settings ask for one.

    Args:
        site: where the trainer is built.
        kind: a class of transformers (`AutoModelFor...`); `None`: the causal language model.
        config: what to change in the base's configuration.

    Raises:
        UserError: transformers has no such model of this architecture, or the base is a reward model, which says nothing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    chosen = kind or AutoModelForCausalLM
    wanted = AutoConfig.from_pretrained(site.base)
    own = (wanted.architectures or [""])[0]
    if kind is None and own.endswith(HEADS):
        raise UserError(
            f"{str(site.base)!r} holds a reward model ({own}), which cannot speak; take a language model as base"
        )
    for name, value in config.items():
        setattr(wanted, name, value)
    try:
        model: PreTrainedModel = chosen.from_pretrained(site.base, config=wanted, dtype=torch.float32)
    except ValueError as error:
        if "Unrecognized configuration class" not in str(error):
            raise
        raise UserError(
            f"transformers has no {chosen.__name__} for the architecture of {str(site.base)!r}; take another base"
        ) from None
    if kind is not None or site.settings.adapter is None:
        return model
    if site.settings.gradient_checkpointing:
        # The frozen embeddings' outputs have no gradient, which checkpoints need.
        model.enable_input_require_grads()  # type: ignore[no-untyped-call]
    return adapted(model, site.settings.adapter)  # type: ignore[return-value]


def end_of_turn(site: Site, model: "PreTrainedModel") -> int:
    """The token that ends a turn of the base, whatever head is trained on it."""
    from transformers import GenerationConfig

    if (site.base / "generation_config.json").is_file():
        return end_token(site.tokenizer, GenerationConfig.from_pretrained(site.base))
    return end_token(site.tokenizer, GenerationConfig.from_model_config(model.config))


def prompts_and_completions(
    site: Site, model: "PreTrainedModel", *columns: str
) -> list[tuple[list[int], list[list[int]]]]:
    """Tokenise rows of one prompt and one or more completions.

    Args:
        site: rows and tokenizer; a row's `prompt` and each of its `columns` are messages.
        model: says where generation ends.
        columns: which columns hold completions, one assistant message each.

    Returns:
        For each row the prompt's ids, as an engine reads them, and the ids of each completion with its end token.

    Raises:
        UserError: a completion is not one assistant message, a row has tools, or there is no chat template.
    """
    check_messages(site.rows, "prompt", *columns)
    end = end_of_turn(site, model)
    encoded = [
        encode([{"prompt": row["prompt"], "completion": row[name]} for row in site.rows], site.tokenizer, end)
        for name in columns
    ]
    found = []
    for sides in zip(*encoded, strict=True):
        start = sides[0]["labels"].count(IGNORED)
        found.append((sides[0]["input_ids"][:start], [side["input_ids"][start:] for side in sides]))
    return found


def check_messages(rows: Sequence[Mapping[str, Any]], *columns: str) -> None:
    """Check that columns are messages, and refuse tools, which would be left out of the text.

    Raises:
        UserError: a column is no list of messages of text, a row offers tools, or a message calls one.
    """
    for number, row in enumerate(rows, 1):
        for name in columns:
            said = row[name]
            if not isinstance(said, list) or not all(isinstance(each, Mapping) for each in said) or not said:
                raise UserError(f"row {number}: {name!r} must be messages, a list of {{role, content}}")
            if row.get("tools") or any(message.get("tool_calls") for message in said):
                raise UserError(
                    f"row {number} has tools, which this objective cannot train on; leave such rows out"
                )
            if not all(
                isinstance(each.get("content"), str) and isinstance(each.get("role"), str) for each in said
            ):
                raise UserError(
                    f"row {number}: every message of {name!r} must have a role and a text as content"
                )


def fitting(rows: Sequence[dict[str, Any]], site: Site, model: "PreTrainedModel") -> Fitting:
    """Leave out the rows whose `length`, in tokens, is over the settings' limit or the model's context.

    Raises:
        UserError: no row is left.
    """
    longest = longest_of(site.settings, model)
    found = [row for row in rows if longest is None or row["length"] <= longest]
    if not found:
        raise UserError(f"not one of {len(rows)} rows fits into {longest} tokens, max_length or the context")
    counts = {
        "rows": len(rows),
        "trained": len(found),
        "too_long": len(rows) - len(found),
        "tokens": sum(row["length"] for row in found),
    }
    return Fitting(found, counts)


def logged(trainer: Any, *names: str) -> dict[str, Any]:
    """What a trainer logged of the last updates, as `{"last": {name: value}}`, for `policy.json`."""
    entries = [entry for entry in trainer.state.log_history if any(name in entry for name in names)]
    return {"last": {name: entries[-1][name] for name in names if name in entries[-1]}} if entries else {}
