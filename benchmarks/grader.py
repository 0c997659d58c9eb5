"""Does the verifier `numeric` agree with recorded grades? Recorded GSM8K solutions, graded anew.

    python -m benchmarks grader PROBLEMS SOLUTIONS

PROBLEMS is a file of GSM8K problems, SOLUTIONS the models' solutions of them that come with the data set,
each with a flag. The reference is the one of PROBLEMS. Agreement is the share of solutions on which `numeric`
and the flag say the same; the target is 0.995. Every disagreement is listed, since either side may be wrong.

The recorded solutions then serve as the samples of a majority vote and of best of k, each a recorded run (`--out`).
Best of k is scored by the reference here, and so an upper bound.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tutelage.agents import Prompt, scripted
from tutelage.errors import UserError
from tutelage.graphs import best_of_k, majority_vote, rollout, verifier_scorer
from tutelage.tools import RecordedSolution, load_recorded_solutions, load_tasks, numeric
from tutelage.training import Evaluation, wilson
from tutelage.types import Task

__all__ = ["agreement", "configure", "render", "run"]

TARGET = 0.995
QUICK_LINES = 100

Graded = tuple[Task, RecordedSolution]
"""A task and a solution of it that comes with a grade."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two files."""
    parser.add_argument("problems", type=Path, metavar="PROBLEMS")
    parser.add_argument("solutions", type=Path, metavar="SOLUTIONS")
    parser.add_argument("--out", type=Path, help="keep the recorded runs here; without, they are thrown away")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Grade what the command line names, then vote over it; see `agreement` and `loops`."""
    graded = load(args.problems, args.solutions, args.quick)
    with TemporaryDirectory() as folder:
        return agreement(graded) | {"loops": loops(graded, args.solutions, args.out or Path(folder))}


def load(problems: Path, solutions: Path, quick: bool) -> list[Graded]:
    """The recorded solutions with their tasks.

    Args:
        problems: Tasks with references; see `load_tasks`.
        solutions: Recorded solutions; see `load_recorded_solutions`.
        quick: Only the first hundred lines of `solutions`.

    Raises:
        UserError: a file is malformed, or a solution's question is not among the problems.
    """
    tasks = {task.problem.strip(): task for task in load_tasks(problems)}
    graded = []
    for solution in load_recorded_solutions(solutions):
        task = tasks.get(solution.question.strip())
        if quick and solution.line > QUICK_LINES:
            break
        if task is None:
            raise UserError(f"{solutions}:{solution.line}: the question is not in {problems}")
        graded.append((task, solution))
    return graded


def agreement(graded: Sequence[Graded]) -> dict[str, Any]:
    """Grade the recorded solutions and compare with their flags.

    Returns:
        `n`, `agreement` (0 to 1), `target`, `met`, and `disagreements`: a list of the question's line in the
        file, the model, our answer, the reference and the recorded flag.
    """
    disagreements = [
        describe(task, solution)
        for task, solution in graded
        if numeric.score(task, solution.solution).passed != solution.is_correct
    ]
    share = 1 - len(disagreements) / len(graded)
    return {
        "n": len(graded),
        "agreement": share,
        "target": TARGET,
        "met": share >= TARGET,
        "disagreements": disagreements,
    }


def loops(graded: Sequence[Graded], solutions: Path, store: Path) -> dict[str, Any]:
    """Vote and choose among the recorded solutions as a rollout of graphs whose solver says them.

    Args:
        graded: The solutions with their tasks; every task needs equally many.
        solutions: The file they come from.
        store: Where the runs go.

    Returns:
        By method: `accuracy` and its 95 % Wilson `interval`; the single models first, then `vote` and `best_of_k`.

    Raises:
        UserError: a question has fewer solutions than others.
    """
    recorded = [solution for _, solution in graded]
    tasks = list({task.id: task for task, _ in graded}.values())
    said: dict[str, list[str]] = {}
    for task, solution in graded:
        said.setdefault(prompt(task), []).append(solution.solution)
    models = list(dict.fromkeys(solution.model for solution in recorded))
    for task in tasks:
        found = len(said[prompt(task)])
        if found < len(models):
            raise UserError(
                f"{solutions}: {task.problem[:40]!r} has {found} solutions, others {len(models)}; give equally many"
            )
    model = scripted(
        lambda messages, sample: said[messages[-1]["content"]][sample], name="recorded solutions"
    )
    scorer = verifier_scorer(numeric)
    graphs = {
        "vote": majority_vote(model, len(models), verifier=numeric),
        "best_of_k": best_of_k(model, len(models), scorer, verifier=numeric),
    }
    evaluations = {}
    for name, graph in graphs.items():
        with rollout(graph, tasks, verifier=numeric, store=store / name, progress=False) as record:
            evaluations[name] = Evaluation.of(record, name=name)
    single = {name: single_model(name, recorded) for name in models}
    return single | {
        name: {"accuracy": each.accuracy, "interval": list(each.interval)}
        for name, each in evaluations.items()
    }


def single_model(name: str, recorded: Sequence[RecordedSolution]) -> dict[str, Any]:
    """How often one model is right, by the recorded flags."""
    flags = [solution.is_correct for solution in recorded if solution.model == name]
    return {"accuracy": sum(flags) / len(flags), "interval": list(wilson(sum(flags), len(flags)))}


def prompt(task: Task) -> str:
    """What the solver is asked."""
    return Prompt.load("solver").render(problem=task.problem)


def describe(task: Task, solution: RecordedSolution) -> dict[str, object]:
    """One disagreement, as plain data."""
    return {
        "question": solution.line,
        "model": solution.model,
        "answer": numeric.answer(solution.solution),
        "reference": task.reference,
        "recorded": solution.is_correct,
    }


def render(result: Mapping[str, Any]) -> str:
    """The benchmark's part of the results."""
    rows = [
        "## The grader, and loops over recorded solutions",
        "",
        f"`numeric` agrees with the recorded grade on {100 * result['agreement']:.2f} % of {result['n']:,} recorded "
        f"solutions; {len(result['disagreements'])} disagreements. The same solutions as the samples of a recorded "
        "rollout (best of k is scored by the reference, an upper bound); in %, with 95 % Wilson intervals:",
        "",
        "| | right |",
        "|---|---|",
    ]
    for name, found in result["loops"].items():
        low, high = (100 * end for end in found["interval"])
        rows.append(f"| {name} | {100 * found['accuracy']:.1f} [{low:.1f}, {high:.1f}] |")
    return "\n".join(rows)
