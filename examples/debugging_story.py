"""A false verdict: caught by a breakpoint, mended in the prompt, taught, and gone on held-out tasks.

    python examples/debugging_story.py [--model vllm:DIR] [--quick]

The embedded model's reviewer is good at chains of up to six operations, the most it has seen. Of longer ones it calls
right solutions wrong, and the loop spoils them. Everything is recorded in runs/debugging-story (with --quick:
runs/debugging-look), which must not be there yet. docs/story.md tells the same at leisure, with figures.
"""

import argparse
import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

from tutelage.agents import ChatModel, Prompt, Reviewer, connect, embedded_directory
from tutelage.agents.roles.reviewer import Review, read_verdict
from tutelage.graphs import Session, Spread, debug, rollout, self_refine
from tutelage.graphs.debugging.teaching import Lessons
from tutelage.tools import make_tasks, step_checker, steps
from tutelage.tools.families import Split, family_of, split_of
from tutelage.tools.families.arithmetic import apply, describe, draw_operation, parse
from tutelage.traces import Run, Turn
from tutelage.training import SftSettings, mcnemar, newcombe, train_sft, wilson
from tutelage.types import Sampling, Task

SAMPLING = Sampling(temperature=1.0, max_tokens=400)
ORDINARY = {"arithmetic": 4, "equations": 5, "countdown": 2}
"""Families and difficulties that the model knows."""
LENGTHS = (7, 8, 9)
"""Operations of a chain that it does not know; training ends at six."""
PART = 4
"""Operations that the reviewer is shown at once."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    long: int = 240
    """Training tasks beyond the dial."""
    ordinary: int = 100
    """Training tasks within it, of each family."""
    heldout: int = 300
    """Held-out tasks beyond the dial."""
    resamples: int = 32


QUICK = Sizes(long=12, ordinary=4, heldout=12, resamples=8)


def long_chains(count: int, seed: int, split: Split, lengths: Sequence[int] = LENGTHS) -> list[Task]:
    """Chains of arithmetic longer than the dial goes, of one split of the family."""
    rng = Random(f"long chains/{split}/{seed}")
    tasks: dict[str, Task] = {}
    while len(tasks) < count:
        length = lengths[len(tasks) % len(lengths)]
        value = start = rng.randint(6, 49)
        operations: list[tuple[str, int]] = []
        for _ in range(length):
            operations.append(draw_operation(rng, value, 99))
            value = apply(value, *operations[-1])
        task = describe(start, operations, difficulty=length)
        if split_of(task) == split:
            name = f"chain-{length}-{split}-{seed}-{len(tasks)}"
            tasks[task.problem] = task.model_copy(update={"id": name})
    return list(tasks.values())


def called_wrong(state: Mapping[str, Any]) -> bool:
    """The mistake: the solution is right, and the reviewer says that it is not."""
    return state["verdict"] != "right" and is_right(Task.model_validate(state["task"]), state["solution"])


def is_right(task: Task, solution: str) -> bool:
    return family_of(task).check(task, solution).right


def is_true(task: Task, solution: str, review: Review) -> bool:
    """Whether a review has the right verdict and, of a wrong solution, names the first wrong step."""
    wrong = family_of(task).check(task, solution).first_wrong
    return (review.verdict, review.step) == (("right", None) if wrong is None else ("wrong", wrong))


@dataclass(frozen=True)
class Part:
    """Some lines of a solution, as a short problem of their own."""

    before: int
    """Lines of the whole before them."""
    problem: str
    solution: str

    @property
    def prompt(self) -> str:
        """What the reviewer is asked about them."""
        return Prompt.load("reviewer").render(problem=self.problem, solution=self.solution)


def in_parts(problem: str, solution: str) -> list[Part]:
    """Cut a chain into short ones, each from the value that the solution has reached."""
    value, operations = parse(problem)
    lines = steps(solution)
    count = ceil(len(operations) / PART)
    cuts = [round(part * len(operations) / count) for part in range(count + 1)]
    parts: list[Part] = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        (op, b), *rest = operations[start:end]
        short = f"Compute {value} {op} {b}" + "".join(f", then {op} {b}" for op, b in rest) + "."
        last = end == len(operations)
        shown = lines[start:] if last else lines[start:end]
        reached = re.search(r"=(\d+)$", shown[-1]) if shown else None
        if reached is None and not last:
            break
        value = int(reached[1]) if reached else 0
        parts.append(Part(start, short, "\n".join(shown if last else [*shown, f"answer: {value}"])))
    return parts


def joined(parts: Sequence[Part], reviews: Sequence[Review]) -> str | None:
    """The review of the whole from those of its parts; `None` where they do not fit together."""
    said: list[str] = []
    for part, review in zip(parts, reviews, strict=True):
        lines = [line.partition(": ")[2] for line in review.text.splitlines()[:-1]]
        own = len(steps(part.solution)) - (part is not parts[-1])
        if review.verdict == "none" or not lines or (review.step or 0) > own + (part is parts[-1]):
            return None
        kept = lines[: review.step or own]
        said += [f"{part.before + at}: {line}" for at, line in enumerate(kept, start=1)]
        if review.verdict == "wrong":
            return "\n".join([*said, f"verdict: wrong at step {part.before + (review.step or 0)}"])
    return "\n".join([*said, "verdict: right"])


async def review_in_parts(reviewer: Reviewer, problem: str, solution: str) -> Review | None:
    """Ask about every part by itself, and read the whole."""
    parts = in_parts(problem, solution)
    reviews = await asyncio.gather(*(reviewer.review(part.problem, part.solution) for part in parts))
    text = joined(parts, reviews) if parts else None
    return None if text is None else Review(*read_verdict(text), text, None)


def reviews_of(run: Run) -> Iterator[tuple[Turn, Task, str, Review]]:
    """Every recorded review with its task and the solution that it is about."""
    tasks = {each.id: each.task for each in run.rollouts("done")}
    turns = {turn.id: turn for turn in run.turns()}
    for turn in turns.values():
        if turn.role == "reviewer" and turn.rollout_id in tasks:
            review = Review(*read_verdict(turn.completion), turn.completion, turn.id)
            yield turn, tasks[turn.rollout_id], turns[turn.parents[0]].completion, review


def catch(model: ChatModel, run: Run, folder: Path) -> Session:
    """Replay the first recorded rollout that the mistake spoilt; the breakpoint holds it where it happens."""
    passed = {row.subject_id: row.score.passed for row in run.scores(subject="rollout")}
    spoilt = (
        turn.rollout_id
        for turn, task, solution, review in reviews_of(run)
        if not passed[turn.rollout_id] and review.verdict != "right" and is_right(task, solution)
    )
    session = debug(
        self_refine(model, 2), verifier=step_checker, store=folder, run=run.path, rollout=next(spoilt)
    )
    session.break_on("reviewer", when=called_wrong)
    session.go()
    return session


def compare_prompts(session: Session, resamples: int) -> tuple[Spread, Spread]:
    """Run on from the review many times, as it was asked and with the edited prompt."""
    assert session.stop is not None
    visit, state = session.stop.visit.number, session.state
    parts = in_parts(state["problem"], state["solution"])
    doubted = [part for part in parts if part.before < (state["step"] or 1)][-1]
    before = session.resample(resamples, at=visit, name="as-it-was")
    after = session.resample(resamples, at=visit, prompt=doubted.prompt, name="in-parts")
    return before, after


def teach_caught(model: ChatModel, session: Session) -> None:
    """Correct the review that was caught; the row is on the prompt that the model will read."""
    assert session.stop is not None
    state = session.state
    truth = asyncio.run(review_in_parts(Reviewer(model), state["problem"], state["solution"]))
    if truth is not None and truth.verdict == "right":
        session.correct(truth.text, session.stop.visit.turns[-1])


def teach_reviews(model: ChatModel, folder: Path) -> None:
    """Accept the true reviews of a run, and correct the others where their parts give a true one."""
    reviewer = Reviewer(model)
    with Lessons(folder) as lessons:
        found = list(reviews_of(lessons.run))
        for turn, task, solution, review in found:
            if is_true(task, solution, review):
                lessons.accept(turn.id, who="teacher")
        false = [each for each in found if not is_true(each[1], each[2], each[3])]
        asked = [review_in_parts(reviewer, task.problem, solution) for _, task, solution, _ in false]
        for (turn, task, solution, _), better in zip(false, asyncio.run(together(asked)), strict=True):
            if better is not None and is_true(task, solution, better):
                lessons.correct(turn.id, better.text, who="teacher")


def accept_ordinary(folder: Path) -> None:
    """Accept what the model does well already, in all three roles, so that it is not forgotten."""
    with Lessons(folder) as lessons:
        tasks = {each.id: each.task for each in lessons.run.rollouts("done")}
        for turn in lessons.run.turns():
            if turn.role != "reviewer" and is_right(tasks[turn.rollout_id], turn.completion):
                lessons.accept(turn.id, who="teacher")
        for turn, task, solution, review in reviews_of(lessons.run):
            if is_true(task, solution, review):
                lessons.accept(turn.id, who="teacher")


async def together(work: Sequence[Any]) -> list[Any]:
    return list(await asyncio.gather(*work))


def rows_of(run: Run, heldout: Sequence[Task]) -> list[dict[str, Any]]:
    """What was taught in a run, for the trainer; no row may repeat a held-out task."""
    return [
        {"prompt": row["prompt"], "completion": row["completion"]}
        for row in run.export("sft", taught=True, heldout=heldout)
    ]


def verdicts(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[Review]:
    """One review each."""
    reviewer = Reviewer(model)
    return asyncio.run(together([reviewer.review(task.problem, text) for task, text in cases]))


def main() -> None:
    parser = argparse.ArgumentParser(description="The story of a false verdict.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="a few tasks only")
    args = parser.parse_args()
    sizes = QUICK if args.quick else Sizes()
    folder = Path("runs/debugging-look" if args.quick else "runs/debugging-story")
    heldout = long_chains(sizes.heldout, seed=0, split="heldout")
    cases = [(task, task.solution or "") for task in heldout]

    with connect(args.model, sampling=SAMPLING) as model:
        rows = lessons_from(model, folder, sizes, heldout)
        before = verdicts(model, cases)
        policy = train_sft(embedded_directory(), rows, folder / "policy", SETTINGS)
        model.reload(policy)
        after = verdicts(model, cases)
    report(before, after)


def lessons_from(
    model: ChatModel, folder: Path, sizes: Sizes, heldout: Sequence[Task], seed: int = 0
) -> list[dict[str, Any]]:
    """From rollouts that go wrong to training rows."""
    tasks = long_chains(sizes.long, seed, "train")
    with rollout(self_refine(model, 2), tasks, verifier=step_checker, store=folder / "long") as run:
        print(run.report())
        session = catch(model, run, folder / "session")
    with session:
        assert session.stop is not None
        print(f"{session.stop.why} at visit {session.stop.visit.number}\n{session.state['review']}")
        before, after = compare_prompts(session, sizes.resamples)
        print(f"as it was: {before}\nedited: {after}\ngain: {after.against(before)}")
        teach_caught(model, session)
        rows = rows_of(session.run_record, heldout)
    teach_reviews(model, folder / "long")
    ordinary = [
        task
        for family, difficulty in ORDINARY.items()
        for task in make_tasks(family, difficulty, sizes.ordinary, 2000 + seed)
    ]
    rollout(self_refine(model, 2), ordinary, verifier=step_checker, store=folder / "ordinary").close()
    accept_ordinary(folder / "ordinary")
    for name in ("long", "ordinary"):
        with Run.open(folder / name) as run:
            rows += rows_of(run, heldout)
    return rows


def report(before: Sequence[Review], after: Sequence[Review]) -> None:
    """The mistake on held-out tasks, before and after."""
    pairs = [(b.verdict == "right", a.verdict == "right") for b, a in zip(before, after, strict=True)]
    both, broken, mended, neither = (
        pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
    )
    low, high = newcombe(both, broken, mended, neither)
    print(f"right solutions of {len(pairs)} held-out long chains called wrong: ")
    print(f"  before {broken + 0 + neither + mended - broken}, after {broken + neither}")
    print(f"  {100 * low:+.1f} to {100 * high:+.1f} points, McNemar p = {mcnemar(broken, mended):.2g}")


SETTINGS = SftSettings(epochs=3, batch_size=32)

if __name__ == "__main__":
    main()
