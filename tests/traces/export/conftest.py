"""What the tests of exports share: a run of everything, and the programs that take exports in."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tutelage import Sampling, Score, Task
from tutelage.traces import RolloutRecorder, Run, Store, Turn

ROOT = Path(__file__).parents[3]
HOSTILE = (
    '\ud83d alone, \0, \x1b[31mred\x1b[0m, <b>&amp;</b>, \u202eright to left\u202c, {"a": [1]}, \u2028, é😀'
)
CALL = {"id": "c1", "type": "function", "function": {"name": "calc", "arguments": '{"a": 6, "b": 7}'}}
CALC = {"type": "function", "function": {"name": "calc", "parameters": {"type": "object", "properties": {}}}}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def speak(recorder: RolloutRecorder, role: str, messages: list[Any], completion: str, **fields: Any) -> Turn:
    known: dict[str, Any] = {
        "node": role,
        "sampling": Sampling(temperature=0.75, stop=("END",)),
        "model": "vllm:DIR",
        "policy": "0123456789abcdef",
        "started": 1_750_000_000.25,
        "seconds": 0.5,
        "finish_reason": "stop",
        "prompt_token_ids": [1, 2, 3],
        "completion_token_ids": [4, 5],
        "logprobs": [-0.5, -0.25],
    }
    return recorder.turn(role=role, messages=messages, completion=completion, **known | fields)


def loop(run: Run, name: str) -> str:
    """Two samples, a fork of the second, a review with a tool, a failed call, a candidate and scores."""
    recorder = run.begin(Task(id=name, problem="What is 6 times 7?", reference="42", family="products"))
    ask, call = [user("What is 6 times 7?")], recorder.next_call()
    speak(recorder, "solver", ask, "41", call=call, sample=0, samples=2)
    right = speak(recorder, "solver", ask, "42", call=call, sample=1, samples=2)
    for doubt in ("Sure?", "Really?"):
        messages = [*ask, said("42"), user(doubt)]
        speak(recorder, "solver", messages, f"Yes: {doubt}", parents=[right.id], started=1_750_000_001.0)
    check = [user("Check 42.")]
    tried = speak(
        recorder, "reviewer", check, "", tools=[CALC], tool_calls=[CALL], finish_reason="tool_calls"
    )
    answer = {"role": "tool", "tool_call_id": "c1", "content": "42"}
    again = [*check, {"role": "assistant", "content": None, "tool_calls": [CALL]}, answer]
    verdict = speak(recorder, "reviewer", again, "verdict: right", tools=[CALC], parents=[tried.id])
    speak(recorder, "critic", [user(HOSTILE)], HOSTILE, error="it broke")
    candidate = recorder.candidate("42", answer="42", turn_id=right.id)
    recorder.score(Score(name="exact", value=1.0, passed=True), subject="candidate", subject_id=candidate.id)
    recorder.score(Score(name="verdict", value=float("nan")), subject="turn", subject_id=verdict.id)
    recorder.score(Score(name="exact", value=1.0, passed=True, steps=(1.0, 0.0), feedback="as the reference"))
    recorder.finish("42", {"answer": "42"})
    return recorder.rollout.id


@pytest.fixture
def looped(directory: Path) -> Iterator[Run]:
    """Two rollouts of a branching loop."""
    with Store.open(directory).start_run({}) as run:
        loop(run, "t1")
        loop(run, "t2")
        yield run


class Toy:
    """A run whose tokenizer is one token a letter, and whose template marks roles and ends."""

    end = 2

    def __init__(self) -> None:
        self.run = Store.memory().start_run({})

    def begin(self, name: str = "t1", repeat: int = 0, **fields: Any) -> RolloutRecorder:
        fields = {"problem": f"What is {name}?", "reference": "42"} | fields
        return self.run.begin(Task(id=name, **fields), repeat)

    def tokens(self, text: str) -> list[int]:
        return [10 + ord(letter) for letter in text]

    def rendered(self, messages: list[Any]) -> list[int]:
        ids: list[int] = []
        for message in messages:
            mark = 3 + ["system", "user", "assistant", "tool"].index(message["role"])
            ids += [mark, *self.tokens(message["content"]), self.end]
        return [*ids, 5]

    def say(
        self, recorder: RolloutRecorder, role: str, messages: list[Any] | str, completion: str, **fields: Any
    ) -> Turn:
        """Record a turn as an engine would have sampled it; a text is one user message."""
        messages = [user(messages)] if isinstance(messages, str) else messages
        written = [*self.tokens(completion), self.end]
        plain: dict[str, Any] = {
            "prompt_token_ids": self.rendered(messages),
            "completion_token_ids": written,
            "logprobs": [-0.125 * (at % 8) for at in range(len(written))],
        }
        return speak(recorder, role, messages, completion, **plain | fields)

    def judge(
        self, recorder: RolloutRecorder, turn: Turn, passed: bool | None, name: str = "exact", **fields: Any
    ) -> str:
        """Record the candidate that a turn wrote, and its score; a line with "wrong" is a wrong step."""
        candidate = recorder.candidate(turn.completion, turn_id=turn.id, **fields)
        lines = [line for line in turn.completion.splitlines() if line.strip()]
        steps = tuple(0.0 if "wrong" in line else 1.0 for line in lines)
        value = float("nan") if passed is None else float(passed)
        score = Score(name=name, value=value, passed=passed, steps=steps, feedback=f"passed: {passed}")
        recorder.score(score, subject="candidate", subject_id=candidate.id)
        return candidate.id

    def solve(
        self, recorder: RolloutRecorder, *solutions: tuple[str, bool | None], role: str = "solver"
    ) -> list[Turn]:
        """Samples of one call on the bare problem, each judged."""
        call, ask = recorder.next_call(), recorder.rollout.task.problem
        turns = []
        for sample, (text, passed) in enumerate(solutions):
            turns.append(
                self.say(recorder, role, ask, text, call=call, sample=sample, samples=len(solutions))
            )
            self.judge(recorder, turns[-1], passed)
        return turns

    def review(self, recorder: RolloutRecorder, solution: Turn, said: bool | None, text: str = "") -> Turn:
        """A reviewer's verdict on a solution."""
        words = {True: "verdict: right", False: "verdict: wrong", None: "hm"}[said]
        turn = self.say(
            recorder, "reviewer", f"Check {solution.completion}", text + words, parents=[solution.id]
        )
        value = float("nan") if said is None else float(said)
        recorder.score(Score(name="verdict", value=value, passed=said), subject="turn", subject_id=turn.id)
        return turn

    def refine(
        self, recorder: RolloutRecorder, solution: Turn, review: Turn, after: tuple[str, bool]
    ) -> Turn:
        """A refinement of a solution under a review, judged, with the solution's candidate as parent."""
        ask = f"Mend {solution.completion}; {review.completion}"
        turn = self.say(recorder, "refiner", ask, after[0], parents=[solution.id, review.id])
        before = [c.id for c in self.run.candidates(recorder.rollout.id) if c.turn_id == solution.id]
        self.judge(recorder, turn, after[1], parents=before, round=1)
        return turn


@pytest.fixture
def toy() -> Iterator[Toy]:
    """An empty run in memory."""
    made = Toy()
    with made.run:
        yield made


@pytest.fixture
def looping(toy: Toy) -> Toy:
    """Three tasks: a right and a wrong solution each, a review of the wrong one, and its refinement."""
    for name in ("t1", "t2", "t3"):
        recorder = toy.begin(name, family="even" if name == "t2" else "odd")
        _, wrong = toy.solve(
            recorder, (f"{name}: a\nb\nanswer: 42", True), (f"{name}: a\nwrong\nanswer: 1", False)
        )
        review = toy.review(recorder, wrong, said=False)
        toy.refine(recorder, wrong, review, (f"{name}: a\nc\nanswer: 42", True))
        recorder.score(Score(name="exact", value=1.0, passed=True))
        recorder.finish("42")
    return toy


@pytest.fixture(scope="session")
def consumers() -> Path:
    """The folder of the programs of requirements/consumers.txt, installed where they are not."""
    with FileLock(ROOT / ".venv-consumers.lock"):
        subprocess.run([ROOT / "scripts" / "consumers.sh"], check=True)
    return ROOT / ".venv-consumers" / "bin"
