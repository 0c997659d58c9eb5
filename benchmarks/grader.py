"""Does the verifier `numeric` agree with recorded grades? Recorded GSM8K solutions, graded anew.

    python -m benchmarks grader PROBLEMS SOLUTIONS

PROBLEMS is a file of GSM8K problems, SOLUTIONS the models' solutions of them that come with the data set,
each with a flag. The reference is the one of PROBLEMS. Agreement is the share of solutions on which `numeric`
and the flag say the same; the target is 0.995. Every disagreement is listed, since either side may be wrong.
"""

import argparse
from pathlib import Path

from tutelage.errors import UserError
from tutelage.tools import RecordedSolution, load_recorded_solutions, load_tasks, numeric
from tutelage.types import Task

__all__ = ["agreement", "configure", "run"]

TARGET = 0.995
QUICK_LINES = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two files."""
    parser.add_argument("problems", type=Path, metavar="PROBLEMS")
    parser.add_argument("solutions", type=Path, metavar="SOLUTIONS")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Grade what the command line names; see `agreement`."""
    return agreement(args.problems, args.solutions, args.quick)


def agreement(problems: Path, solutions: Path, quick: bool) -> dict[str, object]:
    """Grade the recorded solutions and compare with their flags.

    Args:
        problems: Tasks with references; see `load_tasks`.
        solutions: Recorded solutions; see `load_recorded_solutions`.
        quick: Only the first hundred lines of `solutions`.

    Returns:
        `n`, `agreement` (0 to 1), `target`, `met`, and `disagreements`: a list of the question's line in
        `solutions`, the model, our answer, the reference and the recorded flag.

    Raises:
        UserError: a file is malformed, or a solution's question is not among the problems.
    """
    tasks = {task.problem.strip(): task for task in load_tasks(problems)}
    recorded = load_recorded_solutions(solutions)
    if quick:
        recorded = [solution for solution in recorded if solution.line <= QUICK_LINES]
    disagreements = []
    for solution in recorded:
        task = tasks.get(solution.question.strip())
        if task is None:
            raise UserError(f"{solutions}:{solution.line}: the question is not in {problems}")
        if numeric.score(task, solution.solution).passed != solution.is_correct:
            disagreements.append(describe(task, solution))
    share = 1 - len(disagreements) / len(recorded)
    return {
        "n": len(recorded),
        "agreement": share,
        "target": TARGET,
        "met": share >= TARGET,
        "disagreements": disagreements,
    }


def describe(task: Task, solution: RecordedSolution) -> dict[str, object]:
    """One disagreement, as plain data."""
    return {
        "question": solution.line,
        "model": solution.model,
        "answer": numeric.answer(solution.solution),
        "reference": task.reference,
        "recorded": solution.is_correct,
    }
