"""What an engine has said, by the text that people see: for prompts that quote it, token by token.

A conversation's next prompt quotes earlier answers as text, and text can be cut into tokens in several ways: cutting
it anew may give other ids than were sampled ("drift"), which no longer are what the model said. So the ids of
every answer are kept under the text of its prompt and its own text. Of two answers that read the same, the later is
kept. The oldest and longest unused go first.

Not covered: how prompts are rendered (`prompt_renderer`).
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Sampled", "SampledMemory"]

TOKENS = 2**24
"""Token ids kept, prompts included, at 4 bytes each."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """An answer as it was sampled."""

    ids: Sequence[int]
    """The prompt's and the answer's, an end token included."""
    ended: bool
    """Whether the last one is a token that ends an answer."""


class SampledMemory:
    """A bounded memory. For use in one thread."""

    def __init__(self, tokens: int = TOKENS) -> None:
        """Keep at most so many token ids."""
        self._most = tokens
        self._held = 0
        self._entries: OrderedDict[bytes, Sampled] = OrderedDict()

    def add(self, prompt: str, answer: str, ids: Sequence[int], *, ended: bool) -> None:
        """Keep the ids of a prompt and its answer under their texts."""
        key = _key(prompt, answer)
        self._drop(self._entries.pop(key, None))
        self._entries[key] = Sampled(array("i", ids), ended)
        self._held += len(ids)
        while self._held > self._most:
            self._drop(self._entries.popitem(last=False)[1])

    def find(self, prompt: str, answer: str) -> Sampled | None:
        """Give what was sampled; `None` where nothing of these texts was, or it is forgotten."""
        key = _key(prompt, answer)
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def _drop(self, entry: Sampled | None) -> None:
        self._held -= len(entry.ids) if entry else 0


def _key(prompt: str, answer: str) -> bytes:
    parts = (part.encode("utf-8", "surrogatepass") for part in (prompt, answer))
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()
