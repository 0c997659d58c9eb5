"""`prm`: a process reward model: is every step right? (Lightman et al. 2023, https://arxiv.org/abs/2305.20050)

A row is a `prompt`, text or messages, the steps as `completions`, and their `labels`: right or wrong, or a probability
from 0 to 1. A text is one message of the user. The result is the base with a head of two labels a token, wrong and
right (`AutoModelForTokenClassification`), which judges as the verifier `prm:DIR`. Not covered: rows with tools.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.tools.judged_tokens import step_tokens
from tutelage.training.completion_mask import IGNORED
from tutelage.training.jobs.arguments import arguments_of
from tutelage.training.jobs.settings import TrainingSettings
from tutelage.training.objectives.loading import check_messages, fitting, load_base, logged
from tutelage.training.objectives.objective import Built, Objective, Site
from tutelage.training.objectives.reads import reads_of

__all__ = ["PRM", "PrmSettings", "check_steps"]

NAMES = {0: "wrong", 1: "right"}


class PrmSettings(TrainingSettings):
    """The options of `prm`."""

    prompt: str | None = None
    """What a verifier of the result asks with: a prompt's name or file, or a text with `{problem}`. `None`: the
    solver's prompt, where a row has it, else the bare problem."""


def build(site: Site) -> Built:
    """Load the base under a new head, encode the steps, make the trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import AutoModelForTokenClassification, TrainingArguments

    from tutelage.training.trainers.step_rewards import StepCollator, StepRewardTrainer

    settings: PrmSettings = site.settings
    rows = [{**row, "prompt": _messages(row["prompt"])} for row in site.rows]
    check_messages(rows, "prompt")
    for number, row in enumerate(rows, 1):
        check_steps(number, row)
    reads = reads_of([row["prompt"] for row in rows], settings.prompt)
    model = load_base(
        site,
        AutoModelForTokenClassification,
        num_labels=2,
        id2label=NAMES,
        label2id={name: label for label, name in NAMES.items()},
        classifier_dropout=0.0,
    )
    padding = site.tokenizer.pad_token_id
    model.config.get_text_config().pad_token_id = site.tokenizer.eos_token_id if padding is None else padding
    fit = fitting([_encoded(row, site) for row in rows], site, model)
    trainer: Any = StepRewardTrainer(
        model=model,
        args=TrainingArguments(
            **arguments_of(site.work, settings, model, len(fit.rows)),
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=Dataset.from_list(fit.rows),
        processing_class=site.tokenizer,
        data_collator=StepCollator(model.config.get_text_config().pad_token_id),
    )
    told = {"reads": {"before": reads.before, "after": reads.after}}
    counts = {**fit.counts, **_counts(fit.rows), "asked_so": reads.rows}
    return Built(trainer, counts, lambda: {**told, **logged(trainer, "accuracy")})


def _messages(prompt: Any) -> Any:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def check_steps(number: int, row: Mapping[str, Any]) -> None:
    """Check that a row's steps can be labelled; `number` is the row's.

    Raises:
        UserError: they cannot.
    """
    steps, labels = row["completions"], row["labels"]
    if not steps or len(steps) != len(labels):
        raise UserError(
            f"row {number} has {len(steps)} completions and {len(labels)} labels; give one a step"
        )
    if not all(isinstance(step, str) and step.strip() for step in steps):
        raise UserError(f"row {number}: a step must be a text that is not empty")
    if not all(isinstance(label, bool | int | float) and 0 <= label <= 1 for label in labels):
        raise UserError(f"row {number}: a label must be true or false, or a number from 0 to 1")


def _encoded(row: Mapping[str, Any], site: Site) -> dict[str, Any]:
    steps, labels = row["completions"], row["labels"]
    ids, ends = step_tokens(site.tokenizer, row["prompt"], steps)
    found = [float(IGNORED)] * len(ids)
    for end, label in zip(ends, labels, strict=True):
        found[end] = float(label)
    return {"input_ids": ids, "labels": found, "length": len(ids)}


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    labels = [label for row in rows for label in row["labels"] if label != IGNORED]
    return {"steps": len(labels), "wrong_steps": sum(label <= 0.5 for label in labels)}


PRM = Objective(
    name="prm",
    about="a process reward model, which judges every step of a solution",
    settings=PrmSettings,
    columns=(("prompt", "completions", "labels"),),
    build=build,
    export="prm",
    adapts=False,
)
