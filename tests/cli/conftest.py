"""What the tests of the command share: the command itself, and a recorded run with everything in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tutelage.cli import main
from tutelage.traces import RecordedCall, RolloutRecorder, Sample, Store
from tutelage.types import Sampling, Score, Task

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202etxt.exe \udcff\x9b2J ↵\nturn 0000: forged"


@dataclass(frozen=True)
class Recorded:
    """A run: one task is refined from wrong to right, one is failed by its engine, one says hostile things."""

    path: str
    id: str
    rollout: str
    wrong: str
    review: str
    right: str
    hostile: str
    candidate: str


@pytest.fixture
def tutelage(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in an empty directory; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert isinstance(stopped.value.code, int)
        return (stopped.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def sentence() -> Sentence:
    """Checks that an answer is exit code 2 and one sentence, and gives it."""

    def check(answer: Answer) -> str:
        code, out, err = answer
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("tutelage: ")
        return err

    return check


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    path = tmp_path / "runs" / "first"
    settings = {"verifier": {"kind": "Exact", "name": "exact"}, "tasks": {"count": 3}}
    with Store.open(path).start_run(settings) as run:
        tasks = [Task(id=f"sum-{at}", problem=f"What is {at}+1?", reference=str(at + 1)) for at in range(3)]
        refined = run.begin(tasks[0])
        wrong, review, right, candidate = _refine(refined)
        say(run.begin(tasks[1]), "solver", "", error="out of memory")
        failed = run.begin(tasks[2])
        hostile = say(failed, HOSTILE, HOSTILE)
        failed.fail(HOSTILE)
        id, rollout = run.id, refined.rollout.id
    Store.open(path).start_run(settings).close()
    return Recorded("runs/first", id, rollout, wrong, review, right, hostile, candidate)


def say(recorder: RolloutRecorder, role: str, *completions: str, **fields: object) -> str:
    call = RecordedCall(
        role=role,
        node=f"{role}_node",
        messages=[{"role": "user", "content": recorder.rollout.task.problem}],
        sampling=Sampling(),
        model="scripted:test",
        policy="p1",
        started=1_700_000_000.0,
        seconds=0.5,
        completions=[
            Sample(each, token_ids=[1, 2, 3], logprobs=[-0.5, -0.25, float("-inf")]) for each in completions
        ],
        samples=len(completions),
        prompt_token_ids=[7, 8],
    )
    for key, value in fields.items():
        setattr(call, key, value)
    return recorder.call(call)[0]


def _refine(recorder: RolloutRecorder) -> tuple[str, str, str, str]:
    wrong = say(recorder, "solver", "answer: 7", "answer: 8")
    review = say(recorder, "reviewer", "verdict: wrong at step 1", parents=[wrong])
    verdict = Score(name="verdict", value=0, passed=False, feedback="wrong at step 1")
    recorder.score(verdict, subject="turn", subject_id=review)
    right = say(recorder, "refiner", "answer: 1", parents=[wrong, review], policy="p2")
    silent = say(recorder, "reviewer", "I do not know", parents=[right])
    nothing = Score(name="verdict", value=float("nan"))
    recorder.score(nothing, subject="turn", subject_id=silent)
    first = recorder.candidate("answer: 7", answer="7", turn_id=wrong)
    last = recorder.candidate("answer: 1", answer="1", turn_id=right, parents=[first.id], round=1)
    for subject, passed in ((first.id, False), (last.id, True)):
        score = Score(name="exact", value=passed, passed=passed)
        recorder.score(score, subject="candidate", subject_id=subject)
    recorder.score(Score(name="exact", value=1, passed=True))
    recorder.finish("1", {"solution": "answer: 1"})
    return wrong, review, right, first.id
