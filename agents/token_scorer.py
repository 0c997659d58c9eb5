"""A teacher that scores recorded token ids: one forward pass of a local model, nothing sampled.

`TokenScorer` answers two questions about a completion that someone else sampled: how likely was each of its
tokens (`logprobs`), and what would the teacher have said there instead (`top_k`). Both are the log-softmax, in
float32, of the raw logits, as the engines record them: before temperature and top-p. Sequences that come
together share batches of similar length, padded on the right, where a causal model cannot see the padding.

Not covered: models that need more than one GPU, encoder-decoder models, text (the ids are scored as they are,
so teacher and student must share a vocabulary).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.agents.engines.optional import require
from tutelage.agents.model_directory import open_model_directory
from tutelage.errors import ContextTooLong, EngineError, UserError

__all__ = ["Graded", "TokenScorer"]

NEEDED_BY = "TokenScorer"
BATCH_TOKENS = 8192
BATCH_LOGITS = 2**27
"""Logits of one forward pass: 512 MiB in float32."""

Ids = Sequence[int]
Pair = tuple[Ids, Ids]
"""The ids of a prompt and of its completion."""
TopK = tuple[list[list[int]], list[list[float]]]
"""For every token of a completion the ids of the k likeliest tokens and their log-probabilities, likeliest first."""


class Graded(NamedTuple):
    """A token of a completion, as the teacher sees it."""

    logprob: float
    """In nats."""
    likeliest: bool
    """Whether no other token is likelier: whether greedy decoding would say it, too."""


class TokenScorer:
    """A causal language model that reads token ids and gives log-probabilities. For use in one thread."""

    def __init__(
        self,
        directory: str | Path,
        *,
        device: str | None = None,
        dtype: str = "float32",
        batch_tokens: int | None = None,
    ) -> None:
        """Load a model directory.

        Args:
            directory: Weights in Hugging Face's layout.
            device: A torch device; `None`: the GPU if there is one, else the CPU.
            dtype: What the network computes in: "float32", "bfloat16", "float16", or "auto" for what the
                weights are stored in. The log-softmax is in float32 in any case.
            batch_tokens: Most tokens of one forward pass, padding included; a longer sequence goes alone. `None`:
                8192, or fewer where the vocabulary is so large that their logits would take more than 512 MiB.

        Raises:
            UserError: `batch_tokens` is not positive.
            ModelDirectoryError: The directory is missing or broken.
            MissingDependency: torch or transformers is not installed.
            EngineError: The weights could not be loaded.
        """
        if batch_tokens is not None and batch_tokens < 1:
            raise UserError(f"batch_tokens must be at least 1, not {batch_tokens!r}")
        self._model = open_model_directory(directory)
        self._torch = require("torch", needed_by=NEEDED_BY, install="torch")
        transformers = require("transformers", needed_by=NEEDED_BY, install="transformers")
        device = device or ("cuda" if self._torch.cuda.is_available() else "cpu")
        self._weights = _load(transformers, self._model.path, device, dtype)
        self.vocabulary: int = self._weights.get_output_embeddings().weight.shape[0]
        """How many token ids the model knows."""
        self._batch_tokens = batch_tokens or min(BATCH_TOKENS, max(1, BATCH_LOGITS // self.vocabulary))

    @property
    def policy(self) -> str:
        """The version of these weights; reads every byte of them."""
        return self._model.policy()

    def logprobs(self, prompt_ids: Ids, completion_ids: Ids) -> list[float]:
        """Give the log-probability (nats) of every token of a completion; see `logprobs_of`."""
        return self.logprobs_of([(prompt_ids, completion_ids)])[0]

    def top_k(self, prompt_ids: Ids, completion_ids: Ids, k: int) -> TopK:
        """Give the k likeliest tokens at every token of a completion; see `top_k_of`."""
        return self.top_k_of([(prompt_ids, completion_ids)], k)[0]

    def logprobs_of(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Score many completions.

        Args:
            pairs: The ids of each prompt, at least one, and of its completion, which may be empty.

        Returns:
            In the order of `pairs`: one log-probability (nats) a completion token, given all tokens before it.

        Raises:
            UserError: A prompt is empty, or an id is none of the model's.
            ContextTooLong: Prompt and completion do not fit into the model's context.
        """
        scored: list[list[float]] = [[] for _ in pairs]
        for index, rows in self._distributions(pairs):
            scored[index] = self._chosen(rows, pairs[index]).tolist()
        return scored

    def top_k_of(self, pairs: Sequence[Pair], k: int) -> list[TopK]:
        """Give the teacher's k likeliest tokens where each completion has one.

        Args:
            pairs: As in `logprobs_of`.
            k: At least 1, at most the size of the vocabulary.

        Returns:
            In the order of `pairs`: ids and log-probabilities (nats) of shape (completion tokens, k), likeliest
            first. The k probabilities of a token sum to less than 1: they are not normalised again.

        Raises:
            UserError: `k` is out of range, a prompt is empty, or an id is none of the model's.
            ContextTooLong: Prompt and completion do not fit into the model's context.
        """
        if not 1 <= k <= self.vocabulary:
            raise UserError(f"k must be from 1 to {self.vocabulary}, the size of the vocabulary, not {k!r}")
        scored: list[TopK] = [([], []) for _ in pairs]
        for index, rows in self._distributions(pairs):
            best = rows.topk(k, dim=1)
            scored[index] = (best.indices.tolist(), best.values.tolist())
        return scored

    def graded_of(self, pairs: Sequence[Pair]) -> list[list[Graded]]:
        """Score many completions, and say of each token whether it is the likeliest.

        Args:
            pairs: As in `logprobs_of`.

        Raises:
            UserError: A prompt is empty, or an id is none of the model's.
            ContextTooLong: Prompt and completion do not fit into the model's context.
        """
        graded: list[list[Graded]] = [[] for _ in pairs]
        for index, rows in self._distributions(pairs):
            values = self._chosen(rows, pairs[index])
            best = values >= rows.max(dim=1).values
            graded[index] = [Graded(*each) for each in zip(values.tolist(), best.tolist(), strict=True)]
        return graded

    def _chosen(self, rows: Any, pair: Pair) -> Any:
        """Of rows of log-probabilities, those of a completion's own tokens."""
        ids = self._torch.tensor(list(pair[1]), device=rows.device)
        return rows.gather(1, ids[:, None]).squeeze(1)

    def _distributions(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, Any]]:
        """Pairs by their index, each with a (completion tokens, vocabulary) tensor of log-probabilities."""
        for index, pair in enumerate(pairs):
            self._check(index, pair)
        for batch in _batches(pairs, self._batch_tokens):
            yield from zip(batch, self._forward([pairs[index] for index in batch]), strict=True)

    def _forward(self, pairs: Sequence[Pair]) -> Iterator[Any]:
        torch = self._torch
        longest = max(map(_length, pairs))
        first = min(len(prompt) for prompt, _ in pairs) - 1
        ids = [[*prompt, *answer] + [0] * (longest - len(prompt) - len(answer)) for prompt, answer in pairs]
        mask = [[1] * _length(pair) + [0] * (longest - _length(pair)) for pair in pairs]
        device = self._weights.device
        with torch.inference_mode():
            logits = self._weights(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                logits_to_keep=longest - first,
                use_cache=False,
            ).logits
        for row, (prompt, answer) in zip(logits, pairs, strict=True):
            said = row[len(prompt) - 1 - first :][: len(answer)]
            yield torch.log_softmax(said.float(), dim=-1)

    def _check(self, index: int, pair: Pair) -> None:
        prompt, completion = pair
        if not prompt:
            raise UserError(
                f"sequence {index} has an empty prompt: nothing gives its first token a probability"
            )
        stranger = next((i for part in pair for i in part if not 0 <= i < self.vocabulary), None)
        if stranger is not None:
            raise UserError(
                f"token id {stranger!r} of sequence {index} is none of the {self.vocabulary} of "
                f"{str(self._model.path)!r}; score with a model of the same vocabulary"
            )
        context = self._model.context_length
        if context is not None and _length(pair) > context:
            raise ContextTooLong(
                f"sequence {index} has {len(prompt)} + {len(completion)} tokens, the context of "
                f"{str(self._model.path)!r} holds {context}"
            )


def _length(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1])


def _batches(pairs: Sequence[Pair], most: int) -> Iterator[list[int]]:
    """Indices of pairs with a completion, the longest first, in batches of at most `most` tokens."""
    order = sorted((i for i, pair in enumerate(pairs) if pair[1]), key=lambda i: -_length(pairs[i]))
    while order:
        size = max(1, most // _length(pairs[order[0]]))
        yield order[:size]
        order = order[size:]


def _load(transformers: Any, path: Path, device: str, dtype: str) -> Any:
    try:
        weights = transformers.AutoModelForCausalLM.from_pretrained(
            str(path), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=dtype
        )
        return weights.to(device).eval()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EngineError(
            f"transformers could not load {str(path)!r} in {dtype!r} on {device!r}: {reason}"
        ) from error
