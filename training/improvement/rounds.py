"""The work of the rounds, each part recorded in the folder where it is found again.

    improve.json            what was asked for
    leaderboard.jsonl       the versions
    best                    a link to the current version's weights
    round-N/rollouts        a run: the graph on the round's training tasks, by the version that is current
    round-N/policy          the weights that were trained
    round-N/development     a run: the development tasks
    round-N/others, probe   runs that monitors read

Whatever is random has a seed of the round and the part. Not covered: what is decided (`deciding`).
"""

import json
import os
import random
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tutelage.agents import ChatModel, open_model_directory
from tutelage.agents.seeding import seed_from, seeded
from tutelage.errors import UserError
from tutelage.graphs import one_shot, rollout
from tutelage.graphs.compiled import AnyGraph, compiled, graph_settings, plain
from tutelage.graphs.rescoring import rescore
from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.traces.store import first_difference
from tutelage.training.comparison import Comparison
from tutelage.training.curricula.curriculum import Uniform
from tutelage.training.evaluation import Evaluation
from tutelage.training.improvement.monitors import Reading, Seen, readings
from tutelage.training.improvement.settings import ImproveSettings
from tutelage.types import Task

__all__ = ["Plan", "Rounds"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rounds are made of."""

    graph: AnyGraph
    model: ChatModel
    tasks: Sequence[Task]
    development: Sequence[Task]
    others: Sequence[Task]
    verifier: Verifier
    proxy: Verifier | None
    settings: ImproveSettings
    concurrency: int
    progress: bool

    def check(self) -> None:
        """Refuse what cannot be told apart.

        Raises:
            UserError: there are no tasks, a problem is learnt from and examined on, or the proxy has the verifier's name.
        """
        if not self.tasks or not self.development:
            raise UserError("improve needs training tasks and development tasks; give both")
        if self.proxy is not None and self.proxy.name == self.verifier.name:
            raise UserError(
                f"proxy and verifier are both called {self.proxy.name!r}; give another proxy, or none"
            )
        learnt = {task.problem for task in self.tasks}
        for name, tasks in (("development", self.development), ("others", self.others)):
            for task in tasks:
                if task.problem in learnt:
                    raise UserError(
                        f"{name} task {task.id!r} is a training task, too; keep apart what is learnt and what is examined"
                    )

    @property
    def judge(self) -> str:
        """The name of the scores that select."""
        return (self.proxy or self.verifier).name

    def described(self, base: str) -> dict[str, Any]:
        """What must be the same for the rounds to go on; more rounds may be asked for later."""
        return {
            "base": base,
            "graph": graph_settings(compiled(self.graph)),
            "verifier": plain(self.verifier),
            "proxy": plain(self.proxy),
            "settings": self.settings.model_dump(mode="json", exclude={"rounds", "patience"}),
            "tasks": _digest(self.tasks),
            "development": _digest(self.development),
            "others": _digest(self.others),
        }


class Rounds:
    """The parts of the rounds in a folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Take what there is to do."""
        self.plan, self.folder = plan, folder

    def begin(self, base: Path, policy: str, versions: AbstractSet[str]) -> Path:
        """Say in the folder what is asked for, or read that the same was.

        Args:
            base: where the model's weights lie.
            policy: their version.
            versions: the policies that the rounds have made so far.

        Returns:
            The directory that the first round begins with.

        Raises:
            UserError: something else was asked for, the model has nothing to do with the rounds, or the first weights
                are gone.
        """
        file = self.folder / "improve.json"
        if not file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            asked = {**self.plan.described(policy), "directory": str(base.absolute())}
            making = self.folder / ".improve.json.partial"
            making.write_text(json.dumps(asked, indent=2), encoding="utf-8")
            os.replace(making, file)
        known = json.loads(file.read_text(encoding="utf-8"))
        first = Path(known.pop("directory"))
        if policy not in {known["base"], *versions}:
            raise UserError(
                f"the model has policy {policy}, and the rounds in {str(self.folder)!r} were begun with "
                f"{known['base']}; take that model, or give another folder"
            )
        if open_model_directory(first).policy() != known["base"]:
            raise UserError(
                f"{str(first)!r} has not the weights any more that the rounds in {str(self.folder)!r} were begun with "
                f"({known['base']}); put them back, or give another folder"
            )
        # A graph's description names the weights of its model.
        self.plan.model.reload(first)
        now = json.loads(json.dumps(self.plan.described(known["base"])))
        difference = first_difference(known, now)
        if difference is not None:
            raise UserError(
                f"{difference[0]!r} is {difference[2]}, but the rounds in {str(self.folder)!r} were begun with "
                f"{difference[1]}; use that, or another folder"
            )
        return first

    def part(self, round: int, name: str) -> Path:
        """Where a part of a round lies."""
        return self.folder / f"round-{round}" / name

    def roll_out(self, round: int) -> Path:
        """Run the graph on the round's tasks, and let the proxy judge."""
        plan, settings = self.plan, self.plan.settings
        drawn = Uniform().draw(plan.tasks, settings.tasks, (settings.seed, round - 1, 0))
        place = self.part(round, "rollouts")
        self._rolled(place, plan.graph, drawn, settings.repeats, round).close()
        self._judged(place)
        return place

    def examine(self, round: int) -> None:
        """Evaluate the weights that the model has now, and let them run what monitors read."""
        plan, exam = self.plan, one_shot(self.plan.model, verifier=self.plan.verifier)
        self._rolled(
            self.part(round, "development"), exam, plan.development, plan.settings.samples, round
        ).close()
        if plan.others:
            self._rolled(self.part(round, "others"), exam, plan.others, 1, round).close()
        if plan.settings.probe:
            count = min(plan.settings.probe, len(plan.development))
            some = random.Random(plan.settings.seed).sample(list(plan.development), count)
            self._rolled(self.part(round, "probe"), plan.graph, some, 1, round).close()
            self._judged(self.part(round, "probe"))

    def evaluation(self, round: int, part: str = "development") -> Evaluation:
        """Give what `examine` found."""
        with Run.open(self.part(round, part)) as run:
            return Evaluation.of(run, verifier=self.plan.verifier.name, name=f"round {round}")

    def compared(self, before: int, after: int) -> Comparison:
        """Compare two versions on the development tasks."""
        return Comparison.of(self.evaluation(before), self.evaluation(after))

    def monitored(self, round: int) -> list[Reading]:
        """Read the monitors of a version that was examined."""
        plan = self.plan
        proxy = None if plan.proxy is None else plan.proxy.name
        with ExitStack() as stack:
            first, now = (self._seen(each, stack) for each in (0, round))
            return readings(first, now, plan.settings.limit, plan.verifier.name, proxy)

    def passed(self, round: int, judge: str) -> float | None:
        """The share of a round's solutions that passed, by the name of the scores; `None` where there are none."""
        with Run.open(self.part(round, "rollouts")) as run:
            rows = run.scores(subject="candidate") or run.scores(subject="rollout")
        said = {row.subject_id: row.score.passed for row in rows if row.score.name == judge}
        return sum(each is True for each in said.values()) / len(said) if said else None

    def sampled(self, round: int) -> int | None:
        """Tokens that were sampled in a round's rollouts; `None` where some are not counted."""
        with Run.open(self.part(round, "rollouts")) as run:
            counts = run.tokens().values()
        return None if any(each.unknown for each in counts) else sum(each.completion for each in counts)

    def spoke(self, round: int) -> set[str]:
        """The policies that spoke in a round's rollouts."""
        with Run.open(self.part(round, "rollouts")) as run:
            return {turn.policy for turn in run.iter_turns()}

    def _seen(self, round: int, stack: ExitStack) -> Seen:
        plan = self.plan
        probe = stack.enter_context(Run.open(self.part(round, "probe"))) if plan.settings.probe else None
        return Seen(probe, self.evaluation(round, "others") if plan.others else None)

    def _rolled(self, place: Path, graph: AnyGraph, tasks: Sequence[Task], repeats: int, round: int) -> Run:
        plan = self.plan
        with seeded(seed_from(plan.settings.seed, round, place.name)):
            return rollout(
                graph,
                tasks,
                verifier=plan.verifier,
                store=place,
                repeats=repeats,
                concurrency=plan.concurrency,
                progress=plan.progress,
            )

    def _judged(self, place: Path) -> None:
        """Let the proxy judge a run, once."""
        proxy = self.plan.proxy
        if proxy is None:
            return
        with Run.open(place) as run:
            known = {row.score.name for row in run.scores(subject="rollout")}
        if proxy.name not in known:
            rescore(place, proxy).close()


def _digest(tasks: Sequence[Task]) -> dict[str, Any]:
    whole = sha256()
    for task in tasks:
        whole.update(json.dumps(task.model_dump(mode="json"), sort_keys=True).encode() + b"\n")
    return {"count": len(tasks), "sha256": whole.hexdigest()}
