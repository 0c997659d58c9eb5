"""What objectives share whose trainer samples anew: settings, arguments, and which prompts leave room to answer.

TRL passes over prompts in whole steps: an epoch leaves out the rows that do not fill one, other rows in each. Not
covered: what is learnt from the samples.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tutelage.errors import UserError
from tutelage.training.jobs.arguments import arguments_of, longest_of
from tutelage.training.jobs.settings import Rate, TrainingSettings
from tutelage.training.objectives.objective import Site

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["OnPolicySettings", "ids_of", "roomy", "sampling_arguments"]

RATE = 0.25
"""The learning rate, of that of supervised training: few samples a step, none of them seen twice."""

Messages = Sequence[Mapping[str, Any]]


class OnPolicySettings(TrainingSettings):
    """The options of objectives that sample."""

    max_completion_length: Annotated[int, Field(gt=0)] = 256
    """Tokens that are sampled, at most."""
    temperature: Rate = 1.0
    """Of the samples, and of the distributions that are compared."""
    max_length: Annotated[int, Field(gt=0)] | None = None
    """Rows whose prompt and `max_completion_length` are more tokens are left out; `None`: the model's context."""


def ids_of(site: Site, prompts: Sequence[Messages]) -> list[list[int]]:
    """Give prompts as an engine reads them.

    Raises:
        UserError: there is no chat template.
    """
    if not site.tokenizer.chat_template:
        raise UserError(
            f"the tokenizer of {str(site.base)!r} has no chat template; add chat_template.jinja to the directory"
        )
    texts = [
        site.tokenizer.apply_chat_template(
            [dict(message) for message in prompt], tokenize=False, add_generation_prompt=True
        )
        for prompt in prompts
    ]
    found: list[list[int]] = site.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return found


def roomy(
    site: Site, model: "PreTrainedModel", rows: Sequence[dict[str, Any]], lengths: Sequence[int]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Give the rows whose prompt leaves room for a completion, and the counts for `policy.json`.

    Args:
        site: the settings.
        model: has the context.
        rows: what is trained on.
        lengths: the tokens of the longest prompt that is read for each row.

    Raises:
        UserError: no row is left.
    """
    longest, answer = longest_of(site.settings, model), site.settings.max_completion_length
    pairs = zip(rows, lengths, strict=True)
    found = [row for row, length in pairs if longest is None or length + answer <= longest]
    if not found:
        raise UserError(
            f"not one of {len(rows)} prompts leaves room for max_completion_length={answer} in {longest} tokens; "
            "give a smaller one"
        )
    return found, {"rows": len(rows), "trained": len(found), "too_long": len(rows) - len(found)}


def sampling_arguments(
    site: Site, model: "PreTrainedModel", rows: int, samples: int = 1, rate: float = 1.0
) -> dict[str, Any]:
    """Give the arguments that TRL's sampling trainers share.

    Args:
        site: the settings; their `batch_size` is of rows.
        model: what is trained.
        rows: how many there are.
        samples: completions of each row.

    Raises:
        UserError: there are fewer rows than an update accumulates.
    """
    parts = site.settings.gradient_accumulation
    if rows < parts:
        raise UserError(f"gradient_accumulation={parts} needs {parts} rows or more, and there are {rows}")
    step = min(site.settings.batch_size, rows // parts)
    shared = arguments_of(site.work, site.settings.model_copy(update={"batch_size": step}), model, rows, RATE)
    return {
        **shared,
        "per_device_train_batch_size": step * samples,
        "max_completion_length": site.settings.max_completion_length,
        "temperature": site.settings.temperature,
    }
