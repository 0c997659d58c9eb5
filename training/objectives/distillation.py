"""`distillation`: the student answers, and learns what a better teacher would have said at every token of its answer.

On-policy distillation (Agarwal et al. 2024, "On-Policy Distillation of Language Models", arXiv:2306.13649, with lambda 1)
by TRL's DistillationTrainer: each row's `prompt` is answered anew, and the divergence of the two models' whole
distributions is the loss. Their vocabularies must be the same. The teacher's weights are in float32, beside the
student's. Not covered: other people's answers (`soft_bootstrapping` learns recorded ones, which an export `--to distill`
let any teacher score), teachers on a server, other tokenizers.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tutelage.agents.model_directory import ModelDirectory, open_model_directory
from tutelage.errors import UserError
from tutelage.training.objectives.loading import load_base
from tutelage.training.objectives.objective import Built, Objective, Site
from tutelage.training.objectives.on_policy import OnPolicySettings, ids_of, roomy, sampling_arguments

__all__ = ["DISTILLATION", "DistillationSettings"]


class DistillationSettings(OnPolicySettings):
    """The options of `distillation`."""

    teacher: Path | None = None
    """The teacher's model directory. Needed."""
    beta: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The divergence: 1 is KL(student | teacher), 0 is KL(teacher | student), between them Jensen and Shannon's."""


def build(site: Site) -> Built:
    """Compare the vocabularies, load both models, make the trainer."""
    teacher = _teacher(site)
    model = load_base(site)
    prompts = ids_of(site, [row["prompt"] for row in site.rows])
    rows, counts = roomy(
        site, model, [{"prompt": list(row["prompt"])} for row in site.rows], [len(ids) for ids in prompts]
    )
    arguments = sampling_arguments(site, model, len(rows))
    # Only now: this imports vLLM where it is installed, which takes long.
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.distillation_config import DistillationConfig
    from trl.trainer.distillation_trainer import DistillationTrainer

    bare = site.settings.model_copy(update={"adapter": None})
    elsewhere = Site(site.work, teacher.path, bare, (), site.tokenizer)
    trainer = DistillationTrainer(
        model=model,
        teacher_model=load_base(elsewhere),
        args=DistillationConfig(**arguments, beta=site.settings.beta, disable_dropout=True),
        train_dataset=Dataset.from_list(rows),
        processing_class=site.tokenizer,
    )
    told = {"directory": str(teacher.path), "policy": teacher.policy()}
    return Built(trainer, counts, lambda: {"teacher": told})


def _teacher(site: Site) -> ModelDirectory:
    """Open the teacher's directory.

    Raises:
        UserError: none is given, or its vocabulary is another.
        ModelDirectoryError: it is broken.
    """
    if site.settings.teacher is None:
        raise UserError("distillation needs a teacher: DistillationSettings(teacher=DIR)")
    from transformers import AutoTokenizer

    teacher, student = open_model_directory(site.settings.teacher), open_model_directory(site.base)
    theirs = AutoTokenizer.from_pretrained(teacher.path).get_vocab()
    ours = site.tokenizer.get_vocab()
    if theirs != ours:
        token = min(
            (token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token)),
            key=lambda token: (ours.get(token, theirs.get(token)), token),
        )
        raise UserError(
            f"the teacher {str(teacher.path)!r} has another vocabulary than {str(student.path)!r}: the token "
            f"{token!r} is {_id(theirs, token)} there and {_id(ours, token)} here; give a teacher with the same tokenizer"
        )
    if _size(teacher) != _size(student):
        raise UserError(
            f"the teacher {str(teacher.path)!r} gives {_size(teacher)} logits a token and {str(student.path)!r} "
            f"{_size(student)}; give a teacher with the same vocab_size"
        )
    return teacher


def _id(vocabulary: dict[str, int], token: str) -> str:
    return f"number {vocabulary[token]}" if token in vocabulary else "unknown"


def _size(directory: ModelDirectory) -> Any:
    text = directory.config.get("text_config") or {}
    return directory.config.get("vocab_size", text.get("vocab_size"))


DISTILLATION = Objective(
    name="distillation",
    about="on-policy distillation: answer, and learn what a better teacher would have said",
    settings=DistillationSettings,
    columns=(("prompt",),),
    build=build,
    export="grpo",
)
