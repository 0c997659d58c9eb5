"""`soft_bootstrapping`: match the log-probabilities of a teacher who saw more, from the bare problem.

Semantic Soft Bootstrapping (Mitra and Ulukus 2025, arXiv:2512.05105): the base itself is the teacher. It read a right
and a wrong solution and wrote one of its own; the student reads the problem only and learns the teacher's
distribution at every token of that solution, by KL(teacher | student), and nothing else. The authors compare whole
vocabularies at temperature 2; here it is the teacher's `top_k` and a bucket for all others, which is the same where
`top_k` reaches the vocabulary.

A row is messages, `prompt`, `teacher_prompt` and `completion`, of which the untrained base computes the teacher's
side before the first update (`tutelage.training.bootstrapping` makes them from a run); where `teacher_prompt_ids` and
`completion_ids` were recorded, no completion is tokenised again. Or a row is recorded tokens, `prompt_ids`,
`completion_ids`, `teacher_ids` and `teacher_logprobs`, of whatever teacher, at temperature 1; `completion_mask`, of the
whole row, says which are learnt. Not covered: answers sampled anew (`distillation`, `sdft`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tutelage.errors import UserError
from tutelage.training.completion_mask import IGNORED
from tutelage.training.jobs.arguments import arguments_of
from tutelage.training.jobs.settings import Rate, TrainingSettings
from tutelage.training.objectives.loading import fitting, load_base, prompts_and_completions
from tutelage.training.objectives.objective import Built, Objective, Site

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    Table = NDArray[Any]

__all__ = ["SOFT_BOOTSTRAPPING", "SoftBootstrappingSettings"]

RECORDED = ("prompt_ids", "completion_ids", "teacher_ids", "teacher_logprobs")
IMPOSSIBLE = -1e4
"""The log-probability of a token that the teacher never says."""


class SoftBootstrappingSettings(TrainingSettings):
    """The options of `soft_bootstrapping`."""

    temperature: Rate | None = None
    """Of both distributions; `None`: 2, as its authors have it, and 1 for recorded log-probabilities, which are of
    that temperature."""
    top_k: Annotated[int, Field(gt=0)] = 64
    """How many of the teacher's likeliest tokens are compared; recorded rows have their own number."""
    add_tail: bool = True
    """Compare all other tokens as one; else the teacher's likeliest alone, both sides normalised again."""


