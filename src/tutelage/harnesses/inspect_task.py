"""A file of our tasks (`tutelage.harnesses.task_files`) as a task of Inspect, with our verifier as its scorer.

Not covered: solvers other than Inspect's `generate`; give another with `--solver`. This module imports inspect_ai.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, GenerateConfig
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from tutelage.harnesses.task_files import LONGEST
from tutelage.harnesses.verdicts import answer_in, verdict

__all__ = ["inspect_task", "verified"]


def inspect_task(file: Path) -> Task:
    """Make a task of a file's lines; answers are greedy where nobody says otherwise."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Task(
        dataset=MemoryDataset([_sample(row) for row in rows], name=file.stem),
        solver=generate(),
        scorer=verified(),
        config=GenerateConfig(temperature=0.0, max_tokens=LONGEST),
    )


@scorer(metrics=[accuracy(), stderr()])
def verified() -> Scorer:
    """Judge by the verifier that a sample names."""

    async def score(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        found = await asyncio.to_thread(verdict, state.metadata, text)
        return Score(
            value=CORRECT if found.passed else INCORRECT,
            answer=answer_in(state.metadata, text),
            explanation=found.feedback,
            metadata={"verifier": found.name, "value": found.value},
        )

    return score


def _sample(row: dict[str, Any]) -> Sample:
    asked = ChatMessageUser(content=row["prompt"], metadata={"tutelage_task": row["tutelage_task"]})
    return Sample(id=row["id"], input=[asked], target=row["target"], metadata=row)
