"""`prm`, read by `transformers.Trainer` with a token-classification head: right or wrong, at the end of every step.

TRL 1.16 has no trainer of process reward models any more, only the format of its rows (stepwise supervision:
`prompt`, `completions`, `labels`). A step is followed by a line break, whose token carries the step's label.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from benchmarks.consumers.bench import Bench, Consumed, lineage, one_step
from benchmarks.consumers.plain import Plain, log_sigmoid, render

__all__ = ["prm"]

IGNORED = -100


def prm(rows: Any, bench: Bench) -> Consumed:
    """The mean cross-entropy over all steps of all rows."""
    model = bench.policy(kind=AutoModelForTokenClassification, num_labels=2)
    model.dropout.p = 0.0
    plain = Plain(model)
    head, bias = (part.detach().double().numpy().copy() for part in (model.score.weight, model.score.bias))
    encoded = rows.map(lambda row: steps(row, bench.tokenizer))
    losses = []
    for row in encoded:
        logits = plain.hidden(row["input_ids"]) @ head.T + bias
        gaps = (logits[:, 1] - logits[:, 0]) * np.where(np.array(row["labels"]) == 1, 1.0, -1.0)
        losses += (-log_sigmoid(gaps))[np.array(row["labels"]) != IGNORED].tolist()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**bench.settings(rows)),
        train_dataset=encoded,
        data_collator=DataCollatorForTokenClassification(bench.tokenizer),
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    return Consumed("transformers.Trainer", len(rows), loss, sum(losses) / len(losses), updated, survives)


def steps(row: Mapping[str, Any], tokenizer: Any) -> dict[str, list[int]]:
    """A row's tokens, and the label of every step at the line break that ends it."""
    prompt = row["prompt"] if isinstance(row["prompt"], str) else render(row["prompt"], answer=True)
    ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    labels = [IGNORED] * len(ids)
    for step, right in zip(row["completions"], row["labels"], strict=True):
        more = tokenizer(step.rstrip("\n") + "\n", add_special_tokens=False)["input_ids"]
        ids = ids + more
        labels += [IGNORED] * (len(more) - 1) + [int(right)]
    return {"input_ids": ids, "labels": labels}
