"""A false verdict: caught by a breakpoint, mended in the prompt, taught, and gone on held-out tasks.

    python examples/debugging_story.py [--model vllm:DIR] [--quick]

A node of this graph lays solutions out as Markdown, where a line that ends in two spaces stays a line of its own. The
reviewer has never seen such solutions: it calls right ones wrong, and the loop spoils them. Everything is kept in
runs/debugging-story (with --quick: runs/debugging-look), so that `tutelage studio` can open it; the folder must not be
there yet. docs/story.md tells the same with figures.
"""

import argparse
import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Prompt, Refiner, Reviewer, Solver, connect
from tutelage.agents.roles.reviewer import Review, read_verdict
from tutelage.errors import UserError
from tutelage.graphs import LoopState, Session, Spread, debug, rollout, self_refine
from tutelage.graphs.debugging.teaching import Lessons
from tutelage.tools import make_tasks, step_checker
from tutelage.tools.families import Split, family_of
from tutelage.traces import Run, Store, Turn
from tutelage.training import SftSettings, mcnemar, newcombe, train
from tutelage.training.policies import local_directory
from tutelage.types import Sampling, Score, Task

SAMPLING = Sampling(temperature=1.0, max_tokens=320)
ROUNDS = 2
FAMILIES = {"arithmetic": 4, "equations": 5, "countdown": 2}
"""Families of tasks, and how difficult."""
MARK = "checked"
"""The score of answers that an exact check found right."""
TRIES = 4
"""Reviews of which one must be true to be taught."""
TRAINING = SftSettings(epochs=5, batch_size=32, learning_rate=4e-4)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sizes:
    """How many tasks of each family, and how many samples."""

    laid_out: int = 200
    """Training tasks for the graph with the mistake."""
    plain: int = 60
    """Training tasks for the same loop without the layout."""
    heldout: int = 100
    resamples: int = 32


QUICK = Sizes(laid_out=6, plain=2, heldout=2, resamples=8)


