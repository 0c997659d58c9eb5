"""The experiment: methods at their token bills on held-out tasks, then traces, fine-tuning, and one shot again.

One engine with one seed serves everything. Every part is a recorded run in a folder, so the same call continues
where it was cut off. Held-out tasks are met only by the evaluations; what is learnt comes from training tasks.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph import StateGraph
from pydantic import Field

from tutelage.agents import ChatModel, Reviewer, Solver
from tutelage.graphs import (
    Scale,
    Scorer,
    best_of_k,
    magicore,
    majority_vote,
    model_scorer,
    one_shot,
    rollout,
    self_refine,
    verifier_scorer,
)
from tutelage.tools import family_answer, step_checker
from tutelage.traces import Run
from tutelage.training.appraisal.baselines import equal_samples
from tutelage.training.comparison import Comparison
from tutelage.training.distillation import distill
from tutelage.training.embedded.heldout import SAMPLING, heldout_tasks, training_tasks
from tutelage.training.evaluation import Evaluation
from tutelage.training.objectives import SftSettings
from tutelage.training.selection import SelectionSettings
from tutelage.types import Data, Task

__all__ = ["Experiment", "LoopSettings", "Outcome"]

Count = Annotated[int, Field(gt=0)]
Say = Callable[[str], None]


class LoopSettings(Data):
    """How large the experiment is."""

    heldout_per_family: Count = 340
    training_per_family: Count = 600
    calibration_per_family: Count = 30
    """Training tasks on which MAgICoRe's scale is measured."""
    samples: Count = 4
    """MAgICoRe's k."""
    rounds: Annotated[int, Field(ge=0)] = 2
    """Refinements at most, of MAgICoRe and of Self-Refine."""
    learnt_per_task: Count = 4
    controls: bool = True
    """Also one shot at temperature 0 before and after, best of k by the exact checks, and MAgICoRe scored by the
    model itself with a vote at its bill."""
    sft: SftSettings = SftSettings(epochs=3, batch_size=32)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the experiment found."""

    methods: Mapping[str, Evaluation]
    """By name; `after_sft` is the trained policy in one shot."""
    comparison: Comparison
    """One shot before and after the fine-tuning, on the same tasks."""
    loop: Run
    """The MAgICoRe rollouts on held-out tasks."""
    policy: Path
    """The trained policy's directory."""


class Experiment:
    """One seed of the experiment in a folder.

    Args:
        model: the chat model; its engine ends with the trained weights.
        folder: where runs and policy go.
        settings: how large.
        say: where progress is told.
        progress: show bars on standard error.
    """

    def __init__(
        self, model: ChatModel, folder: Path, settings: LoopSettings, say: Say, *, progress: bool = True
    ) -> None:
        """See the class."""
        self.model, self.folder, self.settings, self.say = model, folder, settings, say
        self.progress = progress

    @cached_property
    def heldout(self) -> list[Task]:
        """The tasks on which everything is measured."""
        return heldout_tasks(self.settings.heldout_per_family)

    @cached_property
    def learning(self) -> list[Task]:
        """The tasks from which is learnt."""
        return training_tasks(self.settings.training_per_family, self.settings.seed)

    def run(self) -> Outcome:
        """Measure the methods, learn from the loop's traces, and measure one shot again."""
        methods = self.measure_methods()
        policy = self.learn()
        self.say("one shot with the trained weights")
        after = methods["after_sft"] = self.evaluated("after_sft", one_shot(self.model))
        if self.settings.controls:
            methods["after_sft_greedy"] = self.evaluated("after_sft_greedy", one_shot(self.greedy))
        loop = Run.open(self.folder / "magicore")
        return Outcome(methods, Comparison.of(methods["one_shot"], after), loop, policy)

    def measure_methods(self) -> dict[str, Evaluation]:
        """One shot, Self-Refine, MAgICoRe, a majority vote at its bill, and the controls."""
        model, settings = self.model, self.settings
        self.say(f"base model on {len(self.heldout)} held-out tasks")
        found = {"one_shot": self.evaluated("one_shot", one_shot(model))}
        found["self_refine"] = self.evaluated("self_refine", self_refine(model, settings.rounds))
        checks = verifier_scorer(step_checker)
        found["magicore"] = self.evaluated("magicore", self.magicore(checks))
        k = equal_samples(found["one_shot"], found["magicore"])
        found["vote"] = self.evaluated("vote", majority_vote(model, k, verifier=family_answer))
        if settings.controls:
            found["one_shot_greedy"] = self.evaluated("one_shot_greedy", one_shot(self.greedy))
            found["best_of_k"] = self.evaluated("best_of_k", best_of_k(model, k, scorer=checks))
            own = self.magicore(model_scorer(Reviewer(model), samples=1))
            found["magicore_self"] = self.evaluated("magicore_self", own)
            k = equal_samples(found["one_shot"], found["magicore_self"])
            found["vote_self"] = self.evaluated("vote_self", majority_vote(model, k, verifier=family_answer))
        return found

    @property
    def greedy(self) -> ChatModel:
        """The model at temperature 0."""
        return self.model.with_sampling(temperature=0)

    def magicore(self, scorer: Scorer) -> StateGraph[Any]:
        """The loop with this scorer."""
        return magicore(
            self.model,
            self.settings.samples,
            scorer=scorer,
            scale=self.scale(scorer),
            rounds=self.settings.rounds,
            temperature=SAMPLING.temperature,
            top_p=SAMPLING.top_p,
            verifier=family_answer,
        )

    def scale(self, scorer: Scorer) -> Scale:
        """The scale of a scorer on training tasks, measured once a folder."""
        kept = self.folder / f"scale-{scorer.name}.json"
        if not kept.exists():
            tasks = training_tasks(self.settings.calibration_per_family, self.settings.seed)
            scale = asyncio.run(Scale.measure(Solver(self.model), tasks, scorer))
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(asdict(scale)), encoding="utf-8")
        return Scale(**json.loads(kept.read_text(encoding="utf-8")))

    def learn(self) -> Path:
        """Run the loop on training tasks, choose its verified solutions, fine-tune, and load the weights."""
        self.say(f"MAgICoRe on {len(self.learning)} training tasks, for traces")
        graph = self.magicore(verifier_scorer(step_checker))
        traces = self.rolled("traces", graph, self.learning, step_checker)
        self.say("supervised fine-tuning on the verified solutions, as answers to the bare problem")
        return distill(
            traces,
            model=self.model,
            out=self.folder / "policy",
            selection=SelectionSettings(per_task=self.settings.learnt_per_task),
            settings=self.settings.sft,
            progress=self.progress,
        )

    def evaluated(self, name: str, graph: StateGraph[Any]) -> Evaluation:
        """A method on the held-out tasks."""
        return Evaluation.of(self.rolled(name, graph, self.heldout, family_answer), name=name)

    def rolled(self, name: str, graph: StateGraph[Any], tasks: Sequence[Task], verifier: Any) -> Run:
        """A recorded run, continued where it was cut off."""
        return rollout(graph, tasks, verifier=verifier, store=self.folder / name, progress=self.progress)
