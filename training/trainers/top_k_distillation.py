"""`TopKDistillationTrainer`: a student learns from a teacher of whom only the k likeliest tokens are known.

At every learnt token the loss is T² KL(teacher | student), with both distributions at temperature T (Hinton et al. 2015,
"Distilling the Knowledge in a Neural Network"), over the teacher's k tokens and one bucket for all others, or over
the k tokens alone, both sides normalised again. The sum is divided by the number of learnt tokens. With the bucket
and T of the teacher's log-probabilities it is never above the divergence over the whole vocabulary, and equal to it
where k is the vocabulary. Not covered: where the teacher's log-probabilities come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import log_softmax
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainingArguments

from tutelage.training.completion_mask import IGNORED

__all__ = ["TopKCollator", "TopKDistillationConfig", "TopKDistillationTrainer", "top_k_divergence"]

LEAST_TAIL = 1e-7
"""The bucket's least probability: what float32 cannot tell from none."""


@dataclass
class TopKDistillationConfig(TrainingArguments):
    """The arguments of `TopKDistillationTrainer`."""

    temperature: float = 1.0
    """Of the student; the rows' log-probabilities are of this temperature, too."""
    add_tail: bool = True
    """Compare all other tokens as one; else the k tokens alone, where the rows' numbers need not be normalised."""


class TopKCollator:
    """Pads rows on the right and puts the teacher's lists one after the other, a learnt token each."""

    def __init__(self, padding: int) -> None:
        """Take the id that fills up."""
        self._padding = padding

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Give a batch.

        Args:
            examples: rows with `input_ids` and `labels`, and for every learnt token k `teacher_ids` and
                `teacher_logprobs` (arrays of shape (learnt tokens, k)).

        Returns:
            `input_ids`, `attention_mask` and `labels` of shape (rows, tokens), `teacher_ids` and `teacher_logprobs` of
            shape (learnt tokens of all rows, k), in the order of the labels.
        """
        ids = [torch.tensor(each["input_ids"]) for each in examples]
        labels = [torch.tensor(each["labels"]) for each in examples]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self._padding),
            "attention_mask": pad_sequence([torch.ones_like(each) for each in ids], batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "teacher_ids": torch.from_numpy(
                np.concatenate([each["teacher_ids"] for each in examples])
            ).long(),
            "teacher_logprobs": torch.from_numpy(
                np.concatenate([each["teacher_logprobs"] for each in examples])
            ),
        }


class TopKDistillationTrainer(Trainer):
    """Offline distillation: a row is a completion and what the teacher thinks of its tokens."""

    args: TopKDistillationConfig

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Give the loss of a batch.

        Args:
            model: the student.
            inputs: what `TopKCollator` gives.
            return_outputs: give the model's outputs, too.
            num_items_in_batch: learnt tokens in all batches of this update; `None`: in this one.
        """
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        learnt = inputs["labels"][:, 1:] != IGNORED
        heat = self.args.temperature
        student = log_softmax(outputs.logits[:, :-1][learnt].float() / heat, dim=-1)
        each = top_k_divergence(
            student, inputs["teacher_ids"], inputs["teacher_logprobs"], add_tail=self.args.add_tail
        )
        count = learnt.sum() if num_items_in_batch is None else num_items_in_batch
        loss = heat**2 * each.sum() / torch.as_tensor(count).clamp(min=1)
        return (loss, outputs) if return_outputs else loss


def top_k_divergence(
    student: torch.Tensor, ids: torch.Tensor, teacher: torch.Tensor, *, add_tail: bool
) -> torch.Tensor:
    """KL(teacher | student) of every token, in nats.

    Args:
        student: log-probabilities of shape (tokens, vocabulary).
        ids: the teacher's tokens, of shape (tokens, k), each once.
        teacher: their log-probabilities.
        add_tail: compare all other tokens as one.
    """
    chosen = student.gather(1, ids)
    if add_tail and ids.shape[1] < student.shape[1]:
        rest = student.scatter(1, ids, -torch.inf).logsumexp(1, keepdim=True)
        missing = (1 - teacher.double().exp().sum(1, keepdim=True)).clamp(min=LEAST_TAIL)
        chosen, teacher = torch.cat([chosen, rest], 1), torch.cat([teacher, missing.log().float()], 1)
    chosen, teacher = log_softmax(chosen, dim=1), log_softmax(teacher, dim=1)
    return (teacher.exp() * (teacher - chosen)).sum(1)
