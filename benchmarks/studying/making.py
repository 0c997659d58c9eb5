"""Runs to look at: of many turns, and of one very long message."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.storing.texts import Said, Speech
from tutelage.traces import RecordedCall, RolloutRecorder, Run, Sample, Store
from tutelage.types import Sampling, Score, Task

__all__ = ["SHAPES", "make_long", "make_run"]

SAMPLING = Sampling()
SHAPES = {"loop": 8, "single": 1}
"""Turns of a rollout: four solutions, a review, a refinement, a review, a refinement; or one solution."""
SETTINGS = {"verifier": {"kind": "Exact", "name": "exact"}}
PROMPT_WORDS, ANSWER_WORDS = 40, 40
FAMILIES = ("arithmetic", "chains", "equations", "units")


def make_run(directory: Path, turns: int, shape: str) -> None:
    """Record a run of so many turns, judged as a batch would judge it."""
    speech, chance = Speech(7), random.Random(7)
    with Store.open(directory).start_run(SETTINGS) as run:
        for number in range(turns // SHAPES[shape]):
            _rollout(run, number, shape, speech, chance)


def make_long(directory: Path, characters: int) -> str:
    """Record a run of one turn that read and said so many characters; give the rollout's id."""
    text = ("All work and no play makes Jack a dull boy. " * (characters // 40))[:characters]
    with Store.open(directory).start_run(SETTINGS) as run:
        recorder = run.begin(Task(id="long", problem="Say it again."))
        said = Said(text, (), ())
        _call(recorder, "solver", [said], text)
        recorder.finish("boy")
        return recorder.rollout.id


def _rollout(run: Run, number: int, shape: str, speech: Speech, chance: random.Random) -> None:
    problem = speech.say(PROMPT_WORDS).text
    family = FAMILIES[number % len(FAMILIES)]
    reference = str(number % 100)
    task = Task(
        id=f"{family}-{number}",
        problem=problem,
        reference=reference,
        family=family,
        difficulty=number % 5 + 1,
    )
    recorder = run.begin(task)
    written: list[tuple[str, str, bool, list[str]]] = []
    if shape == "single":
        right = chance.random() < 0.4
        solution = _solution(speech, reference, right)
        (turn,) = _call(recorder, "solver", [solution], problem)
        _end(recorder, [(turn, solution.text, right, [])], reference)
        return
    rights = [chance.random() < 0.4 for _ in range(4)]
    solutions = [_solution(speech, reference, right) for right in rights]
    turns = _call(recorder, "solver", solutions, problem)
    written += [
        (turn, each.text, right, []) for turn, each, right in zip(turns, solutions, rights, strict=True)
    ]
    for _ in range(2):
        base = written[-1]
        says = chance.random() < (0.8 if base[2] else 0.3)
        review = speech.say(ANSWER_WORDS)
        (judge,) = _call(recorder, "reviewer", [review], base[1], [base[0]])
        verdict = Score(name="verdict", value=float(says), passed=says)
        recorder.score(verdict, subject="turn", subject_id=judge)
        better = chance.random() < (0.9 if base[2] else 0.4)
        refined = _solution(speech, reference, better)
        (turn,) = _call(recorder, "refiner", [refined], base[1], [base[0], judge])
        written.append((turn, refined.text, better, [base[0]]))
    _end(recorder, written, reference)


def _solution(speech: Speech, reference: str, right: bool) -> Said:
    said = speech.say(ANSWER_WORDS)
    return said._replace(text=f"{said.text}\nanswer: {reference if right else 'seven'}")


def _end(
    recorder: RolloutRecorder, written: Sequence[tuple[str, str, bool, list[str]]], reference: str
) -> None:
    made: dict[str, str] = {}
    with recorder.together():
        for at, (turn, text, right, before) in enumerate(written):
            parents = [made[each] for each in before]
            answer = reference if right else "seven"
            round = max(0, at - 3)
            candidate = recorder.candidate(text, answer=answer, turn_id=turn, parents=parents, round=round)
            made[turn] = candidate.id
            score = Score(name="exact", value=float(right), passed=right)
            recorder.score(score, subject="candidate", subject_id=candidate.id)
        last = written[-1][2]
        recorder.score(Score(name="exact", value=float(last), passed=last))
        recorder.finish(reference if last else "seven", {"solution": written[-1][1]})


def _call(
    recorder: RolloutRecorder, role: str, said: Sequence[Said], prompt: str, parents: Sequence[str] = ()
) -> list[str]:
    ids = said[0].ids[:20]
    call = RecordedCall(
        role=role,
        node=role,
        parents=list(parents),
        messages=({"role": "user", "content": f"{role}: {prompt}"},),
        sampling=SAMPLING,
        model="fake",
        policy=f"policy-{len(prompt) % 2}",
        started=time.time(),
        seconds=0.1,
        prompt_token_ids=ids or None,
        completions=[Sample(each.text, "stop", each.ids or None, each.logprobs or None) for each in said],
        samples=len(said),
    )
    return recorder.call(call)
