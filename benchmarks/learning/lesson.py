"""What the objectives learn from: recorded runs of a seed's training tasks, solved several times.

Those that solve learn from few tasks solved often, those that judge from many tasks solved seldom: a judge that sees the
same problems again learns them by heart (docs/log.md). Not covered: objectives that roll out themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tutelage.agents import ChatModel
from tutelage.graphs import one_shot, rollout
from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.training.embedded.heldout import training_tasks
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["FULL", "QUICK", "Lesson", "bill"]

FULL: Mapping[str, tuple[int, int]] = {"solved": (160, 8), "judged": (900, 3)}
"""Of each run, the tasks a family and the rollouts of each."""
QUICK: Mapping[str, tuple[int, int]] = {"solved": (4, 4), "judged": (6, 3)}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A seed's model, training tasks and recorded runs."""

    model: ChatModel
    verifier: Verifier
    folder: Path
    seed: int
    sizes: Mapping[str, tuple[int, int]]
    base: Path = field(init=False)
    """The weights that everything starts from."""

    def __post_init__(self) -> None:
        """Remember what the engine holds now."""
        object.__setattr__(self, "base", local_directory(self.model))

    @property
    def tasks(self) -> list[Task]:
        """Those that what solves may learn from."""
        return training_tasks(self.sizes["solved"][0], self.seed)

    def record(self, kind: str) -> None:
        """Solve what is missing of a run, by the model as it is now."""
        per_family, samples = self.sizes[kind]
        rollout(
            one_shot(self.model, verifier=self.verifier),
            training_tasks(per_family, self.seed),
            verifier=self.verifier,
            store=self.folder / kind,
            repeats=samples,
            progress=False,
        ).close()

    def open(self, kind: str) -> Run:
        """Open a recorded run."""
        return Run.open(self.folder / kind)


def bill(folder: Path) -> int:
    """The tokens that all roles read and wrote in the runs of a folder, or in the run that it is itself."""
    found = 0
    for place in [folder, *sorted(folder.glob("*/"))]:
        if (place / "run.sqlite").is_file():
            with Run.open(place) as run:
                found += sum(each.prompt + each.completion for each in run.tokens().values())
    return found
