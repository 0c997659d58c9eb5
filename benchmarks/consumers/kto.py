"""`kto`, read by `trl.KTOTrainer`: answers one by one, each desirable or not (https://arxiv.org/abs/2402.01306).

The loss compares each answer's gain over the reference with a baseline: the mean gain of answers that belong to other
prompts, those of the row before, never below zero.
"""

from typing import Any

import numpy as np
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from benchmarks.consumers.bench import Bench, Consumed, lineage, one_step
from benchmarks.consumers.plain import Plain, encode, render, sigmoid
from benchmarks.consumers.preference import NOISE

__all__ = ["kto"]


def kto(rows: Any, bench: Bench) -> Consumed:
    """All rows in one batch, in order, since the baseline is the batch's."""
    beta = 0.1
    model, reference = bench.policy(NOISE), bench.policy()
    policy, frozen = Plain(model), Plain(reference)
    pairs = []
    for row in rows:
        opening = render(row["prompt"], answer=True)
        whole = render([*row["prompt"], *row["completion"]])
        pairs.append(encode(bench.tokenizer, opening, whole[len(opening) :]))
    shifted = [(prompt, pairs[index - 1][1]) for index, (prompt, _) in enumerate(pairs)]
    gains, others = (
        np.array([policy.total(*pair) - frozen.total(*pair) for pair in each]) for each in (pairs, shifted)
    )
    baseline = max(float(others.mean()), 0.0)
    signs = np.where(np.array(rows["label"]), 1.0, -1.0)
    independent = float((1 - sigmoid(beta * signs * (gains - baseline))).mean())
    trainer = KTOTrainer(
        model=model,
        ref_model=reference,
        args=KTOConfig(**bench.settings(rows, beta=beta)),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    return Consumed("trl.KTOTrainer", len(rows), loss, independent, updated, survives)
