"""What every objective learns from: one recorded run of training tasks, solved several times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.agents import ChatModel
from tutelage.graphs import one_shot, rollout
from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["Lesson", "recorded"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A seed's model, training tasks and recorded run."""

    model: ChatModel
    base: Path
    """The weights that everything starts from."""
    tasks: Sequence[Task]
    verifier: Verifier
    run: Run
    folder: Path
    seed: int


def recorded(
    model: ChatModel, tasks: Sequence[Task], verifier: Verifier, samples: int, folder: Path, seed: int
) -> Lesson:
    """Solve the tasks; the same folder continues."""
    run = rollout(
        one_shot(model, verifier=verifier), tasks, verifier=verifier, store=folder / "solved", repeats=samples
    )
    return Lesson(model, local_directory(model), tasks, verifier, run, folder, seed)
