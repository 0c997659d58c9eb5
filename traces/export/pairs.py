"""Pairs: two completions for one training context, of which one is better.

Five ways to find them in the turns of one task:
"outcome" compares turns of one role in the same training context by their own scores;
"verdict" does so among reviews of the same solution, where right is who judged it truly;
"fork" compares turns of one rollout that answer the same prompt, by their own scores, and where those are only
the rollout's, by the mean score of the candidates that came of each (right or wrong where they agree);
"refinement" sets the candidate after a refinement against the one before, in the context of the one before;
"step" compares solutions that agree in their first lines and then go on with a right and a wrong step.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal, NamedTuple, TypeAlias

from tutelage.traces.export.context import training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.settings import ExportSettings
from tutelage.traces.export.story import ScoreView, Story
from tutelage.traces.record import Message

__all__ = ["Kind", "Pair", "PairSettings", "pairs", "steps_in"]

Kind: TypeAlias = Literal["outcome", "step", "refinement", "verdict", "fork"]
Prompt = tuple[Message, ...]


class PairSettings(ExportSettings):
    """The options of formats whose rows are pairs."""

    pairs: Kind = "outcome"
    """How pairs are found."""
    by: Literal["passed", "value"] = "passed"
    """Right against wrong, or a higher value against a lower one."""
    margin: float = 0.0
    """With `by="value"`: by how much the values must differ."""
    reuse: bool = False
    """Pair every better completion with every worse one, rather than each completion once at most."""


class Pair(NamedTuple):
    """A better and a worse completion."""

    prompt: Prompt
    chosen: Example
    rejected: Example
    values: tuple[float | None, float | None]
    step: int | None = None
    """With "step": the line at which they part, from 1."""
    kind: str | None = None
    """How it was found, where that is not as the settings say."""


class Graded(NamedTuple):
    """An example, and how good it is."""

    example: Example
    value: float | None
    passed: bool | None


def pairs(
    story: Story, examples: Sequence[Example], settings: PairSettings, verifier: str | None
) -> Iterator[Pair]:
    """Give the pairs of one task."""
    if settings.pairs == "refinement":
        yield from _refinements(examples, settings)
    elif settings.pairs == "step":
        yield from _by_step(story, examples, settings, verifier)
    else:
        yield from _grouped(story, examples, settings, verifier)


def steps_in(solution: str) -> list[str]:
    """Give the steps of a solution: its lines that are not empty."""
    return [line for line in solution.splitlines() if line.strip()]


def _grouped(
    story: Story, examples: Sequence[Example], settings: PairSettings, verifier: str | None
) -> Iterator[Pair]:
    groups: dict[str, list[Graded]] = {}
    prompts: dict[str, Prompt] = {}
    fork = settings.pairs == "fork"
    outcomes = _outcomes(story, verifier) if fork else {}
    for example in examples:
        if settings.pairs == "verdict" and example.score.source != "verdict":
            continue
        prompt = training_context(example, settings)
        place = example.turn.rollout.id if fork else ""
        key = f"{place}\0{_asked(example, prompt)}"
        prompts.setdefault(key, prompt)
        alone = fork and example.score.source in ("rollout", None)
        graded = _mean(example, outcomes.get(example.turn.id, ())) if alone else _own(example)
        groups.setdefault(key, []).append(graded)
    for key, group in groups.items():
        for better, worse in _matched(group, settings):
            yield Pair(prompts[key], better.example, worse.example, (better.value, worse.value))


def _asked(example: Example, prompt: Prompt) -> str:
    """What two completions must share to be compared: the role, the tools and the training context."""
    speaker = example.turn.speaker
    return f"{speaker.role}\0{speaker.tools!r}\0{prompt!r}"


def _own(example: Example) -> Graded:
    return Graded(example, example.score.value, example.score.passed)


def _mean(example: Example, later: Sequence[ScoreView]) -> Graded:
    """Grade a turn by the candidates that came of it."""
    values = [score.value for score in later if score.value is not None]
    if not values:
        return Graded(example, None, None)
    decided = {score.passed for score in later}
    return Graded(example, sum(values) / len(values), decided.pop() if len(decided) == 1 else None)


def _outcomes(story: Story, verifier: str | None) -> dict[str, list[ScoreView]]:
    """Turns by id to the scores of the candidates that later turns wrote."""
    found: dict[str, list[ScoreView]] = {}
    for turn in story.turns:
        score = story.score(story.written.get(turn.id, ""), verifier)
        if score is not None:
            for ancestor in story.ancestors(turn):
                found.setdefault(ancestor.id, []).append(score)
    return found


def _matched(group: Sequence[Graded], settings: PairSettings) -> Iterator[tuple[Graded, Graded]]:
    if settings.by == "passed":
        better = [each for each in group if each.passed is True]
        worse = [each for each in group if each.passed is False]
        yield from product(better, worse) if settings.reuse else zip(better, worse, strict=False)
        return
    ordered = sorted(
        (each for each in group if each.value is not None), key=lambda each: -(each.value or 0.0)
    )
    half = len(ordered) // 2
    found: Iterator[tuple[Graded, Graded]]
    if settings.reuse:
        found = ((a, b) for at, a in enumerate(ordered) for b in ordered[at + 1 :])
    else:
        found = zip(ordered[:half], reversed(ordered[len(ordered) - half :]), strict=True)
    yield from (pair for pair in found if _apart(*pair, settings.margin))


def _apart(better: Graded, worse: Graded, margin: float) -> bool:
    difference = (better.value or 0.0) - (worse.value or 0.0)
    return difference > 0 and difference >= margin


def _refinements(examples: Sequence[Example], settings: PairSettings) -> Iterator[Pair]:
    by_turn = {each.turn.id: each for each in examples if each.candidate is not None}
    used: set[str] = set()
    for after in examples:
        candidate = after.candidate
        for name in candidate.parents if candidate is not None else ():
            parent = after.story.candidates.get(name)
            before = None if parent is None else by_turn.get(parent.turn_id or "")
            if before is not None:
                ids = {after.turn.id, before.turn.id}
                if not settings.reuse and used & ids:
                    continue
                both = (_own(after), _own(before))
                for better, worse in _matched(both, settings):
                    used |= ids
                    prompt = training_context(before, settings)
                    yield Pair(prompt, better.example, worse.example, (better.value, worse.value))


class Stepped(NamedTuple):
    """An example whose steps are scored."""

    example: Example
    lines: Sequence[str]
    right: Sequence[bool]


def _by_step(
    story: Story, examples: Sequence[Example], settings: PairSettings, verifier: str | None
) -> Iterator[Pair]:
    groups: dict[str, list[Stepped]] = {}
    prompts: dict[str, Prompt] = {}
    for example in examples:
        stepped = _stepped(story, example, verifier)
        if stepped is not None:
            prompt = training_context(example, settings)
            key = _asked(example, prompt)
            prompts.setdefault(key, prompt)
            groups.setdefault(key, []).append(stepped)
    for key, group in groups.items():
        used: set[str] = set()
        for right in group:
            for wrong in group:
                at = _parting(right, wrong)
                ids = {right.example.turn.id, wrong.example.turn.id}
                if at is not None and (settings.reuse or not used & ids):
                    used |= ids
                    yield Pair(prompts[key], right.example, wrong.example, (1.0, 0.0), at + 1)


def _stepped(story: Story, example: Example, verifier: str | None) -> Stepped | None:
    candidate = example.candidate
    score = None if candidate is None else story.score(candidate.id, verifier)
    if candidate is None or score is None or score.steps is None:
        return None
    lines = steps_in(candidate.text)
    if len(lines) != len(score.steps):
        return None
    return Stepped(example, lines, [value >= 0.5 for value in score.steps])


def _parting(right: Stepped, wrong: Stepped) -> int | None:
    """Where the two part, if all is right up to there and one goes on right and the other wrong."""
    for at, (ours, theirs) in enumerate(zip(right.lines, wrong.lines, strict=False)):
        if ours.strip() != theirs.strip():
            return at if right.right[at] and not wrong.right[at] else None
        if not right.right[at] or not wrong.right[at]:
            return None
    return None
