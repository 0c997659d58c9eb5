"""A false verdict: caught by a breakpoint, mended in the prompt, taught, and gone on held-out tasks.

    python examples/debugging_story.py [--model vllm:DIR] [--quick]

The embedded model has learnt chains of at most six operations. Of longer ones its reviewer calls right solutions wrong,
and the loop spoils them. Everything is kept in runs/debugging-story (with --quick: runs/debugging-look), so that
`tutelage studio` can open it; the folder must not be there yet. docs/story.md tells the same with figures.
"""

import argparse
import asyncio
import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tutelage.agents import ChatModel, Prompt, Reviewer, connect
from tutelage.agents.roles.reviewer import Review, read_verdict
from tutelage.errors import UserError
from tutelage.graphs import Session, Spread, debug, rollout, self_refine
from tutelage.graphs.debugging.teaching import Lessons
from tutelage.tools import make_tasks, step_checker, steps
from tutelage.tools.families import Split, family_of, split_of
from tutelage.tools.families.arithmetic import apply, describe, draw_operation, parse
from tutelage.traces import Run, Store, Turn
from tutelage.training import SftSettings, mcnemar, newcombe, train_sft
from tutelage.training.policies import local_directory
from tutelage.types import Sampling, Score, Task

SAMPLING = Sampling(temperature=1.0, max_tokens=400)
ROUNDS = 2
LENGTHS = (7, 8)
"""Operations of the chains that the model does not know."""
ORDINARY = {"arithmetic": 4, "equations": 5, "countdown": 2}
"""Families and difficulties that it knows."""
PART = 4
"""Operations that the edited prompt shows at once."""
MARK = "checked"
"""The score of answers that an exact check found right."""
TRAINING = SftSettings(epochs=6, batch_size=32, learning_rate=8e-4)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    long: int = 400
    """Training tasks beyond what the model knows."""
    ordinary: int = 60
    """Training tasks within it, of each family."""
    heldout: int = 300
    resamples: int = 32


QUICK = Sizes(long=12, ordinary=4, heldout=12, resamples=8)


