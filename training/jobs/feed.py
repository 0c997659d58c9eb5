"""What trainings ask for while they run: a worker names weights and a step, its parent answers with a file of rows
and with figures of the step, which are shown with the losses.

Both ends are pipes of lines; a line is a JSON object. Where several trainings run together, the parent hears all that
wait before it answers, so that their questions can be answered from one set of rollouts. A parent that fails closes the
pipes, and the workers end. Not covered: what is in the file (`tutelage.training.reinforcement.batch`).
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Self

__all__ = ["Answers", "Asker", "Feed", "Made", "Question", "serve"]


class Question(NamedTuple):
    """What a worker needs to go on."""

    step: int
    """From 0."""
    policy: Path
    """A model or adapter directory: the weights that shall sample."""


class Made(NamedTuple):
    """What it is given."""

    rows: Path
    """A file."""
    figures: Mapping[str, float]
    """How the step went, by name."""


Answers = Callable[[Mapping[str, Question]], Mapping[str, Made]]
"""Takes the questions of all workers that run, by their names, and answers one of them or more."""


class Feed:
    """The worker's end."""

    def __init__(self, asks: int, hears: int) -> None:
        """Take the file descriptors to write to and to read from."""
        self._asks: IO[str] = os.fdopen(asks, "w", encoding="utf-8")
        self._hears: IO[str] = os.fdopen(hears, encoding="utf-8")

    def ask(self, question: Question) -> Made:
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
        told = json.loads(line)
        return Made(Path(told["rows"]), told["figures"])

    def close(self) -> None:
        """Say that no more questions come."""
        self._asks.close()
        self._hears.close()


class Asker:
    """The parent's end of one worker; closed when it is left."""

    def __init__(self, asks: int, hears: int) -> None:
        """Take the file descriptors that questions come from and that answers go to."""
        self._questions: IO[str] = os.fdopen(asks, encoding="utf-8")
        self._answers: IO[str] = os.fdopen(hears, "w", encoding="utf-8")

    def __enter__(self) -> Self:
        """Hear and tell."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pipes."""
        self._questions.close()
        with suppress(BrokenPipeError):
            self._answers.close()

    def hear(self) -> Question | None:
        """Wait for the next question; `None` where the worker has no more."""
        line = self._questions.readline()
        if not line:
            return None
        told = json.loads(line)
        return Question(told["step"], Path(told["policy"]))

    def tell(self, made: Made) -> None:
        """Answer; a worker that has ended hears nothing."""
        told = {"rows": str(made.rows), "figures": dict(made.figures)}
        try:
            print(json.dumps(told), file=self._answers, flush=True)
        except BrokenPipeError:
            return


def serve(askers: Mapping[str, Asker], answers: Answers, ended: Callable[[str], None]) -> None:
    """Answer until no worker has a question.

    Args:
        askers: the workers' pipes, by their names.
        answers: makes the rows.
        ended: is told who has no more questions; it raises where that worker has failed, and the others are left.
    """
    going, waiting = dict(askers), dict[str, Question]()
    while going:
        for name in [name for name in going if name not in waiting]:
            question = going[name].hear()
            if question is None:
                del going[name]
                ended(name)
            else:
                waiting[name] = question
        if waiting:
            for name, made in answers(dict(waiting)).items():
                del waiting[name]
                going[name].tell(made)
