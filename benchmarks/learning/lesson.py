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

__all__ = ["Lesson", "bill", "recorded"]


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


def bill(folder: Path) -> int:
    """The tokens that all roles read and wrote in the runs of a folder, or in the run that it is itself."""
    found = 0
    for place in [folder, *sorted(folder.glob("*/"))]:
        if (place / "run.sqlite").is_file():
            with Run.open(place) as run:
                found += sum(each.prompt + each.completion for each in run.tokens().values())
    return found
