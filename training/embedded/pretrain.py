"""Training from scratch: AdamW for embeddings and norms, Muon for matrices, a constant rate and a linear decay.

The run continues where it was cut off: weights, optimizers and the place in the corpus are written every few
minutes, each time whole. Not covered: several devices.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm  # type: ignore[import-untyped]
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from tutelage.training.embedded.batches import IGNORED, batches
from tutelage.training.embedded.corpus import MAIN, POLISH, corpus
from tutelage.training.embedded.mistakes import read_attempts, sample_attempts
from tutelage.training.embedded.tokenizer import CONTEXT_LENGTH, make_tokenizer

__all__ = ["Settings", "pretrain"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the weights, apart from the machine's arithmetic."""

    steps: int = 2700
    """Steps of the main part."""
    polish: int = 450
    """Further steps on the mix `POLISH`, at a fresh, lower rate that falls to zero."""
    polish_rate: float = 0.35
    """The first rate of the polish, as a factor of the learning rate."""
    tokens_per_batch: int = 8192
    learning_rate: float = 4e-3
    decay_from: float = 0.55
    """The share of the steps after which the rate falls linearly to zero."""
    warmup: int = 100
    shard: int = 12_000
    """Examples drawn at a time."""
    sample_at: tuple[float, ...] = (0.35, 0.55, 0.8)
    """The shares of the steps at which the model's own solutions are sampled anew."""
    attempts_per_cell: int = 500
    own_share: float = 0.75
    hidden: int = 192
    layers: int = 6
    heads: int = 3
    intermediate: int = 512
    seed: int = 0
    compile: bool = True


class Pretraining:
    """One run in a working directory."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(settings.seed)
        self.tokenizer = self.load_tokenizer()
        self.model = Qwen3ForCausalLM(architecture(settings, self.tokenizer))  # type: ignore[no-untyped-call]
        self.model.to(self.device)  # type: ignore[arg-type]
        self.body = torch.compile(self.model.model, dynamic=False) if settings.compile else self.model.model
        self.optimizers = make_optimizers(self.model, settings)
        self.step, self.shard, self.sampled = 0, 0, 0
        if (folder / "checkpoint.pt").exists():
            self.restore()

    def load_tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer of this run, made once."""
        path = self.folder / "tokenizer"
        if not path.exists():
            partial = self.folder / "tokenizer.partial"
            make_tokenizer().save_pretrained(partial)
            partial.rename(path)
        tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(path)
        return tokenizer

    def run(self) -> None:
        """Train to the last step."""
        torch._dynamo.config.recompile_limit = 64
        saved = time.monotonic()
        last = self.settings.steps + self.settings.polish
        with tqdm(total=last, initial=self.step, unit="step", smoothing=0.05) as bar:
            while self.step < last:
                self.sample_when_due()
                for inputs, labels in self.shard_batches():
                    loss = self.train_step(inputs, labels)
                    bar.update()
                    if self.step % 10 == 0:
                        bar.set_postfix(loss=f"{loss.item():.4f}", shard=self.shard, own=self.sampled)
                    if self.step in (self.settings.steps, last):
                        break
                self.shard += 1
                if time.monotonic() - saved > 180:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def shard_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The batches of the current shard of the corpus."""
        seed = 1 + self.shard
        attempts = read_attempts(self.attempts_file(self.sampled)) if self.sampled else {}
        mix = MAIN if self.step < self.settings.steps else POLISH
        examples = islice(corpus(seed, attempts, self.settings.own_share, mix), self.settings.shard)
        for inputs, labels in batches(
            list(examples), self.tokenizer, self.settings.tokens_per_batch, Random(seed)
        ):
            yield torch.from_numpy(inputs).to(self.device), torch.from_numpy(labels).to(self.device)

    def sample_when_due(self) -> None:
        """Sample the model's own solutions when their time has come."""
        due = sum(self.step >= share * self.settings.steps for share in self.settings.sample_at)
        if due > self.sampled:
            self.model.train(False)
            path = self.attempts_file(due)
            sample_attempts(self.model, self.tokenizer, self.settings.attempts_per_cell, due, path)
            self.model.train()
            self.sampled = due

    def attempts_file(self, sampled: int) -> Path:
        """Where the samples of one time lie."""
        return self.folder / f"attempts-{sampled}.jsonl"

    def train_step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """One step of both optimizers; the loss is the mean over the tokens that carry loss."""
        rate = self.settings.learning_rate * schedule(self.step, self.settings)
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.body(input_ids=inputs, use_cache=False).last_hidden_state
            learnt = labels[:, 1:] != IGNORED
            logits = self.model.lm_head(hidden[:, :-1][learnt])
        loss = cross_entropy(logits.float(), labels[:, 1:][learnt])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.detach()

    def save(self) -> None:
        """Write a checkpoint whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "place": [self.step, self.shard, self.sampled],
        }
        torch.save(state, self.folder / "checkpoint.partial")
        os.replace(self.folder / "checkpoint.partial", self.folder / "checkpoint.pt")

    def restore(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.shard, self.sampled = state["place"]

    def export(self, out: Path) -> None:
        """Write weights (bfloat16), configuration and tokenizer as a model directory."""
        out.mkdir(parents=True, exist_ok=True)
        ends = {"eos_token_id": self.tokenizer.eos_token_id, "pad_token_id": self.tokenizer.pad_token_id}
        model = Qwen3ForCausalLM(self.model.config).bfloat16()  # type: ignore[no-untyped-call]
        model.load_state_dict(self.model.state_dict())
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=True, temperature=1.0, **ends
        )
        model.save_pretrained(out)
        self.tokenizer.save_pretrained(out)


def architecture(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> Qwen3Config:
    """A small Qwen3 with tied embeddings."""
    return Qwen3Config(
        vocab_size=math.ceil(len(tokenizer) / 64) * 64,
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        head_dim=64,
        intermediate_size=settings.intermediate,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT_LENGTH,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_optimizers(model: Qwen3ForCausalLM, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon (Keller Jordan, 2024, at AdamW's update size) for the layers' matrices, AdamW for the rest."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    rate = settings.learning_rate
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def schedule(step: int, settings: Settings) -> float:
    """The factor of the learning rate: up, level, down to zero, then once more down from the polish's rate."""
    if step >= settings.steps:
        return settings.polish_rate * (1 - (step - settings.steps) / settings.polish)
    warm = min(1.0, (step + 1) / settings.warmup)
    return warm * min(1.0, (1 - step / settings.steps) / (1 - settings.decay_from))


def pretrain(folder: Path, out: Path, settings: Settings) -> dict[str, object]:
    """Train in `folder`, write the model to `out`, and return the settings used."""
    run = Pretraining(folder, settings)
    run.run()
    run.export(out)
    return asdict(settings)