def main() -> None:
    parser = argparse.ArgumentParser(description="The story of a false verdict.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="a few tasks only")
    args = parser.parse_args()
    sizes = QUICK if args.quick else Sizes()
    folder = Path("runs/debugging-look" if args.quick else "runs/debugging-story")
    heldout = long_chains(sizes.heldout, seed=0, split="heldout")

    with connect(args.model, sampling=SAMPLING) as model:
        go_wrong(model, folder, sizes)
        with caught(model, folder) as session:
            print(f"{where(session)}\n\n{session.state['solution']}\n\n{session.state['review']}\n")
            as_it_was, edited = compare_prompts(session, sizes.resamples)
            print(f"as it was: {as_it_was}\nedited: {edited}\ngain: {edited.against(as_it_was)}")
            teach(model, session)
            rows = rows_of(session.run_record, heldout, taught=True)
        teach_batch(model, folder / "long")
        mark_ordinary(folder / "ordinary")
        rows += rows_of(folder / "long", heldout, taught=True)
        rows += rows_of(folder / "long", heldout, verifier=MARK)
        rows += rows_of(folder / "ordinary", heldout, verifier=MARK)

        before = reviews(model, [(task, task.solution or "") for task in heldout])
        model.reload(train_sft(local_directory(model), rows, folder / "policy", TRAINING))
        after = reviews(model, [(task, task.solution or "") for task in heldout])
    print(difference(before, after))


def go_wrong(model: ChatModel, folder: Path, sizes: Sizes, seed: int = 0) -> None:
    """Roll out: tasks that are too long for the reviewer, and others to keep what it knows."""
    if folder.exists():
        raise UserError(f"{str(folder)!r} is there already; move it away, the story begins at its beginning")
    graph = self_refine(model, ROUNDS)
    with rollout(
        graph, long_chains(sizes.long, seed, "train"), verifier=step_checker, store=folder / "long"
    ) as run:
        print(run.report())
    ordinary = [
        task
        for family, difficulty in ORDINARY.items()
        for task in make_tasks(family, difficulty, sizes.ordinary, 2000 + seed)
    ]
    rollout(graph, ordinary, verifier=step_checker, store=folder / "ordinary").close()


def called_wrong(state: Mapping[str, Any]) -> bool:
    """The breakpoint's condition: the solution is right, and the reviewer says that it is not."""
    return state["verdict"] == "wrong" and is_right(Task.model_validate(state["task"]), state["solution"])


def caught(model: ChatModel, folder: Path, nth: int = 0) -> Session:
    """Replay a rollout that the mistake spoilt, from its record, until the breakpoint holds it."""
    with Run.open(folder / "long") as run:
        spoilt = rollouts_with_the_mistake(run)
    if len(spoilt) <= nth:
        raise UserError("the reviewer called too few right solutions wrong; roll out more tasks")
    session = debug(
        self_refine(model, ROUNDS),
        verifier=step_checker,
        store=folder / (f"session-{nth}" if nth else "session"),
        run=folder / "long",
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
    """Ask for the review n times as it was, and n times with a prompt that shows the doubted part alone."""
    assert session.stop is not None
    visit, state = session.stop.visit.number, session.state
    doubted = [
        each for each in in_parts(state["problem"], state["solution"]) if each.before < (state["step"] or 1)
    ]
    edited = Prompt.load("reviewer").render(problem=doubted[-1].problem, solution=doubted[-1].solution)
    return (
        session.resample(n, at=visit, name="as-it-was"),
        session.resample(n, at=visit, prompt=edited, name="edited"),
    )


def teach(model: ChatModel, session: Session) -> None:
    """Write down what the review should have said: the reviews of all parts, as one review of the whole."""
    assert session.stop is not None
    review = wait_for(review_in_parts(Reviewer(model), session.state["problem"], session.state["solution"]))
    if review is not None and review.verdict == "right":
        session.correct(review.text, session.stop.visit.turns[-1])


def teach_batch(model: ChatModel, run: Path) -> None:
    """The same for all false reviews of a run; a correction must be true. True reviews are marked as they are."""
    reviewer = Reviewer(model)
    with Lessons(run) as lessons:
        false = mark_reviews(lessons.run)
        better = wait_for(
            together([review_in_parts(reviewer, task.problem, solution) for _, task, solution in false])
        )
        for (turn, task, solution), review in zip(false, better, strict=True):
            if review is not None and is_true(task, solution, review):
                lessons.correct(turn.id, review.text, who="teacher")


def mark_ordinary(folder: Path) -> None:
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
    low, high = newcombe(both, spoilt, mended, wrong)
    return (
        f"of {len(pairs)} right solutions of held-out tasks {wrong + mended} were called wrong, now {wrong + spoilt}: "
        f"{100 * (spoilt - mended) / len(pairs):+.1f} points [{-100 * high:+.1f}, {-100 * low:+.1f}], "
        f"McNemar p = {mcnemar(spoilt, mended):.2g}"
    )


# What the story needs to know about chains, solutions and reviews.


def long_chains(count: int, seed: int, split: Split, lengths: Sequence[int] = LENGTHS) -> list[Task]:
    """Chains of arithmetic longer than the family's dial goes, of one of its splits."""
    rng = Random(f"long chains/{split}/{seed}")
    tasks: dict[str, Task] = {}
    while len(tasks) < count:
        length = lengths[len(tasks) % len(lengths)]
        start = value = rng.randint(6, 49)
        operations: list[tuple[str, int]] = []
        for _ in range(length):
            operations.append(draw_operation(rng, value, 99))
            value = apply(value, *operations[-1])
        task = describe(start, operations, difficulty=length)
        if split_of(task) == split:
            name = f"chain-{length}-{split}-{seed}-{len(tasks)}"
            tasks[task.problem] = task.model_copy(update={"id": name})
    return list(tasks.values())


def is_right(task: Task, solution: str) -> bool:
    return family_of(task).check(task, solution).right


def is_true(task: Task, solution: str, review: Review) -> bool:
    """Whether a review has the right verdict and, of a wrong solution, names the first wrong step."""
    wrong = family_of(task).check(task, solution).first_wrong
    return (review.verdict, review.step) == (("right", None) if wrong is None else ("wrong", wrong))


def recorded_reviews(run: Run) -> Iterator[tuple[Turn, Task, str, Review]]:
    """Every review on record, with its task and the solution that it is about."""
    tasks = {each.id: each.task for each in run.rollouts("done")}
    turns = {turn.id: turn for turn in run.turns()}
    for turn in turns.values():
        if turn.role == "reviewer" and turn.rollout_id in tasks:
            review = Review(*read_verdict(turn.completion), turn.completion, turn.id)
            yield turn, tasks[turn.rollout_id], turns[turn.parents[0]].completion, review


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


@dataclass(frozen=True)
class Part:
    """Some lines of a solution, as a short problem of their own."""

    before: int
    """Lines of the whole before them."""
    lines: int
    """Lines of the whole among them."""
    problem: str
    solution: str


def in_parts(problem: str, solution: str) -> list[Part]:
    """Cut a chain into short ones, each from the value that the solution has reached."""
    value, operations = parse(problem)
    lines = steps(solution)
    count = ceil(len(operations) / PART)
    cuts = [round(part * len(operations) / count) for part in range(count + 1)]
    parts: list[Part] = []
    for start, end in pairwise(cuts):
        last = end == len(operations)
        shown = lines[start:] if last else lines[start:end]
        (op, b), *rest = operations[start:end]
        short = f"Compute {value} {op} {b}" + "".join(f", then {op} {b}" for op, b in rest) + "."
        reached = re.search(r"=(\d{1,9})$", shown[-1]) if shown else None
        if not shown or (reached is None and not last):
            break
        value = int(reached[1]) if reached else value
        told = shown if last else [*shown, f"answer: {value}"]
        parts.append(Part(start, len(shown), short, "\n".join(told)))
    return parts


async def review_in_parts(reviewer: Reviewer, problem: str, solution: str) -> Review | None:
    """Review every part by itself and join what is said, renumbered; `None` where it does not fit together."""
    parts = in_parts(problem, solution)
    said: list[str] = []
    for part, review in zip(
        parts, await together([reviewer.review(p.problem, p.solution) for p in parts]), strict=True
    ):
        lines = [line.partition(": ")[2] for line in review.text.splitlines()[:-1]]
        here = review.step or part.lines
        if review.verdict == "none" or len(lines) < here or here > part.lines + (part is parts[-1]):
            return None
        said += [f"{part.before + at}: {line}" for at, line in enumerate(lines[:here], start=1)]
        if review.verdict == "wrong":
            text = "\n".join([*said, f"verdict: wrong at step {part.before + here}"])
            return Review("wrong", part.before + here, text, None)
    return Review("right", None, "\n".join([*said, "verdict: right"]), None) if parts else None


def reviews(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[Review]:
    """One review of each solution."""
    reviewer = Reviewer(model)
    return wait_for(together([reviewer.review(task.problem, solution) for task, solution in cases]))


async def together(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    return list(await asyncio.gather(*work))


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


if __name__ == "__main__":
    main()
