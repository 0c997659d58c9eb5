"""The verifiers `reward:DIR` and `prm:DIR`: trained reward models, of whole solutions and of steps.

    from tutelage.tools import RewardModel
    rollout(graph, tasks, verifier=RewardModel("models/reward"))

They need no reference, and may be wrong. A solution is read exactly as it was in training (`judged_tokens`), after the
prompt that the training was shown. Threads share batches. Not covered: tasks with several turns.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tutelage.errors import UserError
from tutelage.tools.answers import steps
from tutelage.tools.exact import exact
from tutelage.tools.judged_tokens import solution_tokens, step_tokens
from tutelage.tools.trained_head import Asked, TrainedHead
from tutelage.types import Score, Task

__all__ = ["RewardModel", "StepRewardModel", "reward_model_of"]

TOO_LONG = "the solution does not fit into the reward model's context"


@dataclass(frozen=True, slots=True)
class RewardModel:
    """Scores a whole solution: the sigmoid of its reward.

    A reward means something beside another one of the same problem, so this verifier does not decide right or wrong
    unless a threshold is given.
    """

    directory: str | Path
    threshold: float | None = None
    """The least value that passes; `None`: nothing is decided."""
    batch_size: int = 16
    """Solutions computed together, at most."""
    device: Literal["auto", "cpu"] = "auto"
    """`auto`: the first visible GPU, else the CPU."""
    head: TrainedHead = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the directory, without loading the weights."""
        _check(self.threshold, self.batch_size)
        head = TrainedHead(Path(self.directory), "SequenceClassification", self.batch_size, self.device)
        object.__setattr__(self, "head", head)

    @property
    def name(self) -> str:
        """How the command line names it."""
        return f"reward:{self.directory}"

    def settings(self) -> Mapping[str, Any]:
        """What must be equal for a run to be continued."""
        return _settings(self.name, self.head, self.threshold)

    def answer(self, solution: str) -> str | None:
        """The normalised text of the final answer."""
        return exact.answer(solution)

    def score(self, task: Task, solution: str) -> Score:
        """Score a solution; one that is too long for the model's context has the value 0."""
        head = self.head
        with head.reading() as tokenizer:
            ids = solution_tokens(tokenizer, _prompt(head, task), solution, head.end)
        if not head.fits(ids):
            return _judged(self.name, 0.0, self.threshold, feedback=TOO_LONG)
        (reward,) = head.ask(Asked(ids, ()))
        return _judged(self.name, _sigmoid(reward), self.threshold)


@dataclass(frozen=True, slots=True)
class StepRewardModel:
    """Scores every step of a solution: the probability that it is right. The value is the least, or the product."""

    directory: str | Path
    threshold: float | None = 0.5
    """The least value that passes; `None`: nothing is decided."""
    value: Literal["min", "product"] = "min"
    """What the steps make together (Lightman et al. 2023 compare both)."""
    batch_size: int = 16
    """Solutions computed together, at most."""
    device: Literal["auto", "cpu"] = "auto"
    """`auto`: the first visible GPU, else the CPU."""
    head: TrainedHead = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the directory, without loading the weights."""
        _check(self.threshold, self.batch_size)
        if self.value not in ("min", "product"):
            raise UserError(f"value is {self.value!r}; it must be 'min' or 'product'")
        head = TrainedHead(Path(self.directory), "TokenClassification", self.batch_size, self.device)
        object.__setattr__(self, "head", head)

    @property
    def name(self) -> str:
        """How the command line names it."""
        return f"prm:{self.directory}"

    def settings(self) -> Mapping[str, Any]:
        """What must be equal for a run to be continued."""
        return {**_settings(self.name, self.head, self.threshold), "value": self.value}

    def answer(self, solution: str) -> str | None:
        """The normalised text of the final answer."""
        return exact.answer(solution)

    def score(self, task: Task, solution: str) -> Score:
        """Score a solution; one without steps, or too long for the model's context, has the value 0."""
        lines = steps(solution)
        if not lines:
            return _judged(self.name, 0.0, self.threshold, feedback="the solution has no step")
        with self.head.reading() as tokenizer:
            ids, ends = step_tokens(tokenizer, _prompt(self.head, task), lines)
        if not self.head.fits(ids):
            return _judged(self.name, 0.0, self.threshold, feedback=TOO_LONG)
        right = self.head.ask(Asked(ids, ends))
        value = min(right) if self.value == "min" else math.prod(right)
        weakest = right.index(min(right)) + 1
        doubt = f"step {weakest} is the least likely to be right: {lines[weakest - 1]}"
        score = _judged(self.name, value, self.threshold, feedback=doubt)
        return score.model_copy(update={"steps": right})


def reward_model_of(spec: str) -> RewardModel | StepRewardModel | None:
    """The verifier of `reward:DIR` or `prm:DIR`; `None` for any other text.

    Raises:
        UserError: the directory holds no such model.
    """
    kind, found, directory = spec.partition(":")
    if not found or kind not in ("reward", "prm"):
        return None
    return RewardModel(directory) if kind == "reward" else StepRewardModel(directory)


def _check(threshold: float | None, batch_size: int) -> None:
    if threshold is not None and not 0 < threshold <= 1:
        raise UserError(f"threshold is {threshold!r}; it must be above 0 and at most 1, or None")
    if batch_size < 1:
        raise UserError(f"batch_size is {batch_size!r}; it must be 1 or more")


def _settings(name: str, head: TrainedHead, threshold: float | None) -> dict[str, Any]:
    return {"name": name, "weights": head.origin.get("policy"), "threshold": threshold}


def _prompt(head: TrainedHead, task: Task) -> list[dict[str, str]]:
    before, after = head.reads
    return [{"role": "user", "content": f"{before}{task.problem}{after}"}]


def _judged(name: str, value: float, threshold: float | None, feedback: str | None = None) -> Score:
    passed = None if threshold is None else value >= threshold
    return Score(name=name, value=value, passed=passed, feedback=None if passed else feedback)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
