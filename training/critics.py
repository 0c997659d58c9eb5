"""Training a critic in two stages, after Critique-RL (Xi et al. 2025, arXiv 2510.24320).

Paid by the effect on the refinement alone, a critic learns to help and hardly to discriminate. So stage one pays the
truth of its verdict alone, and stage two what comes of the critique with a bonus for a true verdict, held near stage
one's weights by the divergence (`beta`). The actor, which solves and refines, is another model and stays as it is. In
both stages a critique that gives the answer away is counted, and costs what the settings say. Not covered: critics
whose verdict is a number, and training both players at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import critique
from tutelage.graphs.critique import ATTEMPT
from tutelage.tools import Verifier, family_answer
from tutelage.training.curricula.curriculum import Curriculum
from tutelage.training.reinforcement.critiques import critique_reward, leak_penalty
from tutelage.training.reinforcement.loop import reinforce
from tutelage.training.reinforcement.rewards import Reward, effect_reward, verdict_reward
from tutelage.training.reinforcement.settings import GrpoSettings
from tutelage.types import Data, Task

__all__ = ["CriticSettings", "train_critic"]

Stage = Literal["discrimination", "helpfulness", "effect"]
"""What a stage pays: the verdict, what comes of the critique with the verdict, or the effect alone."""

ROLES = ("reviewer",)


class CriticSettings(Data):
    """How a critic is trained; whatever `roles` a stage names, the reviewer is."""

    stages: tuple[Stage, ...] = ("discrimination", "helpfulness")
    """One after the other. `effect` is for comparison: it is what Critique-RL finds wanting."""
    discrimination: GrpoSettings = GrpoSettings(steps=25)
    """Stage one."""
    helpfulness: GrpoSettings = GrpoSettings(steps=25, beta=0.01)
    """Stage two; `beta` holds it near the weights that it begins with."""
    effect: GrpoSettings = GrpoSettings(steps=50)
    """The stage for comparison."""
    bonus: Annotated[float, Field(ge=0)] = 0.2
    """For a true verdict, in stage two; a right refinement is worth 1."""
    false_verdict: float | None = -1.0
    """What a false or missing verdict gets in stage two, whatever came of it; `None`: as the refinement is worth."""
    leak: Annotated[float, Field(ge=0)] = 1.0
    """The price of giving the answer away; 0 counts leaks only."""


def train_critic(
    actor: ChatModel,
    critic: ChatModel,
    tasks: Sequence[Task],
    out: str | Path,
    *,
    verifier: Verifier,
    answers: Verifier = family_answer,
    settings: CriticSettings | None = None,
    curriculum: Curriculum | None = None,
    progress: bool = True,
) -> Path:
    """Train a critic by what its critiques are worth.

    Every stage is a `reinforce` with a directory of its own (`OUT-discrimination`, ...; the last is `out`) and its
    rollouts beside it (`OUT-...-runs`). The same call goes on after a kill, with the critic at its first weights.

    Args:
        actor: solves and refines; it is not trained.
        critic: reviews, on an engine of its own that can reload its weights. It has the trained weights afterwards.
        tasks: what is solved, or recorded attempts (`attempts`), where all of them have one.
        out: the new model directory.
        verifier: judges solutions.
        answers: judges answers alone, for the check on leaks.
        settings: how to train; `None` for the defaults.
        curriculum: as in `reinforce`; only with one stage, since what it learns belongs to one.
        progress: show progress bars on stderr.

    Returns:
        `out`.

    Raises:
        UserError: actor and critic are one model, some tasks only have an attempt, or as `reinforce`.
        EngineError: an engine or the training died; the same call again goes on.
    """
    chosen = settings or CriticSettings()
    recorded = _recorded(tasks)
    if actor.engine is critic.engine:
        raise UserError("actor and critic share an engine, so training would change both; connect() a second")
    if not chosen.stages or (curriculum is not None and len(chosen.stages) > 1):
        raise UserError("give CriticSettings one stage or more, and a curriculum only with one")
    last = len(chosen.stages) - 1
    trained = Path(out)
    for at, stage in enumerate(chosen.stages):
        trained = reinforce(
            critique(
                actor, critic, recorded=recorded, refine="never" if stage == "discrimination" else "always"
            ),
            critic,
            tasks,
            Path(out) if at == last else Path(f"{Path(out)}-{stage}"),
            verifier=verifier,
            reward=leak_penalty(_reward(stage, chosen), answers, chosen.leak),
            settings=getattr(chosen, stage).model_copy(update={"roles": ROLES}),
            curriculum=curriculum,
            progress=progress,
        )
    return trained


def _reward(stage: Stage, settings: CriticSettings) -> Reward:
    if stage == "discrimination":
        return verdict_reward
    if stage == "effect":
        return effect_reward
    return critique_reward(settings.bonus, settings.false_verdict)


def _recorded(tasks: Sequence[Task]) -> bool:
    """Whether the tasks have recorded attempts.

    Raises:
        UserError: some have one, others have none.
    """
    missing = [task.id for task in tasks if ATTEMPT not in task.metadata]
    if missing and len(missing) < len(tasks):
        raise UserError(
            f"{len(missing)} of {len(tasks)} tasks have no recorded attempt, {missing[0]!r} first; "
            "give all of them one, or none"
        )
    return not missing
