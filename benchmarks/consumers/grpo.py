"""`grpo`, read by `trl.GRPOTrainer`: prompts that it samples from, and recorded groups that it replays.

Online, the trainer samples from the policy and asks a reward function, which looks the task up by the row's lineage;
the loss has a penalty on the divergence from a reference, so that it depends on every sampled token. Offline, the
recorded tokens take the place of the samples and their recorded log-probabilities the place of the old policy's, so
that the loss is the clipped objective (https://arxiv.org/abs/2402.03300, summed over all tokens as in
https://arxiv.org/abs/2503.14476).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import SequentialSampler
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from benchmarks.consumers.bench import Bench, Consumed, Row, lineage, one_step
from benchmarks.consumers.plain import Plain, render
from benchmarks.consumers.preference import NOISE

__all__ = ["groups", "prompts"]

SAMPLES = 4
LONGEST = 96
"""Tokens sampled online, at most."""
CLIP = 0.2
PENALTY = 1.0
TOLERANCE = 1e-4
"""How far the trainer's advantages may be from the recorded ones."""


class Judge:
    """A reward function that scores by the task of each row, and keeps what it was called with."""

    __name__ = "verifier"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.seen: list[dict[str, Any]] = []
        self.sampled: list[tuple[str, list[int]]] = []
        self.rewards: list[float] = []

    def __call__(self, prompts: Any, completions: Any, completion_ids: Any, **columns: Any) -> list[float]:
        self.seen = samples(columns)
        self.sampled = [
            (render(prompt, answer=True), list(ids))
            for prompt, ids in zip(prompts, completion_ids, strict=True)
        ]
        texts = [completion[0]["content"] for completion in completions]
        self.rewards = [
            self._bench.reward(row["task_id"], text) for row, text in zip(self.seen, texts, strict=True)
        ]
        return self.rewards


def prompts(rows: Any, bench: Bench) -> Consumed:
    """Sample anew from the recorded prompts."""
    model = bench.policy(NOISE)
    policy, reference = Plain(model), Plain(bench.policy())
    judge: Any = Judge(bench)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=judge,
        args=GRPOConfig(
            **bench.settings(
                range(len(rows) * SAMPLES),
                num_generations=SAMPLES,
                max_completion_length=LONGEST,
                beta=PENALTY,
                shuffle_dataset=False,
            )
        ),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    loss, updated = one_step(trainer)
    advantages = standardised(judge.rewards, SAMPLES)
    total, count = 0.0, 0
    for (prompt, ids), advantage in zip(judge.sampled, advantages, strict=True):
        before = bench.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        gap = reference.logprobs(before, ids) - policy.logprobs(before, ids)
        total += float((PENALTY * (np.exp(gap) - gap - 1) - advantage).sum())
        count += len(ids)
    return Consumed("trl.GRPOTrainer", len(rows), loss, total / count, updated, lineage(rows, judge.seen))


class Replay(GRPOTrainer):
    """GRPO over recorded samples: a row is a sample, its old policy and its advantages are the recorded ones."""

    rows: Sequence[Row] = ()
    """The samples of the batch."""
    advantages: Sequence[float] = ()
    """What the trainer itself makes of the rewards, one a sample."""

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        rows: Any = self.train_dataset
        return SequentialSampler(rows)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [{"prompt": "", **row} for row in inputs]
        self.rows = rows
        output: dict[str, Any] = super()._generate_and_score_completions(rows)
        self.advantages = output["advantages"].tolist()
        output["old_per_token_logps"] = output["sampling_per_token_logps"]
        recorded = [torch.tensor(row["advantages"]) for row in self.rows]
        output["advantages"] = pad_sequence(recorded, batch_first=True)
        return output


def groups(rows: Any, bench: Bench) -> Consumed:
    """Replay recorded groups; the advantages that the trainer computes from the rewards must be the recorded ones."""
    model = bench.policy(NOISE)
    policy = Plain(model)
    recorded: Any = Recorded()
    trainer = Replay(
        model=model,
        reward_funcs=recorded,
        rollout_func=replay,
        args=GRPOConfig(
            **bench.settings(rows, num_generations=group_size(rows), epsilon=CLIP, shuffle_dataset=False)
        ),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    loss, updated = one_step(trainer)
    total, count = 0.0, 0
    for row in rows:
        learnt = np.array(row["completion_mask"]) == 1
        advantages = np.array(row["advantages"])[learnt]
        now = policy.logprobs(row["prompt_ids"], row["completion_ids"])
        ratio = np.exp(now - np.array(row["logprobs"]))[learnt]
        total -= float(np.minimum(ratio * advantages, np.clip(ratio, 1 - CLIP, 1 + CLIP) * advantages).sum())
        count += len(ratio)
    same = all(
        np.allclose(
            np.array(row["advantages"])[np.array(row["completion_mask"]) == 1], advantage, atol=TOLERANCE
        )
        for row, advantage in zip(rows, trainer.advantages, strict=True)
    )
    survives = lineage(rows, recorded.seen)
    return Consumed("trl.GRPOTrainer", len(rows), loss, total / count, updated, survives, agrees=same)


class Recorded:
    """A reward function that gives the recorded rewards, and keeps what it was called with."""

    __name__ = "recorded"

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, prompts: Any, reward: list[float], **columns: Any) -> list[float]:
        self.seen = samples(columns)
        return reward


REPLAYED = {
    "prompt_ids": "prompt_ids",
    "completion_ids": "completion_ids",
    "logprobs": "logprobs",
    "env_mask": "completion_mask",
}
"""What TRL asks of a rollout, and the column that holds it."""


def replay(prompts: Any, trainer: Any) -> dict[str, Any]:
    """What was recorded, in place of sampling."""
    return {asked: [list(row[name]) for row in trainer.rows] for asked, name in REPLAYED.items()}


def samples(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a reward function is called with, a row a sample."""
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def group_size(rows: Any) -> int:
    """How many samples a group has; all have the same number, one after the other."""
    groups = list(rows["group_id"])
    return groups.count(groups[0])


def standardised(rewards: Sequence[float], size: int) -> list[float]:
    """Rewards less their group's mean, over its standard deviation."""
    grouped = np.array(rewards, dtype=np.float64).reshape(-1, size)
    spread = grouped.std(axis=1, ddof=1, keepdims=True) + 1e-4
    advantages: list[float] = ((grouped - grouped.mean(axis=1, keepdims=True)) / spread).reshape(-1).tolist()
    return advantages