def main() -> None:
    parser = argparse.ArgumentParser(description="The story of a false verdict.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="a few tasks only")
    args = parser.parse_args()
    sizes = QUICK if args.quick else Sizes()
    folder = Path("runs/debugging-look" if args.quick else "runs/debugging-story")
    heldout = tasks_of(sizes.heldout, seed=0, split="heldout")
    right = [(task, as_markdown(task.solution or "")) for task in heldout]

    with connect(args.model, sampling=SAMPLING) as model:
        go_wrong(model, folder, sizes)
        with caught(model, folder) as session:
            print(f"{where(session)}\n\n{session.state['solution']}\n\n{session.state['review']}\n")
            as_it_was, edited = compare_prompts(session, sizes.resamples)
            print(f"as it was: {as_it_was}\nedited: {edited}\ngain: {edited.against(as_it_was)}")
            if not teach(model, session):
                print(
                    f"not one of {TRIES} reviews of the plain solution is true; the batch has others to teach"
                )
            rows = rows_of(session.run_record, heldout, taught=True)
        teach_batch(model, folder / "laid-out")
        mark_all(folder / "plain")
        rows += rows_of(folder / "laid-out", heldout, taught=True)
        rows += rows_of(folder / "laid-out", heldout, verifier=MARK)
        rows += rows_of(folder / "plain", heldout, verifier=MARK)

        before = reviews(model, right)
        model.reload(train("sft", local_directory(model), rows, folder / "policy", TRAINING))
        after = reviews(model, right)
    print(difference(before, after))


def as_markdown(solution: str) -> str:
    """Lay a solution out: two spaces at the end of a line, without which Markdown joins it with the next."""
    return "  \n".join(line.rstrip() for line in solution.splitlines())


def as_written(solution: str) -> str:
    """The same without the spaces, as solvers write it."""
    return "\n".join(line.rstrip() for line in solution.splitlines())


def laid_out(model: ChatModel) -> StateGraph[LoopState]:
    """Solve, lay out, review; refine and lay out again while the review says "wrong"."""

    def layout(state: LoopState) -> LoopState:
        return {"solution": as_markdown(state["solution"])}

    def after_review(state: LoopState) -> str:
        return "refiner" if state["verdict"] == "wrong" and state["round"] < ROUNDS else END

    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model))
    graph.add_node("layout", layout)
    graph.add_node("reviewer", Reviewer(model))
    graph.add_node("refiner", Refiner(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "layout")
    graph.add_edge("layout", "reviewer")
    graph.add_conditional_edges("reviewer", after_review, ["refiner", END])
    graph.add_edge("refiner", "layout")
    return graph


def go_wrong(model: ChatModel, folder: Path, sizes: Sizes, seed: int = 0) -> None:
    """Roll out training tasks: with the layout, and without it to keep what the model knows."""
    if folder.exists():
        raise UserError(f"{str(folder)!r} is there already; move it away, the story begins at its beginning")
    tasks = tasks_of(sizes.laid_out, 2000 + seed, "train")
    with rollout(laid_out(model), tasks, verifier=step_checker, store=folder / "laid-out") as run:
        print(run.report())
    others = tasks_of(sizes.plain, 3000 + seed, "train")
    rollout(self_refine(model, ROUNDS), others, verifier=step_checker, store=folder / "plain").close()


def called_wrong(state: Mapping[str, Any]) -> bool:
    """The breakpoint's condition: the solution is right, and the reviewer says that it is not."""
    return state["verdict"] == "wrong" and is_right(Task.model_validate(state["task"]), state["solution"])


def caught(model: ChatModel, folder: Path, nth: int = 0) -> Session:
    """Replay a rollout that the mistake spoilt, from its record, until the breakpoint holds it."""
    with Run.open(folder / "laid-out") as run:
        spoilt = rollouts_with_the_mistake(run)
    if len(spoilt) <= nth:
        raise UserError("the reviewer called too few right solutions wrong; roll out more tasks")
    session = debug(
        laid_out(model),
        verifier=step_checker,
        store=folder / (f"session-{nth}" if nth else "session"),
        run=folder / "laid-out",
        rollout=spoilt[nth],
    )
    session.break_on("reviewer", when=called_wrong)
    session.go()
    return session


def where(session: Session) -> str:
    """Where the breakpoint holds."""
    assert session.stop is not None
    return f"{session.state['problem']}\n{session.stop.why}, visit {session.stop.visit.number}"


def compare_prompts(session: Session, n: int) -> tuple[Spread, Spread]:
    """Ask for the review n times as it was, and n times with a prompt whose solution has no such spaces."""
    assert session.stop is not None
    visit, state = session.stop.visit.number, session.state
    edited = Prompt.load("reviewer").render(problem=state["problem"], solution=as_written(state["solution"]))
    return (
        session.resample(n, at=visit, name="as-it-was"),
        session.resample(n, at=visit, prompt=edited, name="edited"),
    )


def teach(model: ChatModel, session: Session) -> bool:
    """Write down what the review should have said: a true review of the solution as it was written, if one is found."""
    assert session.stop is not None
    task = Task.model_validate(session.state["task"])
    (review,) = true_reviews(model, [(task, session.state["solution"])])
    if review is not None:
        session.correct(review, session.stop.visit.turns[-1])
    return review is not None


def teach_batch(model: ChatModel, run: Path) -> None:
    """The same for all false reviews of a run. True reviews are marked as they are."""
    with Lessons(run) as lessons:
        false = mark_reviews(lessons.run)
        better = true_reviews(model, [(task, solution) for _, task, solution in false])
        for (turn, _, _), review in zip(false, better, strict=True):
            if review is not None:
                lessons.correct(turn.id, review, who="teacher")


def true_reviews(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[str | None]:
    """Review solutions as they were written, and keep of each the first review that an exact check finds true."""
    reviewer = Reviewer(model)
    tries = together([reviewer.reviews(task.problem, as_written(text), TRIES) for task, text in cases])
    return [
        next((review.text for review in found if is_true(task, text, review)), None)
        for (task, text), found in zip(cases, asyncio.run(tries), strict=True)
    ]


def mark_all(folder: Path) -> None:
    """Mark all that is right in a run, of all roles, so that it is not forgotten."""
    with Store.open(folder) as store, store.run() as run:
        tasks = {each.id: each.task for each in run.rollouts("done")}
        mark_reviews(run)
        for turn in run.turns():
            if turn.role != "reviewer" and is_right(tasks[turn.rollout_id], turn.completion):
                mark(run, turn)


def rows_of(run: Run | Path, heldout: Sequence[Task], **options: Any) -> list[dict[str, Any]]:
    """Rows on the prompts that the model will read: what was taught, or what is marked; held-out tasks kept out."""
    if isinstance(run, Path):
        with Run.open(run) as opened:
            return rows_of(opened, heldout, **options)
    rows = run.export("sft", heldout=heldout, **options)
    return [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows]


def difference(before: Sequence[Review], after: Sequence[Review]) -> str:
    """How often right solutions were called wrong, paired."""
    pairs = [(b.verdict == "right", a.verdict == "right") for b, a in zip(before, after, strict=True)]
    both, spoilt, mended = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True)))
    wrong = len(pairs) - both - spoilt - mended
    low, high = (-100 * each for each in reversed(newcombe(both, spoilt, mended, wrong)))
    return (
        f"of {len(pairs)} right solutions of held-out tasks {wrong + mended} were not called right, "
        f"now {wrong + spoilt}: {100 * (spoilt - mended) / len(pairs):+.1f} points [{low:+.1f}, {high:+.1f}], "
        f"McNemar p = {mcnemar(spoilt, mended):.2g}"
    )


