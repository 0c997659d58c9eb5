from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.agents.roles import CandidateState, candidate
from tutelage.types import Score, Task

MakeTasks = Callable[[int], list[Task]]


@dataclass
class Speaker:
    """Says by role what it is told, and remembers who was asked what."""

    says: Mapping[str, str | Callable[[str, int], str]]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def model(self) -> ChatModel:
        def answer(messages: Sequence[Mapping[str, str]], sample: int) -> str:
            prompt = messages[-1]["content"]
            role = role_of(prompt)
            self.asked.append((role, prompt))
            said = self.says[role]
            return said if isinstance(said, str) else said(prompt, sample)

        return scripted(answer)

    def roles(self) -> list[str]:
        return [role for role, _ in self.asked]


def role_of(prompt: str) -> str:
    marks = {
        "Rewrite the solution": "refiner",
        "Check every step": "reviewer",
        "Give one hint": "teacher",
        'Say only "yes"': "judge",
        "Solve it": "solver",
    }
    return next(role for mark, role in marks.items() if mark in prompt)


@dataclass(frozen=True)
class Table:
    """A scorer that looks scores up by a solution's last word."""

    rows: Mapping[str, tuple[float, tuple[float, ...] | None]]
    name: str = "table"

    async def score(self, task: Task, solution: str, *, parents: Sequence[str] = ()) -> Score:
        value, steps = self.rows[solution.split()[-1]]
        return Score(name=self.name, value=value, steps=steps)


@pytest.fixture
def speaker() -> type[Speaker]:
    return Speaker


@pytest.fixture
def table() -> type[Table]:
    return Table


@pytest.fixture
def tasks() -> MakeTasks:
    return lambda count: [
        Task(id=f"t{at}", problem=f"What is {at}+1?", reference=str(at + 1)) for at in range(count)
    ]


@pytest.fixture
def pool() -> Callable[..., list[CandidateState]]:
    """Candidates from (answer, outcome score, step scores)."""

    def make(*rows: tuple[str | None, float | None, list[float] | None]) -> list[CandidateState]:
        return [
            {**candidate(f"{at} answer: {answer}", answer), "orm": orm, "prm": prm}
            for at, (answer, orm, prm) in enumerate(rows)
        ]

    return make
