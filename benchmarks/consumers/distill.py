"""`distill`, read by `trl.experimental`'s distillation from a teacher on a server, with the record as that server.

TRL asks a teacher for the k likeliest tokens of every position while it trains; no trainer of it takes them from a
data set. `Replay` does: the recorded completion takes the place of a sample, the row's columns the place of the
server's answer. The loss is TRL's own: KL(teacher | student) over the k tokens and a bucket for all others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import SequentialSampler
from trl.experimental.server_distillation import ServerDistillationConfig, ServerDistillationTrainer
from trl.trainer.distillation_trainer import DistillationTrainer

from benchmarks.consumers.bench import Bench, Consumed, Row, lineage, one_step
from benchmarks.consumers.plain import Floats, Plain, divergence
from benchmarks.consumers.preference import NOISE

__all__ = ["distill"]


class Replay(ServerDistillationTrainer):
    """Distillation from recorded log-probabilities: a row is a completion and what the teacher thinks of it."""

    rows: Sequence[Row] = ()
    """The samples of the batch."""

    def __init__(self, *, args: Any, **given: Any) -> None:
        # Not the parent's own __init__, which waits for its server to answer.
        DistillationTrainer.__init__(self, teacher_model=None, args=args, **given)
        self.reverse_kl_top_1_mode = args.reverse_kl_top_1_mode
        self.loss_top_k = args.loss_top_k
        self.loss_add_tail = args.loss_add_tail
        record: Any = self
        self.teacher_client = record

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        rows: Any = self.train_dataset
        return SequentialSampler(rows)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [{"prompt": "", **row} for row in inputs]
        self.rows = rows
        output: dict[str, Any] = super()._generate_and_score_completions(rows)
        return output

    def _generate(self, prompts: Any) -> tuple[Any, ...]:
        prompt_ids = [list(row["prompt_ids"]) for row in self.rows]
        return (
            prompt_ids,
            [list(row["completion_ids"]) for row in self.rows],
            list(map(learnt, self.rows)),
            None,
            [],
        )

    def get_sequence_logprobs(self, *, sequences: Any, prompt_lengths: Any, **_: Any) -> dict[str, Any]:
        """What a server would answer: the trainer may have shuffled the batch, so by the ids themselves."""
        known = {(*row["prompt_ids"], *row["completion_ids"]): row for row in self.rows}
        found = [known[tuple(sequence)] for sequence in sequences]
        return {
            "logprobs": [row["teacher_logprobs"] for row in found],
            "logprob_token_ids": [row["teacher_ids"] for row in found],
            "actual_logprobs": [[[0.0]] * len(row["completion_ids"]) for row in found],
        }

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **given: Any) -> Any:
        """The parent's, which knows no tokens between sampled ones; see `_compute_server_forward_kl_loss`."""
        self._learnt = inputs["tool_mask"][inputs["completion_mask"].bool()].bool()
        return super().compute_loss(model, inputs, *args, **given)

    def _compute_server_forward_kl_loss(
        self, teacher_result: Any, student_log_probs: Any, labels: Any
    ) -> Any:
        told = labels != -100
        labels = labels.clone()
        labels[told] = labels[told].masked_fill(~self._learnt, -100)
        return super()._compute_server_forward_kl_loss(teacher_result, student_log_probs, labels)


def learnt(row: Row) -> list[int]:
    """The mask of the tokens after the prompt."""
    return list(row["completion_mask"])[len(row["prompt_ids"]) :]


def distill(rows: Any, bench: Bench) -> Consumed:
    """The mean over all learnt tokens of all rows."""
    model = bench.policy(NOISE)
    plain = Plain(model)
    trainer = Replay(
        model=model,
        args=ServerDistillationConfig(
            **bench.settings(
                rows,
                beta=0.0,
                loss_top_k=len(rows[0]["teacher_ids"][0]),
                loss_add_tail=True,
                temperature=1.0,
                shuffle_dataset=False,
                teacher_model_server_url="the record",
            )
        ),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    survives &= lineage(rows, trainer.rows)
    values = []
    for row in rows:
        student = plain.distributions(row["prompt_ids"], row["completion_ids"])
        chosen = np.take_along_axis(student, np.array(row["teacher_ids"]), axis=1)
        teacher = np.array(row["teacher_logprobs"])
        found = divergence(_with_rest(chosen), _with_rest(teacher), 0.0)
        values += found[np.array(learnt(row)) == 1].tolist()
    return Consumed(
        "trl.experimental.server_distillation.ServerDistillationTrainer",
        len(rows),
        loss,
        float(np.mean(values)),
        updated,
        survives,
    )


def _with_rest(logprobs: Floats) -> Floats:
    """Log-probabilities of some tokens, and of all others together."""
    rest = np.log(np.maximum(1 - np.exp(logprobs).sum(axis=1, keepdims=True), 1e-7))
    return np.concatenate([logprobs, rest], axis=1)
