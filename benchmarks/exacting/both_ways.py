"""Losses and ratios of recorded rows: by the trainer, and by the formulas in float64."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from benchmarks.consumers.plain import Plain
from tutelage.agents import embedded_directory
from tutelage.training.trainers.graph_grpo import GraphGRPOConfig, GraphGRPOTrainer

__all__ = ["compared"]

Row = Mapping[str, Any]
Floats = NDArray[np.float64]

NOISE = 0.02
"""Of the weights' deviation, added between the two passes."""
CLIP, HIGH, CAP, LENGTH = 0.2, 0.28, 2.0, 160


class Watched(GraphGRPOTrainer):
    """Keeps what it computed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.losses: list[float] = []
        self.rows: list[dict[str, torch.Tensor]] = []

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.losses.append(float(loss))
        return loss

    def due(self, model: Any) -> list[dict[str, torch.Tensor]]:
        self.rows = super().due(model)
        return self.rows


class Shake(TrainerCallback):
    """Adds noise to the weights after the first pass, and keeps both."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step == 1:
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for weights in model.parameters():
                    noise = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
                    weights += NOISE * weights.std() * noise
        self.seen.append({name: weights.clone() for name, weights in model.state_dict().items()})


def compared(rows: Sequence[Row], loss: str, dtype: str, folder: str) -> dict[str, Any]:
    """Compute both ways, and give the greatest differences: of losses, weights by ratio, and log-probabilities.

    TRL's fused head gives log-probabilities in float32 whatever the weights are in. So ratios are compared on the
    trainer's own log-probabilities, and these with those of float64 by themselves.
    """
    level, kind = ("sequence", "grpo") if loss == "sequence" else ("token", loss)
    model = AutoModelForCausalLM.from_pretrained(embedded_directory(), dtype=getattr(torch, dtype))
    args = GraphGRPOConfig(
        output_dir=str(Path(folder) / "out"),
        loss_type=kind,
        importance_sampling_level=level,
        epsilon=CLIP,
        epsilon_high=HIGH,
        importance_cap=CAP,
        max_completion_length=LENGTH,
        num_iterations=2,
        max_steps=2,
        learning_rate=0.0,
        batch_tokens=4_000,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        log_level="error",
    )
    trainer = Watched(
        source=lambda step: rows,
        args=args,
        model=model,
        processing_class=AutoTokenizer.from_pretrained(embedded_directory()),
    )
    shake = Shake()
    trainer.add_callback(shake)
    trainer.train()
    old, new = (_logprobs(weights, rows) for weights in shake.seen)
    expected = [_loss(rows, old, now, kind, level) for now in (old, new)]
    told = {
        _name((row["prompt_ids"], row["completion_ids"]), row["sampling_per_token_logps"]): row
        for row in trainer.rows
    }
    ratios, logprobs = [], []
    for row, before in zip(rows, old, strict=True):
        own = told[_name((row["prompt_ids"], row["completion_ids"]), row["logprobs"])]
        theirs = own["old_per_token_logps"].double().numpy()
        weighted = _weights(row, theirs) * np.array(row["advantages"])
        ratios.append(float(np.abs(weighted - own["advantages"].numpy()).max()))
        logprobs.append(float(np.abs(theirs - before).max()))
    return {
        "name": loss,
        "dtype": dtype,
        "value": expected[1],
        "loss": max(abs(a - b) for a, b in zip(expected, trainer.losses, strict=True)),
        "ratio": max(ratios),
        "logprob": max(logprobs),
    }


def _logprobs(weights: Mapping[str, torch.Tensor], rows: Sequence[Row]) -> list[Floats]:
    """By a model of its own, since the trainer changes the forward pass of the one it has."""
    model = AutoModelForCausalLM.from_pretrained(embedded_directory(), dtype=torch.float64)
    model.load_state_dict(weights)
    plain = Plain(model)
    return [plain.logprobs(row["prompt_ids"], row["completion_ids"]) for row in rows]


def _name(ids: Sequence[Any], logprobs: Any) -> tuple[Any, ...]:
    """What tells two samples apart, also of the same text."""
    return (*(int(each) for part in ids for each in part), np.asarray(logprobs, np.float32).tobytes())


def _weights(row: Row, old: Floats) -> Floats:
    """The trainer's probability over the sampler's, cut at the cap, where tokens are trained; 0 elsewhere."""
    ratio = np.minimum(np.exp(old - np.array(row["logprobs"])), CAP)
    return np.where(np.array(row["completion_mask"]) == 1, ratio, 0.0)


def _loss(rows: Sequence[Row], old: Sequence[Floats], new: Sequence[Floats], kind: str, level: str) -> float:
    sums, counts = [], []
    for row, before, now in zip(rows, old, new, strict=True):
        trained = np.array(row["completion_mask"]) == 1
        advantage = (np.array(row["advantages"]) * _weights(row, before))[trained]
        gap = (now - before)[trained]
        ratio = np.exp(np.full_like(gap, gap.mean()) if level == "sequence" else gap)
        if kind == "cispo":
            each = np.minimum(ratio, HIGH) * advantage * now[trained]
        else:
            each = np.minimum(ratio * advantage, np.clip(ratio, 1 - CLIP, 1 + HIGH) * advantage)
        sums.append(-float(each.sum()))
        counts.append(int(trained.sum()))
    if kind == "grpo":
        return sum(total / count for total, count in zip(sums, counts, strict=True)) / len(rows)
    if kind == "dr_grpo":
        return sum(sums) / (len(rows) * LENGTH)
    return sum(sums) / sum(counts)
