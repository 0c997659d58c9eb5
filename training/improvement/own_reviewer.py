"""The model's own reviewer as a verifier: what it says at temperature 0 by the weights that it has at the moment.

As a proxy it selects what the model itself believes in, without references; the monitor `proxy` says how far that parts
from the truth. It reviews one solution after the other. Not covered: several reviews of a solution
(`tutelage.graphs.model_scorer`).
"""

from dataclasses import dataclass

from tutelage.agents import ChatModel, Reviewer
from tutelage.agents.sync import run_blocking
from tutelage.tools import final_answer
from tutelage.types import Score, Task

__all__ = ["OwnReviewer"]


@dataclass(frozen=True, slots=True)
class OwnReviewer:
    """A verifier that asks a model; no verdict is as a verdict of wrong."""

    model: ChatModel
    name: str = "own_reviewer"

    def answer(self, solution: str) -> str | None:
        """The last answer that is stated."""
        return final_answer(solution)

    def score(self, task: Task, solution: str) -> Score:
        """1 for the verdict right, else 0."""
        reviewer = Reviewer(self.model.with_sampling(temperature=0))
        review = run_blocking(reviewer.review(task.problem, solution))
        right = review.verdict == "right"
        return Score(name=self.name, value=float(right), passed=right, feedback=review.text)
