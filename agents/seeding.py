"""Seeds a request: inside `seeded`, what is sampled depends on what is asked, and not on when or beside whom.

The seed of a request is a hash of the block's seed, of the rollout's task and repeat, of who asks what, and of how often
that was asked before in this rollout. So a rollout that was lost is sampled again as it was, whichever others are in
flight. Engines that have no seed a request (vLLM, servers, scripts) leave it aside. The arithmetic is the engine's: of
`transformers` with `dtype="float64"` samples are the same in any batch; with fewer bits a batch of another make-up may,
rarely, turn a token.

Not covered: other randomness, such as that of a graph's own nodes.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Any

from tutelage.traces import current_recorder
from tutelage.types import Sampling

__all__ = ["request_seed", "seed_from", "seeded"]

BYTES = 7
"""Of a seed: below 2 to the 63, which every generator takes."""


class _Seeds:
    """A block's seed, and what was asked in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def seed_of(self, rollout: str, place: str, question: str) -> int:
        """Rollouts are counted by id, which another process gives anew, and hashed by their place."""
        with self._lock:
            before = self._asked[rollout + question]
            self._asked[rollout + question] += 1
        return seed_from(self.seed, place, question, before)


_current: ContextVar[_Seeds | None] = ContextVar("tutelage_seeds", default=None)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let every request inside the block, and inside the tasks that are begun in it, have a seed of its own.

    Args:
        seed: two blocks of one seed sample the same for the same questions.
    """
    token = _current.set(_Seeds(seed))
    try:
        yield
    finally:
        _current.reset(token)


def request_seed(
    messages: Sequence[Mapping[str, Any]], sampling: Sampling, samples: int, role: str
) -> int | None:
    """Give the seed of a request that is about to be made; `None` outside of `seeded`."""
    seeds = _current.get()
    if seeds is None:
        return None
    recorder = current_recorder()
    rollout = None if recorder is None else recorder.rollout
    place = "" if rollout is None else f"{rollout.task.id} {rollout.repeat}"
    question = [[dict(each) for each in messages], sampling.model_dump(mode="json"), samples, role]
    key = sha256(json.dumps(question, sort_keys=True, default=str).encode("utf-8", "surrogatepass"))
    return seeds.seed_of("" if rollout is None else rollout.id, place, key.hexdigest())


def seed_from(*parts: object) -> int:
    """Give a seed for a list of plain values; others for others."""
    digest = sha256("\n".join(map(repr, parts)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:BYTES])
