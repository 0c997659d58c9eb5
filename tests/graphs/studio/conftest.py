"""What the tests of the studio share: a recorded run with everything in it, and the studio as a client sees it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tutelage.graphs.studio.desk import Desk
from tutelage.graphs.studio.library import Library
from tutelage.graphs.studio.routes import application
from tutelage.graphs.studio.security import Access, Gate
from tutelage.traces import RecordedCall, RolloutRecorder, Run, Sample, Store
from tutelage.types import Sampling, Score, Task

SETTINGS = {
    "verifier": {"kind": "Exact", "name": "exact"},
    "graph": {
        "nodes": {"solve": None, "review": None, "refine": None},
        "edges": ["__start__ -> solve", "refine -> review", "solve -> review"],
        "branches": {"review:route": "route"},
    },
}


def say(recorder: RolloutRecorder, role: str, *texts: str, node: str | None = None, **more: Any) -> list[str]:
    call = RecordedCall(
        role=role,
        node=node,
        messages=[{"role": "user", "content": recorder.rollout.task.problem}],
        sampling=Sampling(),
        model="scripted:test",
        policy="p1",
        started=1_700_000_000.0,
        seconds=0.5,
        completions=[
            Sample(text, token_ids=[1, 2, 3], logprobs=[-0.5, -4.0, float("-inf")]) for text in texts
        ],
        samples=len(texts),
        prompt_token_ids=[7, 8],
    )
    for key, value in more.items():
        setattr(call, key, value)
    return recorder.call(call)


def judge(recorder: RolloutRecorder, turn: str, passed: bool | None) -> None:
    value = float("nan") if passed is None else float(passed)
    recorder.score(Score(name="verdict", value=value, passed=passed), subject="turn", subject_id=turn)


def solve(recorder: RolloutRecorder, *rights: bool, said: tuple[bool | None, ...] = ()) -> None:
    """Attempts, each but the first made from the one before under a review that says so much."""
    before, made = None, None
    for at, right in enumerate(rights):
        text = f"step {at}\nanswer: {'42' if right else '7'}"
        parents: list[str] = []
        if before is not None:
            (review,) = say(recorder, "reviewer", f"review {at}", node="review", parents=[before])
            judge(recorder, review, said[at - 1])
            parents = [before, review]
        role, node = ("refiner", "refine") if at else ("solver", "solve")
        (before,) = say(recorder, role, text, node=node, parents=parents)
        made = recorder.candidate(
            text, answer="42" if right else "7", turn_id=before, parents=[made.id] if made else [], round=at
        )
        score = Score(name="exact", value=float(right), passed=right)
        recorder.score(score, subject="candidate", subject_id=made.id)
    recorder.score(Score(name="exact", value=float(rights[-1]), passed=rights[-1]))
    recorder.finish("42" if rights[-1] else "7", {"solution": "end", "round": len(rights) - 1})


@dataclass(frozen=True)
class Recorded:
    path: Path
    id: str
    right: str
    refined: str
    spoiled: str
    failed: str
    abandoned: str


def task(name: str, family: str = "sums", difficulty: int = 1) -> Task:
    return Task(
        id=name,
        problem=f"What is six times seven, {name}?",
        reference="42",
        family=family,
        difficulty=difficulty,
    )


def record(path: Path) -> Recorded:
    with Store.open(path).start_run(SETTINGS) as run:
        right, refined, spoiled = (
            run.begin(task(name, family, level))
            for name, family, level in (
                ("right", "sums", 1),
                ("refined", "products", 2),
                ("spoiled", "sums", 3),
            )
        )
        failed, abandoned = run.begin(task("failed")), run.begin(task("abandoned"))
        solve(right, True)
        solve(refined, False, True, said=(False,))
        solve(spoiled, True, False, said=(False,))
        say(failed, "solver", "", node="solve", error="CUDA out of memory")
        failed.fail("CUDA out of memory")
        say(abandoned, "solver", "half", node="solve")
        ids = [each.rollout.id for each in (right, refined, spoiled, failed, abandoned)]
        run_id = run.id
    Store.open(path).start_run(SETTINGS).close()
    return Recorded(path, run_id, *ids)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return record(tmp_path / "runs" / "first")


@dataclass
class Page:
    """The studio's answers."""

    client: TestClient
    run: str = ""

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.client.get(path.format(run=f"/api/runs/{self.run}"), params=query or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any] | None = None, status: int = 200) -> Any:
        answer = self.client.post(path.format(run=f"/api/runs/{self.run}"), json=dict(body or {}))
        assert answer.status_code == status, answer.text
        return answer.json()

    def tasks(self, filter: str, **query: Any) -> list[str]:
        return [row["task"] for row in self.get("{run}/rollouts", filter=filter, **query)["rows"]]


Opens = Callable[..., Page]


@pytest.fixture
def opens() -> Iterator[Opens]:
    """Opens a studio on runs and directories."""
    desks: list[Desk] = []

    def opened(*shown: Run | Path, **options: Any) -> Page:
        places = [each for each in shown if isinstance(each, Path)]
        library = Library(places, [each for each in shown if isinstance(each, Run)])
        desk = Desk(library, **options)
        desks.append(desk)
        gate = Gate(application(desk, every=0.05), Access("127.0.0.1"))
        client = TestClient(gate, base_url="http://127.0.0.1:7437")
        ids = library.ids()
        return Page(client, ids[0] if ids else "")

    yield opened
    for desk in desks:
        desk.close()


@pytest.fixture
def page(opens: Opens, recorded: Recorded) -> Page:
    return opens(recorded.path)
