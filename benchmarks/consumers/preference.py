"""`dpo` and `reward`: pairs of a chosen and a rejected answer.

`trl.DPOTrainer` learns from the policy's and a reference's log-probabilities of both, `trl.RewardTrainer` from a
scalar at the last token of both. The reference is the embedded model and the policy a copy with other weights, since
with the same weights the loss of DPO is log 2 whatever the rows are.
"""

from typing import Any

from transformers import AutoModelForSequenceClassification
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from benchmarks.consumers.bench import Bench, Consumed, lineage, one_step
from benchmarks.consumers.plain import Plain, encode, log_sigmoid, render

__all__ = ["NOISE", "dpo", "reward"]

NOISE = 0.15


def dpo(rows: Any, bench: Bench) -> Consumed:
    """Direct preference optimisation (https://arxiv.org/abs/2305.18290): -log sigmoid(beta * difference of gains)."""
    beta = 0.1
    model, reference = bench.policy(NOISE), bench.policy()
    policy, frozen = Plain(model), Plain(reference)
    losses = []
    for row in rows:
        gains = []
        for answer in (row["chosen"], row["rejected"]):
            opening = render(row["prompt"], answer=True)
            pair = encode(bench.tokenizer, opening, render([*row["prompt"], *answer])[len(opening) :])
            gains.append(policy.total(*pair) - frozen.total(*pair))
        losses.append(-float(log_sigmoid(beta * (gains[0] - gains[1]))))
    trainer = DPOTrainer(
        model=model,
        ref_model=reference,
        args=DPOConfig(**bench.settings(rows, beta=beta)),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    return Consumed("trl.DPOTrainer", len(rows), loss, sum(losses) / len(losses), updated, survives)


def reward(rows: Any, bench: Bench) -> Consumed:
    """A reward model (Bradley-Terry): -log sigmoid(reward of the chosen - reward of the rejected)."""
    model = bench.policy(kind=AutoModelForSequenceClassification, num_labels=1)
    plain = Plain(model)
    head = model.score.weight.detach().double().numpy()[0].copy()
    losses = []
    for row in rows:
        prompt = list(row.get("prompt") or [])
        rewards = []
        for answer in (row["chosen"], row["rejected"]):
            _, ids = encode(bench.tokenizer, "", render([*prompt, *answer]))
            rewards.append(float(plain.hidden(ids)[-1] @ head))
        losses.append(-float(log_sigmoid(rewards[0] - rewards[1] - (row.get("margin") or 0.0))))
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**bench.settings(rows)),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    return Consumed("trl.RewardTrainer", len(rows), loss, sum(losses) / len(losses), updated, survives)
