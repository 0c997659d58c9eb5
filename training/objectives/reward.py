"""`reward`: a reward model from pairs (TRL's RewardTrainer): one number a solution, that of the chosen above the other's.

A row is messages, `prompt`, `chosen` and `rejected`, and perhaps a `margin`, by which the rewards ought to differ at
least. The result is the base with a head of one number at the end of the answer
(`AutoModelForSequenceClassification`), which judges as the verifier `reward:DIR`. Not covered: rows with tools.
"""

from typing import Annotated, Any

from pydantic import Field

from tutelage.tools.judged_tokens import solution_tokens
from tutelage.training.completion_mask import assistant_text
from tutelage.training.jobs.arguments import arguments_of
from tutelage.training.jobs.settings import TrainingSettings
from tutelage.training.objectives.loading import check_messages, end_of_turn, fitting, load_base, logged
from tutelage.training.objectives.objective import Built, Objective, Site
from tutelage.training.objectives.reads import reads_of

__all__ = ["REWARD", "RewardSettings"]

RATE = 0.5
"""The learning rate, of that of supervised training."""
TOLD = ("accuracy", "margin", "min_reward", "mean_reward", "max_reward")


class RewardSettings(TrainingSettings):
    """The options of `reward`; a row of the batch is a pair. The peak learning rate is half of that of `sft`."""

    center_rewards_coefficient: Annotated[float, Field(ge=0)] = 0.01
    """How strongly a pair's rewards are drawn to a sum of 0 (Eisenstein et al. 2023), which pairs leave open."""
    prompt: str | None = None
    """What a verifier of the result asks with: a prompt's name or file, or a text with `{problem}`. `None`: the
    solver's prompt, where a row has it, else the bare problem."""


def build(site: Site) -> Built:
    """Load the base under a new head, encode the pairs, make the trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import AutoModelForSequenceClassification
    from trl.trainer.reward_config import RewardConfig

    from tutelage.training.trainers.encoded_rows import EncodedRewardTrainer

    settings: RewardSettings = site.settings
    check_messages(site.rows, "prompt", "chosen", "rejected")
    reads = reads_of([row["prompt"] for row in site.rows], settings.prompt)
    model = load_base(site, AutoModelForSequenceClassification, num_labels=1)
    end = end_of_turn(site, model)
    fit = fitting(_encoded(site, end), site, model)
    trainer: Any = EncodedRewardTrainer(
        model=model,
        args=RewardConfig(
            **arguments_of(site.work, settings, model, len(fit.rows), RATE),
            center_rewards_coefficient=settings.center_rewards_coefficient or None,
            max_length=None,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=Dataset.from_list(fit.rows),
        processing_class=site.tokenizer,
    )
    told = {"reads": {"before": reads.before, "after": reads.after, "end": end}}
    counts = {**fit.counts, "asked_so": reads.rows}
    return Built(trainer, counts, lambda: {**told, **logged(trainer, *TOLD)})


def _encoded(site: Site, end: int) -> list[dict[str, Any]]:
    margins = any(row.get("margin") is not None for row in site.rows)
    rows = []
    for number, row in enumerate(site.rows, 1):
        sides = [
            solution_tokens(site.tokenizer, row["prompt"], assistant_text(number, row[name]), end)
            for name in ("chosen", "rejected")
        ]
        encoded = {"chosen_ids": sides[0], "rejected_ids": sides[1], "length": max(map(len, sides))}
        rows.append({**encoded, "margin": float(row.get("margin") or 0)} if margins else encoded)
    return rows


REWARD = Objective(
    name="reward",
    about="a reward model from pairs, which judges whole solutions",
    settings=RewardSettings,
    columns=(("prompt", "chosen", "rejected"),),
    build=build,
    export="reward",
    adapts=False,
)