# What the story needs to know about tasks, solutions and reviews.


def tasks_of(per_family: int, seed: int, split: Split) -> list[Task]:
    return [
        task
        for family, difficulty in FAMILIES.items()
        for task in make_tasks(family, difficulty, per_family, seed, split=split)
    ]


def is_right(task: Task, solution: str) -> bool:
    return family_of(task).check(task, solution).right


def is_true(task: Task, solution: str, review: Review) -> bool:
    """Whether a review has the right verdict and, of a wrong solution, names the first wrong step."""
    wrong = family_of(task).check(task, solution).first_wrong
    return (review.verdict, review.step) == (("right", None) if wrong is None else ("wrong", wrong))


def recorded_reviews(run: Run) -> Iterator[tuple[Turn, Task, str, Review]]:
    """Every review on record, with its task and the solution that it is about: the last one before it."""
    tasks = {each.id: each.task for each in run.rollouts("done")}
    solutions: dict[str, str] = {}
    for turn in run.turns():
        if turn.role != "reviewer":
            solutions[turn.rollout_id] = turn.completion
        elif turn.rollout_id in tasks:
            review = Review(*read_verdict(turn.completion), turn.completion, turn.id)
            yield turn, tasks[turn.rollout_id], solutions[turn.rollout_id], review


def rollouts_with_the_mistake(run: Run) -> list[str]:
    """Rollouts in which a right solution was called wrong; those that it spoilt, and that ended wrong, first."""
    passed = {row.subject_id: row.score.passed for row in run.scores(subject="rollout")}
    found = [
        turn.rollout_id
        for turn, task, solution, review in recorded_reviews(run)
        if review.verdict == "wrong" and is_right(task, solution)
    ]
    return sorted(dict.fromkeys(found), key=lambda rollout_id: passed[rollout_id] is True)


def mark_reviews(run: Run) -> list[tuple[Turn, Task, str]]:
    """Mark the true reviews of a run; give the others."""
    false: list[tuple[Turn, Task, str]] = []
    for turn, task, solution, review in list(recorded_reviews(run)):
        if is_true(task, solution, review):
            mark(run, turn)
        else:
            false.append((turn, task, solution))
    return false


def mark(run: Run, turn: Turn) -> None:
    """Put on record that an answer is right."""
    score = Score(name=MARK, value=1.0, passed=True)
    run.score(turn.rollout_id, score, subject="turn", subject_id=turn.id)


def reviews(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[Review]:
    """One review of each solution."""
    reviewer = Reviewer(model)
    return asyncio.run(together([reviewer.review(task.problem, solution) for task, solution in cases]))


async def together(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    return list(await asyncio.gather(*work))


if __name__ == "__main__":
    main()