def build(site: Site) -> Built:
    """Load the base, let it be the teacher of every row, make the trainer."""
    from tutelage.training.trainers.top_k_distillation import (
        TopKCollator,
        TopKDistillationConfig,
        TopKDistillationTrainer,
    )

    recorded = _recorded(site)
    heat = site.settings.temperature or (1.0 if recorded else 2.0)
    model = load_base(site)
    vocabulary = model.config.get_text_config().vocab_size
    rows = _as_recorded(site, heat, vocabulary) if recorded else _with_teacher_prompts(site, model)
    fit = fitting(rows, site, model)
    arguments = arguments_of(site.work, site.settings, model, len(fit.rows))
    if not recorded:
        _ask_teacher(fit.rows, model, min(site.settings.top_k, vocabulary), heat, cpu=arguments["use_cpu"])
    trainer = TopKDistillationTrainer(
        model=model,
        args=TopKDistillationConfig(
            **arguments,
            temperature=heat,
            add_tail=site.settings.add_tail,
            remove_unused_columns=False,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=fit.rows,
        processing_class=site.tokenizer,
        data_collator=TopKCollator(site.tokenizer.pad_token_id or 0),
    )
    learnt = sum(label != IGNORED for row in fit.rows for label in row["labels"])
    tokens = sum(len(row["input_ids"]) for row in fit.rows)
    counts = {**fit.counts, "tokens": tokens, "learnt_tokens": learnt}
    return Built(trainer, counts, lambda: {"temperature": heat})


def _recorded(site: Site) -> bool:
    """Whether the rows bring the teacher's log-probabilities.

    Raises:
        UserError: only some do, or the temperature is not that of what they bring.
    """
    found = [row.get("teacher_logprobs") is not None for row in site.rows]
    if any(found) and not all(found):
        raise UserError("some rows have teacher_logprobs and some have not; train on one kind of rows")
    heat = site.settings.temperature
    if all(found) and site.settings.add_tail and heat not in (None, 1.0):
        raise UserError(
            f"temperature={heat!r}: the recorded teacher_logprobs are of temperature 1, and what the other tokens "
            "have at another is not known; leave temperature out, or give add_tail=False"
        )
    return all(found)


def _row(
    prompt: Sequence[int], completion: Sequence[int], mask: Sequence[int] | None = None
) -> dict[str, Any]:
    said = (
        completion if mask is None else [i if on else IGNORED for i, on in zip(completion, mask, strict=True)]
    )
    ids = [*prompt, *completion]
    return {"input_ids": ids, "labels": [IGNORED] * len(prompt) + [*said], "length": len(ids)}


def _as_recorded(site: Site, heat: float, vocabulary: int) -> list[dict[str, Any]]:
    import numpy as np

    rows = []
    for number, given in enumerate(site.rows, 1):
        prompt, completion = given["prompt_ids"], given["completion_ids"]
        mask = list(given.get("completion_mask") or [1] * (len(prompt) + len(completion)))[len(prompt) :]
        ids, logprobs = _tables(number, given, vocabulary)
        if not prompt or not len(completion) == len(mask) == len(ids):
            raise UserError(
                f"row {number}: a prompt, and teacher_ids for every completion token, are needed; "
                "export the run again, --to distill"
            )
        learnt = np.asarray(mask, bool)
        possible = np.nan_to_num(logprobs, nan=IMPOSSIBLE, neginf=IMPOSSIBLE) / heat
        own = {"teacher_ids": ids[learnt], "teacher_logprobs": possible[learnt].astype(np.float32)}
        rows.append({**_row(prompt, completion, mask), **own})
    if len(widths := {row["teacher_ids"].shape[1] for row in rows}) > 1:
        raise UserError(
            f"rows have {', '.join(map(str, sorted(widths)))} teacher_ids a token; export all with the same top_k"
        )
    return rows


def _tables(number: int, given: Mapping[str, Any], vocabulary: int) -> tuple["Table", "Table"]:
    """A row's `teacher_ids` and `teacher_logprobs`, of shape (completion tokens, k).

    Raises:
        UserError: they are of different shapes, or ids are none of the base's.
    """
    import numpy as np

    try:
        ids: Table = np.asarray(given["teacher_ids"], np.int64)
        logprobs: Table = np.asarray(given["teacher_logprobs"], np.float32)
        fit = ids.ndim == 2 and ids.shape == logprobs.shape
    except (TypeError, ValueError):
        fit = False
    if not fit or ids.min(initial=0) < 0 or ids.max(initial=0) >= vocabulary:
        raise UserError(
            f"row {number}: its teacher_ids are not of the {vocabulary} tokens of the base, equally many for every "
            "token and each with a log-probability; let a teacher with the same tokenizer score the run"
        )
    return ids, logprobs


def _with_teacher_prompts(site: Site, model: "PreTrainedModel") -> list[dict[str, Any]]:
    """The rows as the student reads them, with `teacher_input`, what the teacher reads before the completion.

    Raises:
        UserError: the chat template does not give a recorded prompt.
    """
    bare = prompts_and_completions(site, model, "completion")
    told = [{**row, "prompt": row["teacher_prompt"]} for row in site.rows]
    privileged = prompts_and_completions(
        Site(site.work, site.base, site.settings, told, site.tokenizer), model, "completion"
    )
    rows = []
    pairs = zip(site.rows, bare, privileged, strict=True)
    for number, (given, (prompt, (completion,)), (seen, _)) in enumerate(pairs, 1):
        asked = given.get("teacher_prompt_ids")
        if asked is not None and list(asked) != seen:
            raise UserError(
                f"row {number}: the chat template of {str(site.base)!r} does not give the recorded teacher_prompt_ids; "
                "train the model that spoke"
            )
        row = _row(prompt, given.get("completion_ids") or completion)
        said = row["input_ids"][len(prompt) :]
        rows.append({**row, "teacher_input": seen, "length": max(len(prompt), len(seen)) + len(said)})
    return rows


def _ask_teacher(
    rows: Sequence[dict[str, Any]], model: "PreTrainedModel", k: int, heat: float, *, cpu: bool
) -> None:
    """Write `teacher_ids` and `teacher_logprobs` into rows, one sequence after the other."""
    import numpy as np

    teacher = model.to("cpu" if cpu else "cuda").eval()  # type: ignore[arg-type]
    for row, best in zip(rows, _likeliest(rows, teacher, k, heat), strict=True):
        row["teacher_ids"] = best.indices.cpu().numpy()
        row["teacher_logprobs"] = best.values.cpu().numpy().astype(np.float32)


def _likeliest(rows: Sequence[Mapping[str, Any]], teacher: Any, k: int, heat: float) -> Iterator[Any]:
    import torch

    for row in rows:
        seen = row.get("teacher_input", ())
        completion = [label for label in row["labels"] if label != IGNORED]
        with torch.inference_mode():
            ids = torch.tensor([[*seen, *completion]], device=teacher.device)
            logits = teacher(input_ids=ids, use_cache=False).logits[0, len(seen) - 1 : -1]
            yield torch.log_softmax(logits.float() / heat, dim=-1).topk(k)


SOFT_BOOTSTRAPPING = Objective(
    name="soft_bootstrapping",
    about="match a teacher's likeliest tokens, offline, from the bare problem",
    settings=SoftBootstrappingSettings,
    columns=(("prompt", "teacher_prompt", "completion"), RECORDED),
    build=build,
    export="distill",
    drops=True,
    options={"context": "root", "teacher_context": "recorded"},
)
