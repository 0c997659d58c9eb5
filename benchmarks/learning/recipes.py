"""How each objective that makes a better solver is put to use here: its rows of the recorded run, and its settings.

Settings were chosen on development tasks. `soft_bootstrapping`, `grpo` and `thinktuning` have the same bill of rollout
tokens. Not covered: objectives whose result judges (`benchmarks.learning.judges`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.learning.lesson import Lesson
from tutelage.graphs import one_shot, tutoring
from tutelage.training import (
    DistillationSettings,
    DpoSettings,
    GrpoSettings,
    KtoSettings,
    Reward,
    SdftSettings,
    SdpoSettings,
    SftSettings,
    SoftBootstrappingSettings,
    bootstrap,
    confidence_reward,
    outcome_reward,
    own_reward,
    per_role,
    reinforce,
    train,
)

__all__ = ["RECIPES", "ROLL_OUT_THEMSELVES", "SAMPLE_THEMSELVES", "Recipe"]

Recipe = Callable[[Lesson, Path], Path]
"""Trains into a directory."""


def sft(lesson: Lesson, out: Path) -> Path:
    """What passed, at most four answers a task."""
    rows = _export(lesson, "sft", passed=True, per_task=4)
    return _trained("sft", lesson, rows, out, SftSettings(epochs=2, batch_size=32, seed=lesson.seed))


def dpo(lesson: Lesson, out: Path) -> Path:
    """Right over wrong answers of a task."""
    rows = _export(lesson, "dpo", pairs="outcome", per_task=8)
    return _trained(
        "dpo", lesson, rows, out, DpoSettings(epochs=2, batch_size=32, learning_rate=6e-5, seed=lesson.seed)
    )


def kto(lesson: Lesson, out: Path) -> Path:
    """All answers, right or wrong."""
    rows = _export(lesson, "kto", per_task=8)
    return _trained("kto", lesson, rows, out, KtoSettings(epochs=1, batch_size=32, seed=lesson.seed))


def soft_bootstrapping(lesson: Lesson, out: Path) -> Path:
    """What the model writes in the light of a right and a wrong answer, token by token."""
    with lesson.open("solved") as run:
        rows = bootstrap(
            run,
            lesson.model,
            verifier=lesson.verifier,
            store=out.with_name(f"{out.name}-runs"),
            repeats=2,
            progress=False,
        )
    settings = SoftBootstrappingSettings(epochs=2, batch_size=32, seed=lesson.seed)
    return _trained("soft_bootstrapping", lesson, rows, out, settings)


def distillation(lesson: Lesson, out: Path) -> Path:
    """On the policy's own samples, by the policy of `sft` as the better teacher."""
    teacher = out.with_name("sft")
    if not teacher.exists():
        sft(lesson, teacher)
    rows = [{"prompt": row["prompt"]} for row in _export(lesson, "grpo")]
    settings = DistillationSettings(
        teacher=teacher, epochs=1, batch_size=32, max_completion_length=200, seed=lesson.seed
    )
    return _trained("distillation", lesson, rows, out, settings)


def sdft(lesson: Lesson, out: Path) -> Path:
    """From itself, which has seen the worked solution."""
    rows = _export(lesson, "sdft", context="recorded", privileged="solution")
    settings = SdftSettings(epochs=1, batch_size=32, max_completion_length=200, seed=lesson.seed)
    return _trained("sdft", lesson, rows, out, settings)


def sdpo(lesson: Lesson, out: Path) -> Path:
    """From those of its own samples that passed."""
    rows = _export(lesson, "sdpo")
    settings = SdpoSettings(epochs=1, batch_size=24, max_completion_length=200, seed=lesson.seed)
    return _trained("sdpo", lesson, rows, out, settings)


def grpo(lesson: Lesson, out: Path) -> Path:
    """Rewards of its own rollouts."""
    return _reinforced(lesson, out)


def rloo(lesson: Lesson, out: Path) -> Path:
    """Each answer against the mean of the others."""
    return _reinforced(lesson, out, baseline="others", scale="none")


def dr_grpo(lesson: Lesson, out: Path) -> Path:
    """Neither the deviation nor the length divides."""
    return _reinforced(lesson, out, scale="none", loss="dr_grpo", completion_length=64)


def dapo(lesson: Lesson, out: Path) -> Path:
    """A higher upper clip over two updates a step, and tasks drawn until they tell answers apart."""
    return _reinforced(lesson, out, steps=20, epsilon_high=0.28, draws=3, updates=2)


def entropy_only(lesson: Lesson, out: Path) -> Path:
    """GRPO that is paid for certainty and never hears what is right: the control of the others."""
    return _reinforced(lesson, out, reward=confidence_reward)


def _reinforced(lesson: Lesson, out: Path, *, reward: Reward = outcome_reward, **settings: Any) -> Path:
    chosen = {"steps": 30, "tasks": 24, "samples": 8, "seed": lesson.seed, **settings}
    return reinforce(
        one_shot(lesson.model, verifier=lesson.verifier),
        lesson.model,
        lesson.tasks,
        out,
        verifier=lesson.verifier,
        reward=reward,
        settings=GrpoSettings(**chosen),
        progress=False,
    )


def thinktuning(lesson: Lesson, out: Path) -> Path:
    """GRPO whose groups hold, beside the student's answers, those that a teacher's hint led to."""
    settings = GrpoSettings(
        steps=18,
        tasks=24,
        samples=6,
        roles=("solver",),
        context="root",
        group_by="task",
        seed=lesson.seed,
    )
    return reinforce(
        tutoring(lesson.model, lesson.verifier, rounds=1),
        lesson.model,
        lesson.tasks,
        out,
        verifier=lesson.verifier,
        reward=per_role(solver=own_reward),
        settings=settings,
        progress=False,
    )


RECIPES: Mapping[str, Recipe] = {
    "sft": sft,
    "dpo": dpo,
    "kto": kto,
    "soft_bootstrapping": soft_bootstrapping,
    "distillation": distillation,
    "sdft": sdft,
    "sdpo": sdpo,
    "grpo": grpo,
    "thinktuning": thinktuning,
    "rloo": rloo,
    "dr_grpo": dr_grpo,
    "dapo": dapo,
    "entropy_only": entropy_only,
}

SAMPLE_THEMSELVES = ("distillation", "sdft", "sdpo")
"""Whose trainers sample, so that no run has their tokens."""
ROLL_OUT_THEMSELVES = ("grpo", "thinktuning", "rloo", "dr_grpo", "dapo", "entropy_only")
"""Which learn nothing from the recorded run."""


def _export(lesson: Lesson, to: str, **options: Any) -> list[dict[str, Any]]:
    with lesson.open("solved") as run:
        return list(run.export(to, roles="solver", **options))


def _trained(objective: str, lesson: Lesson, rows: Any, out: Path, settings: Any) -> Path:
    return train(objective, lesson.base, rows, out, settings, progress=False)
