"""Measuring: the same tasks, verifier and number of attempts for every graph; each a run of its own in a folder.

The same call in the same folder continues what was cut off. Not covered: what is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.training.evaluation import Evaluation
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.graphs.compiled import AnyGraph

__all__ = ["Measuring"]


@dataclass(frozen=True, slots=True)
class Measuring:
    """How everything is measured."""

    tasks: Sequence[Task]
    verifier: Verifier
    samples: int = 1
    """Attempts a task."""
    folder: Path | None = None
    """Where the runs go; `None` keeps them in memory."""
    concurrency: int = 64
    progress: bool = True

    def run(self, name: str, graph: "AnyGraph", tasks: Sequence[Task] | None = None) -> Run:
        """Roll a graph out, on other tasks if they are given; the run is open for reading."""
        from tutelage.graphs import rollout

        return rollout(
            graph,
            self.tasks if tasks is None else tasks,
            verifier=self.verifier,
            store=None if self.folder is None else self.folder / name,
            repeats=self.samples,
            concurrency=self.concurrency,
            progress=self.progress,
        )

    def evaluated(
        self, name: str, graph: "AnyGraph", tasks: Sequence[Task] | None = None, *, called: str | None = None
    ) -> Evaluation:
        """Roll a graph out and evaluate it; `name` is the run's, `called` the evaluation's."""
        with self.run(name, graph, tasks) as run:
            return Evaluation.of(run, verifier=self.verifier.name, name=called or name)
