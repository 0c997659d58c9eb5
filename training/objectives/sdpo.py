"""`sdpo`: of several samples of a prompt, what a verifier passed teaches the others.

Self-distillation policy optimization (Hübotter et al. 2026, arXiv:2601.20802) by TRL's SDPOTrainer: each row's `prompt`
is answered several times, a verifier judges by the row's `task`, and the teacher, the same model, reads the prompt with
another sample of the group that passed and with the row's `privileged_context`, where there are such. From a sample
without either nothing is learnt. Not covered: rewards without self-distillation (`grpo`).
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named
from tutelage.training.objectives.loading import load_base
from tutelage.training.objectives.objective import Built, Objective, Site
from tutelage.training.objectives.on_policy import ids_of, roomy, sampling_arguments
from tutelage.training.objectives.self_distillation import (
    SelfDistillationSettings,
    asked,
    check_settings,
    silence,
    teacher_arguments,
)
from tutelage.training.objectives.verdicts import VerifierReward, packed_tasks
from tutelage.types import Task

__all__ = ["SDPO", "SdpoSettings"]


class SdpoSettings(SelfDistillationSettings):
    """The options of `sdpo`; defaults as in TRL."""

    samples: Annotated[int, Field(ge=2)] = 8
    """Completions of each row, which teach one another."""
    verifier: str | None = None
    """Who judges them: the name of one of `tutelage.tools`, or MODULE:ATTRIBUTE; `None`: the families' own check
    where all tasks are of a family, else `math_answer`."""
    teacher: Literal["base", "ema", "live"] = "ema"
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    top_k: Annotated[int, Field(gt=0)] | None = None
    """How many of the student's likeliest tokens are compared; `None`: only the sampled one, by `alpha` 1."""
    distillation_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The teacher's part in the loss; the rest is the policy gradient of the rewards, compared in their group."""


def build(site: Site) -> Built:
    """Find the verifier, load the base, make the trainer."""
    settings = site.settings
    check_settings(settings)
    if settings.top_k is None and settings.alpha != 1:
        raise UserError(f"alpha={settings.alpha!r} compares several tokens; give top_k, or alpha=1")
    tasks = packed_tasks(site.rows)
    verifier = verifier_named(settings.verifier, map(Task.model_validate_json, tasks))
    silence()
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

    model = load_base(site)
    rows = [
        {"prompt": list(row["prompt"]), "privileged_context": row.get("privileged_context"), "task": task}
        for row, task in zip(site.rows, tasks, strict=True)
    ]
    vocabulary = model.config.get_text_config().vocab_size
    defaults = SDPOConfig(output_dir=str(site.work), use_cpu=True, bf16=False, report_to=[])
    lengths = [len(ids) + settings.max_completion_length for ids in ids_of(site, _told(site, defaults))]
    rows, counts = roomy(site, model, rows, lengths)
    trainer = SDPOTrainer(
        model=model,
        reward_funcs=VerifierReward(verifier),
        args=SDPOConfig(
            **sampling_arguments(site, model, len(rows), settings.samples),
            **teacher_arguments(settings, vocabulary),
            distillation_mode="sampled_token" if settings.top_k is None else "topk_logits",
            distillation_weight=settings.distillation_weight,
            include_environment_feedback=any(row["privileged_context"] for row in rows),
            max_reprompt_len=max(lengths),
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=site.tokenizer,
    )
    return Built(trainer, counts, lambda: {"verifier": verifier.name})


def _told(site: Site, templates: Any) -> list[list[dict[str, str]]]:
    """What the teacher reads at most, but for the sample that passed."""
    told = []
    for row, text in zip(site.rows, asked(site), strict=True):
        feedback = row.get("privileged_context") or ""
        content = templates.reprompt_template.format(
            prompt=text,
            solution=templates.solution_template.format(successful_previous_attempt=""),
            feedback=templates.feedback_template.format(feedback_raw=feedback) if feedback.strip() else "",
        )
        told.append([*row["prompt"][:-1], {"role": "user", "content": content}])
    return told


SDPO = Objective(
    name="sdpo",
    about="self-distillation with rewards: what a verifier passed teaches the other samples",
    settings=SdpoSettings,
    columns=(("prompt", "task"),),
    build=build,
    export="sdpo",
)
