"""What a training asks for while it runs: a worker names weights and a step, its parent answers with a file of rows.

Both ends are pipes of lines; a line is a JSON object. The parent's end answers each question before it reads the
next; a parent that fails closes the pipe, and the worker ends. Not covered: what is in the file
(`tutelage.training.reinforcement.batch`).
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

__all__ = ["Answer", "Feed", "Question", "serve"]


class Question(NamedTuple):
    """What a worker needs to go on."""

    step: int
    """From 0."""
    policy: Path
    """A model directory: the weights that shall sample."""


Answer = Callable[[Question], Path]
"""Makes the rows of a step and says in which file they are."""


class Feed:
    """The worker's end."""

    def __init__(self, asks: int, hears: int) -> None:
        """Take the file descriptors to write to and to read from."""
        self._asks: IO[str] = os.fdopen(asks, "w", encoding="utf-8")
        self._hears: IO[str] = os.fdopen(hears, encoding="utf-8")

    def ask(self, question: Question) -> Path:
        """Wait for the rows of a step.

        Raises:
            EOFError: the parent gives none any more.
        """
        print(
            json.dumps({"step": question.step, "policy": str(question.policy)}), file=self._asks, flush=True
        )
        line = self._hears.readline()
        if not line:
            raise EOFError("the process that rolls out has ended")
        return Path(json.loads(line)["rows"])


def serve(asks: int, hears: int, answer: Answer) -> None:
    """The parent's end: answer until the worker has no more questions.

    Args:
        asks: the file descriptor that the worker's questions come from; closed at the end.
        hears: where the answers go; closed at the end.
        answer: makes the rows.
    """
    with os.fdopen(asks, encoding="utf-8") as questions, os.fdopen(hears, "w", encoding="utf-8") as answers:
        for line in questions:
            told = json.loads(line)
            rows = answer(Question(told["step"], Path(told["policy"])))
            try:
                print(json.dumps({"rows": str(rows)}), file=answers, flush=True)
            except BrokenPipeError:
                return
