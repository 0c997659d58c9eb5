"""What the embedded model reads: every role's prompt with an exact answer, drawn without end from a seed.

Attempts to review, refine and teach are the model's own samples where there are any (`Attempts`), else slips made by the
families. Only tasks of the training split are drawn. Prompts are the packaged ones, so that the model knows the
roles it will play.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tutelage.agents.roles.prompt import Prompt
from tutelage.tools.families import FAMILIES, Family, split_of
from tutelage.tools.families.columns import slipped
from tutelage.types import Task

__all__ = ["MAIN", "POLISH", "Attempt", "Attempts", "Example", "Mix", "annotated", "corpus"]

DIFFICULTIES = (1, 2, 3, 4, 5)
DIFFICULTY_WEIGHTS = (3, 3, 3, 2, 1)
RIGHT_IN_REFINING = 0.25
"""The share of right attempts that the refiner sees, most of them under a false alarm."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What a part of the training is made of."""

    weights: Mapping[str, int]
    """How often each role speaks."""
    families: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(FAMILIES, 1))
    """How often each family is drawn."""
    careless: float = 0.0
    """The share of the solver's examples that have a slip, as texts of mixed quality do."""


MAIN = Mix({"solve": 44, "hinted": 7, "review": 27, "refine": 11, "hint": 5, "correct": 3, "judge": 3})
POLISH = Mix(
    {"solve": 20, "hinted": 5, "review": 15, "refine": 50, "hint": 4, "correct": 3, "judge": 3},
    {"arithmetic": 1, "equations": 1, "countdown": 2},
    careless=0.25,
)
"""For the end of the training. The refiner learns last, when the mistakes are those it will meet. The solver learns
that solutions may be careless: what a loop can filter, and fine-tuning on what was filtered can take back."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the answer that is learnt; only the answer carries loss."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A task and a solution that the model sampled for it."""

    task: Task
    solution: str
    right: bool


Attempts = Mapping[tuple[str, bool], Sequence[Attempt]]
"""The model's own samples by family and by whether they are right."""


def corpus(seed: int, attempts: Attempts, own_share: float, mix: Mix = MAIN) -> Iterator[Example]:
    """Examples of all roles and families, without end.

    Args:
        seed: the same seed and attempts give the same examples.
        attempts: the model's own samples; may be empty.
        own_share: the share of attempts taken from them rather than made by the families.
        mix: which roles, and how careful a solver.
    """
    rng = Random(f"corpus/{seed}")
    prompts = {name: Prompt.load(file) for name, file in PROMPT_FILES.items()}
    while True:
        family = FAMILIES[rng.choices(list(mix.families), list(mix.families.values()))[0]]
        role = rng.choices(list(mix.weights), list(mix.weights.values()))[0]
        difficulty = rng.choices(DIFFICULTIES, DIFFICULTY_WEIGHTS)[0]
        task = draw(family, difficulty, rng)
        right = rng.random() < {"refine": RIGHT_IN_REFINING, "solve": 1 - mix.careless}.get(role, 0.5)
        attempt = own_or_slip(family, task, rng, attempts, 0.0 if role == "solve" else own_share, right)
        yield WRITERS[role](family, attempt, prompts, rng)


def draw(family: Family, difficulty: int, rng: Random) -> Task:
    """One task of the training split."""
    while True:
        task = family.generate(rng, difficulty)
        if split_of(task) == "train":
            return task


def own_or_slip(
    family: Family, task: Task, rng: Random, attempts: Attempts, own_share: float, right: bool
) -> Attempt:
    """An attempt that is right or wrong, as asked for; its task is another one where it is the model's own."""
    own = attempts.get((family.name, right), ())
    if own and rng.random() < own_share:
        return rng.choice(own)
    solution = task.solution or ""
    return Attempt(task, solution, True) if right else Attempt(task, family.slip(task, rng), False)


def annotated(solution: str, values: Sequence[float]) -> str:
    """The solution with the value of each step behind it, as MAgICoRe shows it to its reviewer."""
    lines = [line for line in solution.splitlines() if line.strip()]
    return "\n".join(f"{line} [{value:.1f}]" for line, value in zip(lines, values, strict=True))


