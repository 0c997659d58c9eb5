"""`grpo`: reinforcement learning from rollouts of any graph (`tutelage.training.reinforcement`), and its variants.

GRPO (Shao et al. 2024), RLOO (`baseline="others"`), Dr. GRPO (`scale="none", loss="dr_grpo"`), DAPO (`loss="dapo",
epsilon_high=0.28, draws=3`), GSPO (`ratio="sequence"`), CISPO and the others that TRL has. The worker names its weights
before each step; its parent rolls out with them and answers with the rows.
"""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.training.jobs.arguments import update_arguments
from tutelage.training.jobs.feed import Feed, Question
from tutelage.training.jobs.lora import LoraSettings
from tutelage.training.objectives.loading import load_base
from tutelage.training.objectives.lora import NAME
from tutelage.training.objectives.objective import Built, Objective, Site
from tutelage.training.policy_directory import write_adapter_directory, write_policy_directory
from tutelage.training.reinforcement.batch import read_batch
from tutelage.training.reinforcement.settings import GrpoSettings
from tutelage.training.reinforcement.stages import Stages

if TYPE_CHECKING:
    from tutelage.training.trainers.graph_grpo import Rows

__all__ = ["GRPO"]

RATE = 0.25
"""The learning rate, of that of supervised training."""
CISPO_CAP = 5.0
"""As TRL advises, whose own default of 0.2 would make every step five times smaller."""


def build(site: Site) -> Built:
    """Load the base and make the trainer, which asks for rows when it begins."""
    from tutelage.training.trainers.graph_grpo import GraphGRPOConfig, GraphGRPOTrainer

    settings: GrpoSettings = site.settings
    if site.feed is None:
        raise UserError("'grpo' learns from rollouts while they are made: call reinforce(...)")
    if settings.adapter is not None and settings.adapter.start is None:
        raise UserError(
            "'grpo' goes on from an adapter that an engine has: call reinforce(...) with its model"
        )
    model = load_base(site)
    stages = Stages()
    source = Source(site.feed, site.work / "policies", site.base, model, stages, settings.adapter)
    of_step = settings.updates * settings.iterations
    updates = settings.steps * of_step
    shared = update_arguments(site.work, settings, model, updates, RATE)
    if settings.checkpoint_every is not None:
        shared["save_steps"] = settings.checkpoint_every * of_step
    trainer = GraphGRPOTrainer(
        source=source.rows,
        model=model,
        args=GraphGRPOConfig(**shared, **_options(settings), max_steps=updates),
        stages=stages,
        processing_class=site.tokenizer,
    )
    source.tell = trainer.tell
    return Built(trainer, source.counts, partial(_report, stages))


def _report(stages: Stages) -> dict[str, Any]:
    """Say how long the stages of each step took, in seconds."""
    stages.leave()
    return {"stages": {str(step): stages.of(step) for step in sorted(stages.seconds)}}


def _options(settings: GrpoSettings) -> dict[str, Any]:
    return {
        "loss_type": settings.loss,
        "epsilon": settings.epsilon,
        "epsilon_high": settings.epsilon_high or (CISPO_CAP if settings.loss == "cispo" else None),
        "beta": settings.beta,
        "importance_sampling_level": settings.ratio,
        "entropy_coef": settings.entropy,
        "num_iterations": settings.iterations,
        "max_completion_length": settings.completion_length,
        "batch_tokens": settings.batch_tokens,
        "updates_per_step": settings.updates,
        "importance_cap": settings.importance_cap,
    }


class Source:
    """Publishes the weights of a step, and hears its rows."""

    def __init__(
        self,
        feed: Feed,
        folder: Path,
        base: Path,
        model: Any,
        stages: Stages,
        adapter: LoraSettings | None = None,
    ) -> None:
        """Take the weights that are trained, where to put copies of them, and what to tell of the time it takes."""
        self.counts: dict[str, int] = {"rows": 0, "tokens": 0, "learnt_tokens": 0}
        self.tell: Callable[[Mapping[str, float]], None] = lambda figures: None
        """Hears a step's figures."""
        self._feed, self._folder, self._base, self._model = feed, folder, base, model
        self._stages, self._adapter = stages, adapter

    def rows(self, step: int) -> "Rows":
        """Give the rows of a step, sampled by the weights as they are now."""
        self._stages.enter(step, "publish")
        shutil.rmtree(self._folder, ignore_errors=True)
        policy = self._published(step) if step else self._first()
        self._stages.enter(step, "rollout")
        made = self._feed.ask(Question(step, policy))
        self.tell(made.figures)
        rows = read_batch(made.rows)
        self.counts["rows"] += len(rows)
        self.counts["tokens"] += sum(len(row["prompt_ids"]) + len(row["completion_ids"]) for row in rows)
        self.counts["learnt_tokens"] += sum(int(row["completion_mask"].sum()) for row in rows)
        return rows

    def _first(self) -> Path:
        start = None if self._adapter is None else self._adapter.start
        return self._base if start is None else start

    def _published(self, step: int) -> Path:
        self._folder.mkdir(parents=True)
        policy, making = self._folder / f"step-{step:04}", self._folder / "making"
        if self._adapter is None:
            write_policy_directory(self._model, self._base, making, policy, {"step": step})
        else:
            write_adapter_directory(self._model, NAME, self._base, making, policy, {"step": step})
        return policy


GRPO = Objective(
    name="grpo",
    about="reinforcement learning from rollouts of a graph: GRPO and its variants",
    settings=GrpoSettings,
    columns=(("id", "problem"),),
    build=build,
    export="grpo",
    online=True,
)
