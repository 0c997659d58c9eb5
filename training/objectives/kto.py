"""`kto`: answers one by one, each desirable or not (TRL's KTOTrainer; Ethayarajh et al. 2024, https://arxiv.org/abs/2402.01306).

A row is messages, `prompt` and `completion`, and a `label`. The reference is the base itself. The rows are put in a
random order once, and each batch is trained as it was laid out, since an answer's gain is compared with that of the
batch's answers to other prompts. Not covered: rows with tools.
"""

import random
from collections.abc import Sequence
from typing import Any, Literal

from tutelage.errors import UserError
from tutelage.training.jobs.arguments import arguments_of, longest_of
from tutelage.training.jobs.settings import Rate, TrainingSettings
from tutelage.training.objectives.loading import fitting, load_base, logged, prompts_and_completions
from tutelage.training.objectives.objective import Built, Objective, Site

__all__ = ["KTO", "KtoSettings", "balanced"]

RATE = 0.05
"""The learning rate, of that of supervised training."""
BALANCE = (1.0, 4 / 3)
"""The advised weight of all desirable rows over that of all undesirable ones (the paper's equation 8)."""
TOLD = ("rewards/chosen", "rewards/rejected", "rewards/margins", "kl")


class KtoSettings(TrainingSettings):
    """The options of `kto`. The peak learning rate is a twentieth of that of `sft`."""

    beta: Rate = 0.1
    """How dear it is to leave the base."""
    loss_type: Literal["kto", "apo_zero_unpaired"] = "kto"
    """TRL's name of the loss."""
    desirable_weight: Rate | None = None
    """Of a desirable row; `None`: 1, or what brings the two sides into the advised balance."""
    undesirable_weight: Rate | None = None
    """Of an undesirable row; likewise."""
    precompute_ref_log_probs: bool = False
    """Ask the base once, before the training, instead of holding it in memory beside the policy."""


def balanced(
    desirable: int, undesirable: int, given: tuple[float | None, float | None] = (None, None)
) -> tuple[float, float]:
    """The weights of a desirable and of an undesirable row.

    Args:
        desirable: how many rows are.
        undesirable: how many are not.
        given: weights that are fixed. Of those that are not, one is moved, as little as the balance asks for: up,
            where both may move.
    """
    good, bad = (1.0 if weight is None else weight for weight in given)
    share = (good * desirable) / (bad * undesirable)
    wanted = min(max(share, BALANCE[0]), BALANCE[1])
    if given[0] is None and (share < wanted or given[1] is not None):
        good *= wanted / share
    elif given[1] is None:
        bad *= share / wanted
    return good, bad


def build(site: Site) -> Built:
    """Load the base, encode the rows, lay out the batches, make the trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.kto_config import KTOConfig

    from tutelage.training.trainers.encoded_rows import EncodedKTOTrainer

    settings: KtoSettings = site.settings
    if settings.batch_size < 2:
        raise UserError("kto compares the answers of a batch; give a batch_size of 2 or more")
    model = load_base(site)
    fit = fitting(_encoded(site, model), site, model)
    desirable, undesirable = _both(fit.rows)
    good, bad = balanced(desirable, undesirable, (settings.desirable_weight, settings.undesirable_weight))
    trainer: Any = EncodedKTOTrainer(
        model=model,
        args=KTOConfig(
            **arguments_of(site.work, settings, model, len(fit.rows), RATE),
            beta=settings.beta,
            loss_type=settings.loss_type,
            desirable_weight=good,
            undesirable_weight=bad,
            precompute_ref_log_probs=settings.precompute_ref_log_probs,
            max_length=None,
            train_sampling_strategy="sequential",
        ),
        train_dataset=Dataset.from_list(_batches(fit.rows, settings, longest_of(settings, model))),
        processing_class=site.tokenizer,
    )
    counts = {**fit.counts, "desirable": desirable, "undesirable": undesirable}
    weights = {"desirable": good, "undesirable": bad}
    return Built(trainer, counts, lambda: {"weights": weights, **logged(trainer, *TOLD)})


def _encoded(site: Site, model: Any) -> list[dict[str, Any]]:
    rows = []
    found = prompts_and_completions(site, model, "completion")
    for number, ((prompt, (completion,)), row) in enumerate(zip(found, site.rows, strict=True), 1):
        if not isinstance(row["label"], bool):
            raise UserError(f"row {number}: the label is {row['label']!r}; it must be true or false")
        rows.append(
            {
                "prompt_ids": prompt,
                "completion_ids": completion,
                "label": row["label"],
                "length": len(prompt) + len(completion),
            }
        )
    return rows


def _both(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many rows are desirable and how many are not.

    Raises:
        UserError: all are the one or the other.
    """
    desirable = sum(row["label"] for row in rows)
    if desirable in (0, len(rows)):
        only, other = ("desirable", "undesirable") if desirable else ("undesirable", "desirable")
        raise UserError(
            f"all {len(rows)} rows are {only}; kto needs {other} ones (label {str(not desirable).lower()}), too: "
            "take rows of a run with right and wrong answers"
        )
    return desirable, len(rows) - desirable


def _batches(
    rows: Sequence[dict[str, Any]], settings: KtoSettings, longest: int | None
) -> list[dict[str, Any]]:
    """The rows in a random order, each with the answer of the row before it in its batch, cut where it does not fit."""
    mixed = list(rows)
    random.Random(settings.seed).shuffle(mixed)
    found, size = [], settings.batch_size
    for start in range(0, len(mixed), size):
        batch = mixed[start : start + size]
        before = [batch[-1] if len(batch) > 1 else mixed[start - 1], *batch]
        for row, other in zip(batch, before, strict=False):
            room = None if longest is None else longest - len(row["prompt_ids"])
            found.append({**row, "KL_completion_ids": other["completion_ids"][:room]})
    return found


KTO = Objective(
    name="kto",
    about="Kahneman-Tversky optimisation: answers one by one, each desirable or not",
    settings=KtoSettings,
    columns=(("prompt", "completion", "label"),),
    build=build,
    export="kto",
)
