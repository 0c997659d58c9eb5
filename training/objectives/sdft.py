"""`sdft`: the student answers the bare prompt; the same model, told the privileged context, says how it should go on.

Self-distillation fine-tuning (Shenfeld et al. 2026, arXiv:2601.19897) by TRL's SDFTTrainer: each row's `prompt` is
answered anew, the teacher reads the prompt, an empty line and `privileged_context`, and the divergence on the sampled
tokens is the loss. Not covered: rewards (`sdpo`).
"""

from tutelage.errors import UserError
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

__all__ = ["SDFT", "SdftSettings"]


class SdftSettings(SelfDistillationSettings):
    """The options of `sdft`."""

    teacher_prompt_template: str = "{prompt}\n\n{privileged_context}"
    """What the teacher reads for the student's last message."""


def build(site: Site) -> Built:
    """Load the base, make the trainer."""
    settings = site.settings
    check_settings(settings)
    told = _told(site)
    silence()
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.experimental.sdft import SDFTConfig, SDFTTrainer

    model = load_base(site)
    rows = [
        {"prompt": list(row["prompt"]), "privileged_context": row["privileged_context"]} for row in site.rows
    ]
    lengths = zip(ids_of(site, [row["prompt"] for row in rows]), ids_of(site, told), strict=True)
    rows, counts = roomy(site, model, rows, [max(map(len, pair)) for pair in lengths])
    vocabulary = model.config.get_text_config().vocab_size
    trainer = SDFTTrainer(
        model=model,
        args=SDFTConfig(
            **sampling_arguments(site, model, len(rows), settings.samples),
            **teacher_arguments(settings, vocabulary),
            distillation_mode="full_logits" if settings.top_k is None else "topk_logits",
            teacher_prompt_template=settings.teacher_prompt_template,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=site.tokenizer,
    )
    return Built(trainer, counts)


def _told(site: Site) -> list[list[dict[str, str]]]:
    """What the teacher reads.

    Raises:
        UserError: the template lacks a field.
    """
    template: str = site.settings.teacher_prompt_template
    for field in ("{prompt}", "{privileged_context}"):
        if field not in template:
            raise UserError(f"the teacher_prompt_template lacks the field {field}; add it")
    try:
        texts = [
            template.format(prompt=text, privileged_context=row["privileged_context"])
            for text, row in zip(asked(site), site.rows, strict=True)
        ]
    except (KeyError, IndexError, ValueError) as problem:
        raise UserError(
            f"the teacher_prompt_template cannot be filled in: {problem!r}; write other braces twice"
        ) from None
    return [
        [*row["prompt"][:-1], {"role": "user", "content": text}]
        for row, text in zip(site.rows, texts, strict=True)
    ]


SDFT = Objective(
    name="sdft",
    about="self-distillation: the same model, told more, teaches its own samples",
    settings=SdftSettings,
    columns=(("prompt", "privileged_context"),),
    build=build,
    export="sdft",
)
