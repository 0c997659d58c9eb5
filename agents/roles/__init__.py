"""Roles: who speaks in a graph, with which prompt, and how what they say is read."""

from tutelage.agents.roles.candidate import CandidateState, candidate
from tutelage.agents.roles.judge import Judge, Judgement
from tutelage.agents.roles.prompt import Prompt
from tutelage.agents.roles.refiner import Refiner
from tutelage.agents.roles.reviewer import Review, Reviewer, Verdict
from tutelage.agents.roles.role import Role
from tutelage.agents.roles.solution import Solution
from tutelage.agents.roles.solver import Solver
from tutelage.agents.roles.teacher import Hint, Teacher
from tutelage.agents.roles.voting import vote

__all__ = [
    "CandidateState",
    "Hint",
    "Judge",
    "Judgement",
    "Prompt",
    "Refiner",
    "Review",
    "Reviewer",
    "Role",
    "Solution",
    "Solver",
    "Teacher",
    "Verdict",
    "candidate",
    "vote",
]
