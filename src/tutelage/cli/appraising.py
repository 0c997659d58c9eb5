"""What `tutelage evaluate` measures beside a subject: which subject is meant, and what is asked by default.

Not covered: measuring (`tutelage.training.appraise`).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.cli.graphs import METHODS, Dials, Plan, Setting, planned
from tutelage.cli.models import model_of
from tutelage.cli.options import pairs_of
from tutelage.cli.subjects import engine_for, stored_evaluation
from tutelage.errors import UserError
from tutelage.nearest import near
from tutelage.tools.naming import verifier_named
from tutelage.types import Sampling, Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel
    from tutelage.tools import Verifier
    from tutelage.training import Appraisal, Arm
    from tutelage.training.appraisal.origin import Origin

__all__ = ["Asked", "is_graph"]

OWN_GRAPH = "graph:"
OTHERS = 200
"""Tasks a family at most on which forgetting is measured by default."""


def is_graph(subject: str) -> bool:
    """Whether a subject names a graph: a method's name, or graph:MODULE:ATTRIBUTE."""
    return subject.startswith(OWN_GRAPH) or (subject in METHODS and not Path(subject).is_dir())


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    subject: str
    tasks: Sequence[Task] | None
    verifier: str | None
    samples: int
    model: str | None
    dials: tuple[str, ...]
    baselines: bool | None
    repairs: int
    before: Path | None
    forgetting: bool | None
    other: Sequence[Task]
    arms: tuple[str, ...]
    out: Path | None
    concurrency: int
    progress: bool
    settings: tuple[str, ...]
    sampling: Sampling | None

    def wants_more(self) -> bool:
        """Whether more is asked for than the subject's accuracy."""
        given = (self.before, self.forgetting, self.baselines, self.out)
        stored = (Path(self.subject) / "evaluation.json").is_file()
        return (
            is_graph(self.subject)
            or stored
            or bool(self.other or self.arms)
            or any(each is not None for each in given)
        )

    def appraisal(self) -> "Appraisal":
        """Measure it, add the arms that were measured elsewhere, and write it where it shall be written."""
        from tutelage.training import read_appraisal, write_appraisal

        more = [self._arm(text) for text in self.arms]
        path = Path(self.subject)
        if (path / "evaluation.json").is_file():
            found = read_appraisal(path)
        elif path.is_dir() and not (path / "config.json").is_file():
            found = self._of_run(path)
        else:
            found = self._of_model(path)
        found = found.with_arms(more)
        if self.out is not None:
            write_appraisal(found, self.out)
        return found

    def _of_run(self, path: Path) -> "Appraisal":
        from tutelage.traces import Run
        from tutelage.training.selection import verifier_of as name_of

        with ExitStack() as stack:
            run = stack.enter_context(Run.open(path))
            name = name_of(run, run.scores(subject="rollout"), self.verifier)
            judge = verifier_named(name, ())
            model = None
            if self.model is not None:
                model = stack.enter_context(model_of(self.model, self.settings, self.sampling))
            return self._appraised(run, judge, model, name=run.name)

    def _of_model(self, path: Path) -> "Appraisal":
        from tutelage.training.appraisal.origin import Origin

        if self.tasks is None:
            raise UserError(f"{self.subject!r} is no run's directory; it needs TASKS to solve")
        plan = self._plan() if is_graph(self.subject) else None
        if plan is None and (self.model is not None or self.dials):
            raise UserError(f"{self.subject!r} is a model itself; --model and --dial are for graphs")
        origin = Origin.of(path) if path.is_dir() else None
        spec = (self.model or "embedded") if plan else engine_for(path) if path.is_dir() else self.subject
        judge = verifier_named(self.verifier, self.tasks)
        with model_of(spec, self.settings, self.sampling) as model:
            subject: Any = model
            if plan is not None:
                dials, store = self._dials(), (self.out or Path()) / "runs" / "subject"
                subject = plan(Setting(model, judge, self.tasks, dials, store))
            return self._appraised(subject, judge, model, name=self.subject, origin=origin)

    def _appraised(
        self,
        subject: Any,
        judge: "Verifier",
        model: "ChatModel | None",
        *,
        name: str,
        origin: "Origin | None" = None,
    ) -> "Appraisal":
        from tutelage.training import appraise

        before = self._before(origin)
        return appraise(
            subject,
            self.tasks,
            verifier=judge,
            model=model,
            samples=self.samples,
            against_baselines=self.baselines,
            repairs=self.repairs,
            before=before,
            other=() if before is None else self._other(origin),
            origin=origin,
            folder=None if self.out is None else self.out / "runs",
            name=name,
            concurrency=self.concurrency,
            progress=self.progress,
        )

    def _before(self, origin: "Origin | None") -> Path | None:
        """The weights before the training: as given, else as the policy says, if they are there."""
        if self.before is not None:
            return self.before
        if origin is not None and origin.base is not None and Path(origin.base).is_dir():
            return Path(origin.base)
        if self.forgetting or self.other:
            raise UserError(
                "what was forgotten needs the weights before the training, and the subject does not name them; "
                "give --before DIR"
            )
        return None

    def _other(self, origin: "Origin | None") -> Sequence[Task]:
        """Tasks that were not trained on: as given, else of the other families where the trained ones are known."""
        from tutelage.training.appraisal.forgetting import other_tasks
        from tutelage.training.embedded.heldout import MIDDLING

        if self.other or self.forgetting is False:
            return self.other
        trained = () if origin is None else origin.families
        known = bool(trained) and set(trained) < set(MIDDLING)
        if not known and not self.forgetting:
            return ()
        return other_tasks(trained, min(len(self.tasks or ()), OTHERS))

    def _plan(self) -> Plan:
        return planned(self.subject.removeprefix(OWN_GRAPH), self._dials())

    def _dials(self) -> Dials:
        given, known = pairs_of("--dial", self.dials), Dials.__dataclass_fields__
        for key, value in given.items():
            if key not in known:
                raise UserError(f"--dial {key}: unknown{near(key, known)}; known are {', '.join(known)}")
            if key in ("samples", "rounds") and not (type(value) is int and value >= (key == "samples")):
                raise UserError(f"--dial {key}={value!r}: give a whole number")
        return Dials(**given)

    def _arm(self, text: str) -> "Arm":
        """KIND=DIR, where DIR holds a stored evaluation or a recorded run."""
        from tutelage.training import Arm
        from tutelage.training.appraisal.arms import ARM_KINDS

        kind, equals, place = text.partition("=")
        known = {each.replace(" ", "-"): each for each in ARM_KINDS}
        if not equals or kind not in known:
            raise UserError(f"--arm {text!r}: give KIND=DIR, with a KIND of {', '.join(known)}")
        evaluation = stored_evaluation(Path(place), self.verifier)
        if kind != "baseline":
            evaluation = evaluation.model_copy(update={"name": f"{known[kind]}: {evaluation.name}"})
        return Arm(kind=known[kind], evaluation=evaluation)