def shown(family: Family, attempt: Attempt, rng: Random) -> str:
    """The attempt as a reviewer or refiner sees it: plain, or with step values that may be soft."""
    if rng.random() < 0.65:
        return attempt.solution
    steps = family.check(attempt.task, attempt.solution).steps
    if rng.random() < 0.5:
        return annotated(attempt.solution, [float(right) for right in steps])
    return annotated(
        attempt.solution, [rng.uniform(0.5, 1) if right else rng.uniform(0, 0.6) for right in steps]
    )


def solve(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """The solver's bare problem, with a solution that may have a slip."""
    return Example(prompts["solve"].render(problem=attempt.task.problem), attempt.solution)


def hinted(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """The problem with a hint on where an attempt went wrong."""
    wrong = attempt if not attempt.right else Attempt(attempt.task, family.slip(attempt.task, rng), False)
    hint = family.hint(attempt.task, wrong.solution)
    prompt = prompts["hinted"].render(problem=attempt.task.problem, hint=hint)
    return Example(prompt, attempt.task.solution or "")


def review(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """A solution to recompute."""
    prompt = prompts["review"].render(problem=attempt.task.problem, solution=shown(family, attempt, rng))
    return Example(prompt, family.review(attempt.task, attempt.solution))


def refine(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """A solution with its review; some reviews of right solutions raise a false alarm."""
    said = family.review(attempt.task, attempt.solution)
    if attempt.right and rng.random() < 0.6:
        said = false_alarm(said, rng)
    elif attempt.right and rng.random() < 0.6:
        attempt = Attempt(attempt.task, family.slip(attempt.task, rng), False)
        said = family.review(attempt.task, attempt.solution)
    prompt = prompts["refine"].render(
        problem=attempt.task.problem, solution=shown(family, attempt, rng), review=said
    )
    return Example(prompt, family.repair(attempt.task, attempt.solution, rng))


def hint(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """The teacher sees the reference and a failed attempt, and gives a hint."""
    task = attempt.task
    solution = family.slip(task, rng) if attempt.right else attempt.solution
    prompt = prompts["hint"].render(problem=task.problem, solution=solution, reference=task.solution or "")
    return Example(prompt, family.hint(task, solution))


def correct(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """The teacher sees the reference, worked or only its answer, and writes the attempt anew."""
    task = attempt.task
    solution = family.slip(task, rng) if attempt.right else attempt.solution
    if rng.random() < 0.7:
        reference, corrected = task.solution or "", task.solution or ""
    else:
        reference, corrected = task.reference or "", family.repair(task, solution, rng)
    prompt = prompts["correct"].render(problem=task.problem, solution=solution, reference=reference)
    return Example(prompt, corrected)


def judge(family: Family, attempt: Attempt, prompts: Mapping[str, Prompt], rng: Random) -> Example:
    """A verdict at a glance."""
    prompt = prompts["judge"].render(problem=attempt.task.problem, solution=attempt.solution)
    return Example(prompt, "yes" if attempt.right else "no")


def false_alarm(said: str, rng: Random) -> str:
    """The review of a right solution, broken off by an objection that does not hold."""
    lines = [line for line in said.splitlines() if line.endswith(" ok") and "-> " in line]
    if not lines:
        return said
    at = rng.randrange(len(lines))
    head, _, value = lines[at].removesuffix(" ok").rpartition("-> ")
    objection = f"{head}-> {slipped(int(value), rng)} not {value}"
    return "\n".join([*lines[:at], objection, f"verdict: wrong at step {objection.partition(':')[0]}"])


PROMPT_FILES = {
    "solve": "solver",
    "hinted": "solver_hinted",
    "review": "reviewer",
    "refine": "refiner",
    "hint": "teacher_hint",
    "correct": "teacher_correct",
    "judge": "judge",
}

Writer = Callable[[Family, Attempt, Mapping[str, Prompt], Random], Example]

WRITERS: Mapping[str, Writer] = {
    "solve": solve,
    "hinted": hinted,
    "review": review,
    "refine": refine,
    "hint": hint,
    "correct": correct,
    "judge": judge,
}
