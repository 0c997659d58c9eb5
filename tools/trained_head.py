"""A directory with a trained head, read: what its rewards or step probabilities are for token ids.

The directory is one that the objectives `reward` and `prm` write, or any other that transformers opens as
`AutoModelForSequenceClassification` with one label, or `AutoModelForTokenClassification` with two (the second: right).
torch and the weights are loaded when the first solution is judged. Not covered: adapters, several GPUs.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from tutelage.errors import MissingDependency, UserError
from tutelage.tools.shared_batches import SharedBatches

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["Asked", "TrainedHead"]

OBJECTIVES = {"SequenceClassification": "reward", "TokenClassification": "prm"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A sequence, and where in it something is asked."""

    ids: Sequence[int]
    ends: Sequence[int]
    """Positions of the steps' last tokens; none for a reward, which is read at the sequence's end."""


class TrainedHead:
    """A head over a language model, shared by all threads.

    Args:
        directory: holds it.
        kind: which head it must be.
        batch_size: the most sequences computed together.
        device: "auto" for the first visible GPU, else the CPU.

    Raises:
        UserError: the directory holds something else.
    """

    def __init__(
        self,
        directory: Path,
        kind: Literal["SequenceClassification", "TokenClassification"],
        batch_size: int,
        device: Literal["auto", "cpu"],
    ) -> None:
        """See the class."""
        self.directory = directory
        self.kind = kind
        self.device = device
        self._opening = Lock()
        self._reading = Lock()
        self._batches = SharedBatches[Asked, tuple[float, ...]](self._computed, batch_size)
        self._check()

    @cached_property
    def origin(self) -> dict[str, Any]:
        """What `policy.json` says; empty for a directory of somebody else's."""
        file = self.directory / "policy.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return found

    @property
    def reads(self) -> tuple[str, str]:
        """What the head was shown before and after a problem."""
        told = self.origin.get("reads", {})
        return told.get("before", ""), told.get("after", "")

    @contextmanager
    def reading(self) -> "Iterator[PreTrainedTokenizerBase]":
        """The directory's tokenizer, for one thread at a time: it is changed by how it is called."""
        tokenizer = self._open()[1]
        with self._reading:
            yield tokenizer

    @cached_property
    def end(self) -> int:
        """The token that ends a turn.

        Raises:
            UserError: nothing says which.
        """
        told = self.origin.get("reads", {}).get("end", self._open()[1].eos_token_id)
        if not isinstance(told, int):
            raise UserError(f"the tokenizer of {str(self.directory)!r} names no end token; add 'eos_token'")
        return told

    def fits(self, ids: Sequence[int]) -> bool:
        """Whether a sequence fits into the model's context."""
        text = self._config.get("text_config") or {}
        longest = self._config.get("max_position_embeddings", text.get("max_position_embeddings"))
        return not isinstance(longest, int) or len(ids) <= longest

    def ask(self, asked: Asked) -> tuple[float, ...]:
        """The reward of a sequence, one number, or the probability that a step is right, one a step."""
        return self._batches.ask(asked)

    @cached_property
    def _config(self) -> dict[str, Any]:
        file = self.directory / "config.json"
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise UserError(
                f"there is no model in {str(self.directory)!r} (no config.json that can be read); "
                f"give a directory that the objective {OBJECTIVES[self.kind]!r} wrote"
            )
        return found

    def _check(self) -> None:
        named = self._config.get("architectures") or ["no architecture"]
        if not named[0].endswith(f"For{self.kind}"):
            raise UserError(
                f"{str(self.directory)!r} holds {named[0]}, not a model for {self.kind}; "
                f"give a directory that the objective {OBJECTIVES[self.kind]!r} wrote"
            )
        if find_spec("torch") is None or find_spec("transformers") is None:
            raise MissingDependency(
                "a reward model needs torch and transformers: pip install 'tutelage[train]'"
            )

    def _open(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase, str]":
        with self._opening:
            return self._opened

    @cached_property
    def _opened(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase, str]":
        import torch
        import transformers
        from transformers.utils import logging

        device = "cuda" if self.device == "auto" and torch.cuda.is_available() else "cpu"
        kind = getattr(transformers, f"AutoModelFor{self.kind}")
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model = kind.from_pretrained(self.directory, dtype="auto" if device == "cuda" else torch.float32)
        finally:
            if shown:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        labels = 1 if self.kind == "SequenceClassification" else 2
        if model.config.num_labels != labels:
            raise UserError(
                f"the head in {str(self.directory)!r} has {model.config.num_labels} labels; it must have {labels}"
            )
        return model.to(device).eval(), transformers.AutoTokenizer.from_pretrained(self.directory), device

    def _computed(self, batch: Sequence[Asked]) -> list[tuple[float, ...]]:
        """One forward pass; one a sequence where the model names no padding token."""
        model = self._open()[0]
        padding = model.config.get_text_config().pad_token_id
        if padding is None and len(batch) > 1:
            return [self._computed([each])[0] for each in batch]
        return self._forward(batch, padding or 0)

    def _forward(self, batch: Sequence[Asked], padding: int) -> list[tuple[float, ...]]:
        import torch

        model, _, device = self._open()
        longest = max(len(each.ids) for each in batch)
        rest = [longest - len(each.ids) for each in batch]
        ids = [[*each.ids, *[padding] * more] for each, more in zip(batch, rest, strict=True)]
        mask = [[1] * len(each.ids) + [0] * more for each, more in zip(batch, rest, strict=True)]
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                use_cache=False,
            ).logits.double()
        if self.kind == "SequenceClassification":
            return [(float(reward),) for reward in logits[:, 0].cpu()]
        right = logits.softmax(-1)[..., 1].cpu()
        return [tuple(right[row, list(each.ends)].tolist()) for row, each in enumerate(batch)]
