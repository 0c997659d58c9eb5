"""`GraphGRPOTrainer`: TRL's GRPOTrainer over rows that somebody else sampled.

Rows come a step at a time from a function: token ids, which of them are trained, the log-probabilities that they were
sampled with, and an advantage a token. Losses, clipping and their averages are TRL's (`GRPOTrainer._compute_loss`); this
class feeds them. The rows of an update are cut into forward passes of similar length under a number of tokens, and
each pass counts with its share, so that the loss is that of one pass over all rows. Tokens that another policy or another
prompt sampled are weighted by the ratio of the trainer's own first probability to theirs, cut at a cap (Yao et al. 2025,
"Your Efficient RL Framework Secretly Brings You Off-Policy RL Training"). Not covered: sampling, rewards.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset  # type: ignore[import-untyped]
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import use_adapter

from tutelage.training.reinforcement.stages import Stages

__all__ = ["GraphGRPOConfig", "GraphGRPOTrainer", "Rows"]

Rows = Sequence[Mapping[str, Any]]
"""Each with `prompt_ids`, `completion_ids`, `completion_mask`, `logprobs` and `advantages`."""
Part = dict[str, torch.Tensor]

BY_TOKENS = ("bnpo", "dapo", "cispo", "vespo")
"""Losses that are a mean over trained tokens; the others are one over rows."""


@dataclass
class GraphGRPOConfig(GRPOConfig):
    """The options of `GRPOConfig`, and how the rows of a step are learnt from."""

    batch_tokens: int = 16_384
    """Tokens of a forward pass, padding included."""
    updates_per_step: int = 1
    """Into how many updates the rows of a step are split; each is made `num_iterations` times."""
    importance_cap: float | None = 2.0
    """Where the weight of what another policy sampled is cut; `None`: no weight."""
    # What TRL wants of a trainer that samples: the least that it takes, since rows come from outside.
    per_device_train_batch_size: int = 2
    num_generations: int | None = 2
    gradient_accumulation_steps: int = 1
    ignore_data_skip: bool = True


class GraphGRPOTrainer(GRPOTrainer):
    """Group-relative policy optimisation of rows that are made outside."""

    def __init__(
        self,
        *,
        source: Callable[[int], Rows],
        args: GraphGRPOConfig,
        stages: Stages | None = None,
        **options: Any,
    ) -> None:
        """Make the trainer.

        Args:
            source: gives the rows of a step, counted from 0; called when the weights are those that shall sample them.
            args: the options.
            stages: told when `logprobs` and `update` of a step begin.
            **options: those of TRL's trainer.
        """
        steps = Dataset.from_dict({"prompt": ["a step"] * 2})
        super().__init__(args=args, train_dataset=steps, reward_funcs=rewarded, **options)
        self._source = source
        self._stages = stages or Stages()
        self._of_step: int | None = None
        self._rows: list[Part] = []

    def tell(self, figures: Mapping[str, float]) -> None:
        """Log figures of a step with its losses."""
        for name, value in figures.items():
            self._metrics["train"][name].append(value)

    def training_step(
        self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Compute the gradient of one update, pass by pass, and give its loss."""
        model.train()
        total = torch.zeros((), device=self.accelerator.device)
        rows = self.due(model)
        for share, part in self._parts(rows):
            loss = self.compute_loss(model, part) * share
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def due(self, model: torch.nn.Module) -> list[Part]:
        """Give the rows of the update that is due, with what the weights before its step say of them."""
        args: Any = self.args
        of_step = args.updates_per_step * self.num_iterations
        step, place = divmod(self.state.global_step, of_step)
        if step != self._of_step:
            rows = [_tensors(row) for row in self._source(step)]
            self._stages.enter(step, "logprobs")
            self._rows = self._known(model, rows)
            self._stages.enter(step, "update")
            self._of_step = step
        order = torch.randperm(
            len(self._rows), generator=torch.Generator().manual_seed(args.seed + step)
        ).tolist()
        return [self._rows[at] for at in order[place % args.updates_per_step :: args.updates_per_step]]

    def _known(self, model: torch.nn.Module, rows: list[Part]) -> list[Part]:
        """Add what the weights before the step say of the rows, and weigh what others sampled."""
        args: Any = self.args
        for part in self._passes(rows):
            batch = self._padded(part)
            with torch.no_grad():
                old = self._logps(model, batch)
                reference = None if self.beta == 0.0 else self._reference(model, batch)
            for at, row in enumerate(part):
                length = len(row["completion_ids"])
                row["old_per_token_logps"] = old[at, :length].cpu()
                if reference is not None:
                    row["ref_per_token_logps"] = reference[at, :length].cpu()
                if args.importance_cap is not None:
                    ratio = torch.exp(row["old_per_token_logps"] - row["sampling_per_token_logps"])
                    row["advantages"] = row["advantages"] * ratio.clamp(max=args.importance_cap)
        return rows

    def _reference(self, model: Any, batch: Part) -> torch.Tensor:
        """What the first weights say; under an adapter TRL keeps them as one of the name "ref"."""
        if self.ref_model is not None:
            return self._logps(self.ref_model, batch)
        with use_adapter(self.accelerator.unwrap_model(model), "ref"):
            return self._logps(model, batch)

    def _logps(self, model: Any, batch: Part) -> torch.Tensor:
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        found: torch.Tensor
        found, _, _ = self._get_per_token_logps_and_entropies(
            model, ids, mask, batch["completion_ids"].size(1)
        )
        return found

    def _parts(self, rows: list[Part]) -> Iterator[tuple[float, Part]]:
        """Give the forward passes of an update, each with the share that its mean has in the update's."""
        trained = max(1, sum(int(row["tool_mask"].sum()) for row in rows))
        for part in self._passes(rows):
            batch = self._padded(part)
            tokens = batch["tool_mask"].sum()
            of_tokens = float(tokens) / trained
            share = of_tokens if self.loss_type in BY_TOKENS else len(part) / len(rows)
            batch["num_items_in_batch"] = tokens.float()
            # TRL's entropy bonus is a mean over a pass's tokens whatever the loss is a mean over.
            self.entropy_coef = self.args.entropy_coef * of_tokens / share if share else 0.0  # type: ignore[attr-defined]
            yield share, batch

    def _passes(self, rows: list[Part]) -> Iterator[list[Part]]:
        """Give rows of similar length together, as many as fit."""
        args: Any = self.args
        ordered = sorted(rows, key=lambda row: len(row["prompt_ids"]) + len(row["completion_ids"]))
        part: list[Part] = []
        for row in ordered:
            longest = [
                max(len(each[name]) for each in (*part, row)) for name in ("prompt_ids", "completion_ids")
            ]
            if part and sum(longest) * (len(part) + 1) > args.batch_tokens:
                yield part
                part = []
            part.append(row)
        if part:
            yield part

    def _padded(self, rows: Sequence[Part]) -> Part:
        """Put rows side by side: prompts padded on the left, what follows them on the right."""
        pad = self._tokenizer.pad_token_id
        batch: Part = {}
        for name in rows[0]:
            side = "left" if name.startswith("prompt") else "right"
            value = float(pad) if name in ("prompt_ids", "completion_ids") else 0.0
            tensors = [row[name] for row in rows]
            padded = pad_sequence(tensors, batch_first=True, padding_value=value, padding_side=side)
            batch[name] = padded.to(self.accelerator.device)
        return batch


def rewarded(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
    """Stand where TRL wants a reward function; rows have their advantages."""
    raise NotImplementedError("rows are rewarded where they are made")


def _tensors(row: Mapping[str, Any]) -> Part:
    prompt = torch.as_tensor(row["prompt_ids"], dtype=torch.long)
    completion = torch.as_tensor(row["completion_ids"], dtype=torch.long)
    return {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": completion,
        "completion_mask": torch.ones_like(completion),
        "tool_mask": torch.as_tensor(row["completion_mask"], dtype=torch.long),
        "sampling_per_token_logps": torch.as_tensor(row["logprobs"], dtype=torch.float32),
        "advantages": torch.as_tensor(row["advantages"], dtype=torch.float32),
    }
