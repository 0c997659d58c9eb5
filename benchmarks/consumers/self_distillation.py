"""`sdft` and `sdpo`, read by `trl.experimental`'s trainers: a model that knows more teaches the same model.

Both sample anew from the recorded prompts. SDFT's teacher (https://arxiv.org/abs/2601.19897) reads the privileged
context after the prompt; SDPO's (https://arxiv.org/abs/2601.20802) reads a successful sample of the same group and
the recorded feedback. The teacher is the embedded model, the student a copy with other weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import TrainerCallback
from trl.experimental.sdft import SDFTConfig, SDFTTrainer
from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

from benchmarks.consumers.bench import Bench, Consumed, lineage, one_step
from benchmarks.consumers.grpo import LONGEST, SAMPLES, Judge
from benchmarks.consumers.plain import Floats, Plain, divergence, render
from benchmarks.consumers.preference import NOISE

__all__ = ["sdft", "sdpo"]

TOP = 20
"""How many of the student's likeliest tokens SDFT compares."""


class Sampled(TrainerCallback):
    """Keeps the ids that a trainer sampled, without padding."""

    def __init__(self, padding: int) -> None:
        self._padding = padding
        self.completions: list[list[int]] = []

    def on_self_distillation_batch_prepared(self, *args: Any, completion_ids: Any, **kwargs: Any) -> None:
        self.completions = [[i for i in row if i != self._padding] for row in completion_ids.tolist()]


def sdft(rows: Any, bench: Bench) -> Consumed:
    """The Jensen-Shannon divergence from the teacher on the student's likeliest tokens, mean over a sample's tokens."""
    model = bench.policy(NOISE)
    student, teacher = Plain(model), Plain(bench.policy())
    sampled = Sampled(bench.tokenizer.pad_token_id)
    args = SDFTConfig(**_settings(rows, bench, distillation_topk=TOP, distillation_alpha=0.5))
    trainer = SDFTTrainer(
        model=model,
        args=args,
        train_dataset=rows,
        processing_class=bench.tokenizer,
        callbacks=[sampled],
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    losses = []
    for row, ids in zip(_repeated(rows), sampled.completions, strict=True):
        asked = row["prompt"][-1]["content"]
        told = {"role": "user", "content": f"{asked}\n\n{row['privileged_context']}"}
        ours = student.distributions(_ids(bench, row["prompt"]), ids)
        theirs = teacher.distributions(_ids(bench, [*row["prompt"][:-1], told]), ids)
        best = np.argsort(-ours, axis=1)[:, :TOP]
        pair = [_normalised(np.take_along_axis(each, best, axis=1)) for each in (ours, theirs)]
        losses.append(float(divergence(pair[0], pair[1], 0.5).mean()))
    return Consumed(
        "trl.experimental.sdft.SDFTTrainer", len(rows), loss, float(np.mean(losses)), updated, survives
    )


def sdpo(rows: Any, bench: Bench) -> Consumed:
    """The student's log-probability of its own tokens, weighted by how far the teacher's is below it."""
    model = bench.policy(NOISE)
    student, teacher = Plain(model), Plain(bench.policy())
    sampled, judge = Sampled(bench.tokenizer.pad_token_id), Judge(bench)
    args = SDPOConfig(**_settings(rows, bench, include_environment_feedback=True))
    trainer = SDPOTrainer(
        model=model,
        reward_funcs=judge,
        args=args,
        train_dataset=rows,
        processing_class=bench.tokenizer,
        callbacks=[sampled],
    )
    loss, updated = one_step(trainer)
    losses = []
    for index, (row, ids) in enumerate(zip(_repeated(rows), sampled.completions, strict=True)):
        told = _retold(row, _success(index, judge.rewards, sampled.completions, bench), args)
        ours = student.logprobs(_ids(bench, row["prompt"]), ids)
        theirs = teacher.logprobs(_ids(bench, told), ids)
        losses.append(float(((ours - theirs) * ours).mean()))
    return Consumed(
        "trl.experimental.sdpo.SDPOTrainer",
        len(rows),
        loss,
        float(np.mean(losses)),
        updated,
        lineage(rows, judge.seen),
    )


def _settings(rows: Any, bench: Bench, **more: Any) -> dict[str, Any]:
    return bench.settings(
        range(len(rows) * SAMPLES),
        num_generations=SAMPLES,
        max_completion_length=LONGEST,
        shuffle_dataset=False,
        **more,
    )


def _repeated(rows: Any) -> list[Any]:
    return [row for row in rows for _ in range(SAMPLES)]


def _ids(bench: Bench, messages: Sequence[Any]) -> list[int]:
    ids: list[int] = bench.tokenizer(render(messages, answer=True), add_special_tokens=False)["input_ids"]
    return ids


def _normalised(logprobs: Floats) -> Floats:
    return np.asarray(logprobs - np.log(np.exp(logprobs).sum(axis=-1, keepdims=True)))


def _success(
    index: int, rewards: Sequence[float], completions: Sequence[list[int]], bench: Bench
) -> str | None:
    """The text of the first other sample of the group whose reward is full."""
    first = index - index % SAMPLES
    for other in range(first, first + SAMPLES):
        if other != index and rewards[other] >= 1:
            text: str = bench.tokenizer.decode(completions[other], skip_special_tokens=True)
            return text
    return None


def _retold(row: Any, success: str | None, args: Any) -> list[dict[str, str]]:
    """What the teacher reads: the prompt, a success where there is one, the feedback where there is some."""
    feedback = row["privileged_context"]
    if success is None and not (feedback or "").strip():
        return list(row["prompt"])
    solution = "" if success is None else args.solution_template.format(successful_previous_attempt=success)
    told = args.feedback_template.format(feedback_raw=feedback) if (feedback or "").strip() else ""
    asked = row["prompt"][-1]["content"]
    content = args.reprompt_template.format(prompt=asked, solution=solution, feedback=told)
    return [*row["prompt"][:-1], {"role": "user", "content": content}]
