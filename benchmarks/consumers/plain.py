"""The second way to a loss: a forward pass in float64 of one sequence at a time, and numpy.

No padding, no attention mask, no batch, no kernel of a trainer. Token ids come from the row where it has them, else
from text that is rendered here, with the mask read off the characters.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Floats", "Plain", "divergence", "encode", "log_sigmoid", "render", "sigmoid"]

Floats = NDArray[np.float64]
Messages = Sequence[Mapping[str, str]]


class Plain:
    """A copy of a model, in float64."""

    def __init__(self, model: Any) -> None:
        self.model = copy.deepcopy(model).double().eval()

    @torch.no_grad()
    def distributions(self, prompt: Sequence[int], completion: Sequence[int]) -> Floats:
        """Log-probabilities of every token at every token of the completion, (tokens, vocabulary)."""
        logits = self.model(torch.tensor([[*prompt, *completion]])).logits[0].numpy()
        return _log_softmax(logits[len(prompt) - 1 : -1])

    def logprobs(self, prompt: Sequence[int], completion: Sequence[int]) -> Floats:
        """The log-probability of every token of the completion."""
        return np.take_along_axis(
            self.distributions(prompt, completion), np.array(completion)[:, None], axis=1
        )[:, 0]

    def total(self, prompt: Sequence[int], completion: Sequence[int]) -> float:
        """The log-probability of the whole completion."""
        return float(self.logprobs(prompt, completion).sum())

    @torch.no_grad()
    def hidden(self, ids: Sequence[int]) -> Floats:
        """What the last layer says at every token, (tokens, width)."""
        states: Floats = self.model.base_model(torch.tensor([list(ids)])).last_hidden_state[0].numpy()
        return states


def _log_softmax(logits: Floats) -> Floats:
    peak = logits.max(axis=-1, keepdims=True)
    total: Floats = peak + np.log(np.exp(logits - peak).sum(axis=-1, keepdims=True))
    return logits - total


def sigmoid(x: Floats | float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.asarray(x, dtype=np.float64))))


def log_sigmoid(x: Floats | float) -> Floats:
    return np.asarray(-np.logaddexp(0.0, -np.asarray(x, dtype=np.float64)))


def divergence(student: Floats, teacher: Floats, alpha: float) -> Floats:
    """Between distributions over the last axis, given as logarithms.

    Args:
        student: log-probabilities that sum to 1.
        teacher: likewise.
        alpha: 0 for KL(teacher | student), 1 for KL(student | teacher), between them the Jensen-Shannon divergence
            with the mixture `alpha * teacher + (1 - alpha) * student`.
    """
    s, t = np.exp(student), np.exp(teacher)
    if alpha == 0:
        return np.asarray((t * (teacher - student)).sum(axis=-1))
    if alpha == 1:
        return np.asarray((s * (student - teacher)).sum(axis=-1))
    mixture = np.log(alpha * t + (1 - alpha) * s)
    return np.asarray((alpha * t * (teacher - mixture) + (1 - alpha) * s * (student - mixture)).sum(axis=-1))


def render(messages: Messages, *, answer: bool = False) -> str:
    """Messages as the embedded model's chat template writes them, with the opening of an answer where asked for."""
    said = "".join(f"<|{message['role']}|>{message['content']}<|end|>" for message in messages)
    return said + "<|assistant|>" * answer


def encode(tokenizer: Any, prompt: str, completion: str) -> tuple[list[int], list[int]]:
    """The tokens of a text, parted where the completion's characters begin."""
    encoded = tokenizer(prompt + completion, add_special_tokens=False, return_offsets_mapping=True)
    ids, spans = encoded["input_ids"], encoded["offset_mapping"]
    length = next((i for i, (_, end) in enumerate(spans) if end > len(prompt)), len(ids))
    return ids[:length], ids[length:]
