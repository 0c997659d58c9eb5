"""Text with token ids and log-probabilities, as a model with a large vocabulary would give them."""

import random
import string
from typing import NamedTuple

__all__ = ["Said", "Speech"]

VOCABULARY = 150_000
WORDS = 5_000


class Said(NamedTuple):
    """A text, a token a word."""

    text: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Speech:
    """Words of a vocabulary, the frequent ones often, as in Zipf's law."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = string.ascii_lowercase
        self._words = [
            "".join(self._random.choices(letters, k=self._random.randint(2, 9))) for _ in range(WORDS)
        ]
        self._ids = self._random.sample(range(VOCABULARY), WORDS)
        self._weights = [1 / (rank + 1) for rank in range(WORDS)]

    def say(self, words: int) -> Said:
        """Say so many words."""
        found = self._random.choices(range(WORDS), self._weights, k=words)
        return Said(
            " ".join(self._words[number] for number in found),
            tuple(self._ids[number] for number in found),
            tuple(-self._random.expovariate(1.0) for _ in found),
        )
