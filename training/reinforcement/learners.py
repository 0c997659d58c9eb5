"""Who learns from a step's rollouts: the policy, one adapter, or several adapters, each by its own roles' turns.

Not covered: roles that nobody names here; they speak and stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.agents import ChatModel
from tutelage.agents.engines.adapted_engine import AdaptedEngine
from tutelage.errors import UserError
from tutelage.traces import Turn
from tutelage.training.jobs.launching import Training
from tutelage.training.jobs.lora import LoraSettings
from tutelage.training.policies import local_directory
from tutelage.training.reinforcement.settings import GrpoSettings

__all__ = ["Learner", "learners_of"]


@dataclass(frozen=True, slots=True)
class Learner:
    """Weights that are trained, in the engine where they speak."""

    name: str
    """The adapter's; empty where one policy learns alone."""
    model: ChatModel
    roles: tuple[str, ...] | None
    """Whose turns it learns from; `None`: all that it speaks."""
    start: Path
    """What the engine had before: a model directory, or an adapter's."""
    training: Training

    def speaks(self, turn: Turn) -> bool:
        """Whether it learns from a turn."""
        return turn.policy == self.model.policy and (self.roles is None or turn.role in self.roles)


def learners_of(
    model: ChatModel | Mapping[str, ChatModel], out: Path, settings: GrpoSettings
) -> tuple[Learner, ...]:
    """Say who learns.

    Args:
        model: a model of an engine's own weights or of an adapter; or by role, models of adapters of one engine.
        out: the trained directory; of several adapters the folder of theirs.
        settings: how to train.

    Raises:
        UserError: an engine's weights are not at hand, or the models do not go together.
    """
    if settings.adapter is not None:
        raise UserError(
            "the engine's adapter is trained on: leave adapter out of the settings, begin with blank_adapter(...) and "
            "give the model of connect(..., adapters={NAME: DIR}).with_adapter(NAME)"
        )
    if isinstance(model, ChatModel):
        return (_learner("", model, settings.roles, out, settings),)
    if settings.roles is not None:
        raise UserError("models by role say which roles are trained; leave roles out of the settings")
    _check_together(model)
    roles: dict[str, list[str]] = {}
    for role, each in model.items():
        assert isinstance(each.engine, AdaptedEngine)
        roles.setdefault(each.engine.adapter, []).append(role)
    return tuple(
        _learner(name, model[own[0]], tuple(sorted(own)), out / name, settings) for name, own in roles.items()
    )


def _learner(
    name: str, model: ChatModel, roles: Sequence[str] | None, out: Path, settings: GrpoSettings
) -> Learner:
    own = None if roles is None else tuple(roles)
    base = local_directory(model.with_adapter(None) if isinstance(model.engine, AdaptedEngine) else model)
    changes: dict[str, object] = {"roles": own}
    start: Path | None = base
    if isinstance(model.engine, AdaptedEngine):
        start = model.engine.directory
        changes["adapter"] = LoraSettings(start=start)
    if start is None:
        raise UserError(
            f"the adapter of {model.engine.name} is not on this machine; it cannot be trained here"
        )
    return Learner(name, model, own, start, Training(base, out, settings.model_copy(update=changes)))


def _check_together(models: Mapping[str, ChatModel]) -> None:
    if not models:
        raise UserError("there is no role to train; give models by role, such as {'solver': MODEL}")
    for role, model in models.items():
        if not isinstance(model.engine, AdaptedEngine):
            raise UserError(
                f"role {role!r} speaks by {model.engine.name}, which is no adapter; roles that learn together have an "
                "adapter each, and those of the bare base are left out"
            )
    engines = {id(model.engine.base): model for model in models.values()}  # type: ignore[attr-defined]
    if len(engines) > 1:
        names = ", ".join(sorted(model.engine.name for model in engines.values()))
        raise UserError(
            f"roles that learn together have adapters of one engine, and these are of several: {names}"
        )
