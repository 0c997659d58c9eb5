"""Three ways to train a critic. The two that learn by reinforcement have as many updates and critiques as each other.

`two_stages` pays the verdict, then the refinement with the verdict; `effect_only` the effect alone, all the way; `sft`
learns from the base's own reviews whose verdict was true, and is the cheap way to compare with. Not covered: the choice
of the settings (`--development`, `--steps`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.agents import ChatModel
from tutelage.graphs import critique, rollout
from tutelage.tools import step_checker
from tutelage.training import CriticSettings, GrpoSettings, SftSettings, train, train_critic
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["ARMS", "Arm", "Lesson"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the arms of a seed learn from."""

    actor: ChatModel
    critic: ChatModel
    tasks: Sequence[Task]
    """Recorded attempts."""
    folder: Path
    seed: int
    steps: int
    """Of each of two stages; of one stage, twice as many."""
    tasks_a_step: int
    samples: int

    def grpo(self, steps: int, beta: float = 0.0) -> GrpoSettings:
        """The settings of a stage."""
        return GrpoSettings(
            steps=steps, tasks=self.tasks_a_step, samples=self.samples, beta=beta, seed=self.seed
        )


Arm = Callable[[Lesson, Path], Path]
"""Trains a critic into a directory."""


def two_stages(lesson: Lesson, out: Path) -> Path:
    """As Critique-RL does."""
    settings = CriticSettings(
        discrimination=lesson.grpo(lesson.steps), helpfulness=lesson.grpo(lesson.steps, beta=0.01)
    )
    return _trained(lesson, out, settings)


def effect_only(lesson: Lesson, out: Path) -> Path:
    """As it warns against; leaks are counted, and cost nothing."""
    settings = CriticSettings(stages=("effect",), effect=lesson.grpo(2 * lesson.steps), leak=0.0)
    return _trained(lesson, out, settings)


def sft(lesson: Lesson, out: Path) -> Path:
    """Its own true reviews, at most two an attempt."""
    graph = critique(lesson.actor, lesson.critic, recorded=True, refine="never")
    place = out.with_name(f"{out.name}-runs")
    base = local_directory(lesson.critic)
    with rollout(graph, lesson.tasks, verifier=step_checker, store=place, repeats=4) as run:
        rows = list(run.export("sft", roles="reviewer", passed=True, per_task=2))
    trained = train(
        "sft", base, rows, out, SftSettings(epochs=2, batch_size=32, seed=lesson.seed), progress=False
    )
    lesson.critic.reload(trained)
    return trained


ARMS: Mapping[str, Arm] = {"two_stages": two_stages, "effect_only": effect_only, "sft": sft}


def _trained(lesson: Lesson, out: Path, settings: CriticSettings) -> Path:
    return train_critic(
        lesson.actor, lesson.critic, lesson.tasks, out, verifier=step_checker, settings=settings
    )
