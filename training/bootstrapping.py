"""Semantic soft bootstrapping's rows: a teacher who saw a right and a wrong solution of a problem writes its own.

From a run that solved tasks several times, `contrasts` takes each task that it solved both ways: the first right
solution, and the first with the wrong answer that most wrong ones have. `bootstrap` lets the model correct the wrong
one with the right one as its reference, in a run of its own, and gives what the verifier passed as rows of the
objective `soft_bootstrapping` (Mitra and Ulukus 2025, arXiv:2512.05105). Not covered: the training.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Prompt, Teacher
from tutelage.errors import UserError
from tutelage.graphs import LoopState, rollout
from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.training.dataset import rows
from tutelage.training.selection import Example, SelectionSettings, select
from tutelage.types import Sampling, Task

__all__ = ["Contrast", "bootstrap", "contrasts"]

WRONG = "contrast"
"""Where a teacher's task keeps the wrong solution, in its metadata."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A task that was solved both ways."""

    task: Task
    right: str
    wrong: str
    answer: str
    """The wrong solution's, which no other wrong answer outnumbers."""


def contrasts(run: Run, verifier: str | None = None) -> list[Contrast]:
    """Give the tasks of a run that have right and wrong candidates, in the order in which they were begun.

    Args:
        run: an open run.
        verifier: whose scores count; `None`: the run's only verifier.

    Raises:
        UserError: there are no verdicts, or verdicts of several verifiers.
    """
    judged = SelectionSettings(only_passed=False, per_task=None, unique=False, verifier=verifier)
    by_task: dict[str, list[Example]] = {}
    for example in select(run, judged).examples:
        by_task.setdefault(example.task_id, []).append(example)
    tasks = {each.task.id: each.task for each in run.rollouts("done")}
    answers = {each.id: each.answer for each in run.candidates()}
    found = (_contrast(tasks[name], tried, answers) for name, tried in by_task.items())
    return [each for each in found if each is not None]


def bootstrap(
    run: Run | str | Path,
    model: ChatModel,
    *,
    verifier: Verifier,
    store: str | Path | None = None,
    repeats: int = 1,
    prompt: Prompt | str | Path = "solver",
    correction: Prompt | str | Path = "teacher_correct",
    sampling: Sampling | None = None,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Let a model write solutions in the light of its right and wrong ones, and give them as rows.

    Args:
        run: a run with several candidates a task, or its directory.
        model: the teacher: what shall be trained, as it is now.
        verifier: judges the teacher's solutions.
        store: where the teacher's run is recorded; the same call again continues. `None`: in memory.
        repeats: solutions a task.
        prompt: the student's, with the one field `{problem}`.
        correction: the teacher's, with `{problem}`, `{solution}` (the wrong one) and `{reference}` (the right one).
        sampling: the teacher's; `None` for the model's own. The authors sample at temperature 0.4.
        progress: tell on stderr how far it is and what came of it.

    Returns:
        Rows with `prompt`, `teacher_prompt`, `completion` and `lineage`, and the recorded `teacher_prompt_ids` and
        `completion_ids` where the model's engine gives token ids. Equal solutions of a task are one row.

    Raises:
        UserError: the run has no task with right and wrong candidates, or no verdicts.
    """
    if not isinstance(run, Run):
        with Run.open(run) as opened:
            found = contrasts(opened)
    else:
        found = contrasts(run)
    if not found:
        raise UserError("no task of the run has right and wrong candidates; sample each task more often")
    graph = _graph(
        Teacher(model, gives="correction", correction=correction, sampling=sampling, verifier=verifier)
    )
    taught = rollout(graph, _told(found), verifier=verifier, store=store, repeats=repeats, progress=progress)
    with taught:
        made = _rows(taught, prompt)
    if progress:
        print(
            f"tutelage: {len(found):,} tasks were solved both ways; {len(made):,} of the teacher's "
            f"{len(found) * repeats:,} solutions are right and new",
            file=sys.stderr,
        )
    return made


def _contrast(task: Task, tried: Sequence[Example], answers: dict[str, str | None]) -> Contrast | None:
    right = next((each.solution for each in tried if each.passed), None)
    wrong: dict[str, list[str]] = {}
    for each in tried:
        answer = answers.get(each.candidate_id or "")
        if not each.passed and answer is not None:
            wrong.setdefault(answer, []).append(each.solution)
    if right is None or not wrong:
        return None
    common = max(wrong, key=lambda answer: len(wrong[answer]))
    return Contrast(task, right, wrong[common][0], common)


def _told(found: Sequence[Contrast]) -> list[Task]:
    """The tasks as the teacher gets them: the right solution is the worked one."""
    return [
        each.task.model_copy(
            update={"solution": each.right, "metadata": {**each.task.metadata, WRONG: each.wrong}}
        )
        for each in found
    ]


def _graph(teacher: Teacher) -> "StateGraph[LoopState]":
    def contrast(state: LoopState) -> dict[str, Any]:
        metadata: Any = state["task"]["metadata"]
        return {"solution": metadata[WRONG]}

    graph = StateGraph(LoopState)
    graph.add_node("contrast", contrast)
    graph.add_node("teacher", teacher)
    graph.add_edge(START, "contrast")
    graph.add_edge("contrast", "teacher")
    graph.add_edge("teacher", END)
    return graph


def _rows(taught: Run, prompt: Prompt | str | Path) -> list[dict[str, Any]]:
    chosen = select(taught, SelectionSettings(per_task=None, roles=("teacher",))).examples
    turns = {turn.id: turn for turn in taught.turns(role="teacher")}
    made = []
    for example, row in zip(chosen, rows(chosen, prompt), strict=True):
        turn = turns[example.turn_id or ""]
        row["teacher_prompt"] = [dict(message) for message in turn.messages]
        if turn.prompt_token_ids is not None and turn.completion_token_ids:
            row["teacher_prompt_ids"] = list(turn.prompt_token_ids)
            row["completion_ids"] = list(turn.completion_token_ids)
        made.append(row)
    return made
