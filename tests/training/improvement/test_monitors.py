from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, Completion, scripted
from tutelage.graphs import majority_vote, rescore, rollout, self_refine
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.training import Evaluation, ImproveSettings, OwnReviewer
from tutelage.training.improvement.monitors import (
    Seen,
    answer_length,
    distinct_solutions,
    entropy,
    proxy_gap,
    readings,
    verdict_accuracy,
)
from tutelage.training.improvement.settings import Limit
from tutelage.types import Score, Task


class Long:
    """A proxy that likes long solutions."""

    name = "long"

    def answer(self, solution: str) -> str | None:
        return None

    def score(self, task: Task, solution: str) -> Score:
        return Score(name=self.name, value=min(1.0, len(solution) / 30), passed=len(solution) > 20)


def said_of(tasks: Sequence[Task], solutions: Sequence[str], logprob: float = -0.5) -> Run:
    """Each task is solved by all these solutions; {right} is the reference."""

    def answer(messages: object, sample: int) -> Completion:
        task = next(each for each in tasks if each.problem in str(messages))
        text = solutions[sample].replace("{right}", str(task.reference))
        ids = tuple(text.encode())
        return Completion(text, "stop", ids, (logprob,) * len(ids))

    model = scripted(answer)
    run = rollout(majority_vote(model, len(solutions), verifier=exact), tasks, verifier=exact, progress=False)
    return run


def test_length_entropy_and_diversity_are_those_of_the_samples(tasks: list[Task]) -> None:
    run = said_of(tasks[:2], ["answer: 1", "answer: 1", "answer: 22", "answer: 333"], logprob=-0.25)
    assert answer_length(run) == pytest.approx((9 + 9 + 10 + 11) / 4)
    assert entropy(run) == pytest.approx(0.25)
    assert distinct_solutions(run) == pytest.approx(3 / 4)


def test_verdicts_are_weighed_by_right_and_wrong_solutions(
    tasks: list[Task], model_that: Callable[[str], ChatModel]
) -> None:
    honest = rollout(self_refine(model_that("half right"), 1), tasks, verifier=exact, progress=False)
    assert verdict_accuracy(honest, "exact") == 1.0
    assert verdict_accuracy(said_of(tasks[:2], ["answer: 1"]), "exact") is None


def test_a_proxy_that_parts_from_the_truth_stops(tasks: list[Task], tmp_path: Path) -> None:
    found: list[Run] = []
    hacked = ["by and by and by and by\nanswer: 0"]
    for at, solutions in enumerate((["answer: {right}", "much longer, and right\nanswer: {right}"], hacked)):
        said = said_of(tasks, solutions)
        place = tmp_path / str(at)
        texts = [each.text for each in said.candidates()]
        model = scripted(texts)
        graph = majority_vote(model, len(solutions), verifier=exact)
        rollout(graph, tasks, verifier=exact, store=place, progress=False, concurrency=1).close()
        found.append(rescore(place, Long()))
    before, after = (proxy_gap(run, "long", "exact") for run in found)
    assert before is not None and after is not None
    assert before[0] == pytest.approx(-0.5)
    assert after[0] == pytest.approx(1.0)
    settings = ImproveSettings()
    told = {
        each.monitor: each
        for each in readings(
            Seen(found[0], None), Seen(found[1], None), settings.limit, truth="exact", proxy="long"
        )
    }
    assert told["proxy"].worse == pytest.approx(1.5)
    assert told["proxy"].level == "stop"
    same = readings(Seen(found[0], None), Seen(found[0], None), settings.limit, truth="exact", proxy="long")
    assert {each.level for each in same} == {"fine"}
    for run in found:
        run.close()


def test_lost_entropy_and_diversity_warn_by_their_limits(tasks: list[Task]) -> None:
    first = Seen(said_of(tasks[:3], ["answer: 1", "answer: 2", "answer: 3"], logprob=-1.0), None)
    narrow = Seen(said_of(tasks[:3], ["answer: 1", "answer: 1", "answer: 1"], logprob=-0.1), None)
    settings = ImproveSettings(limits={"diversity": Limit(warn=0.1, stop=0.5)})
    told = {each.monitor: each for each in readings(first, narrow, settings.limit, truth="exact")}
    assert (told["entropy"].level, told["diversity"].level, told["length"].level) == ("warn", "stop", "fine")
    assert told["entropy"].worse == pytest.approx(0.9)
    assert told["diversity"].worse == pytest.approx(1 - 1 / 3)


def test_forgetting_is_a_fall_that_is_more_than_chance(
    tasks: list[Task], model_that: Callable[[str], ChatModel]
) -> None:
    def evaluated(script: str) -> Evaluation:
        return Evaluation.of(
            rollout(majority_vote(model_that(script), 1), tasks, verifier=exact, progress=False)
        )

    limit = ImproveSettings().limit
    (lost,) = readings(Seen(None, evaluated("right")), Seen(None, evaluated("odd")), limit, truth="exact")
    assert (lost.monitor, lost.worse, lost.level) == ("forgetting", 0.0, "fine")
    many = [task.model_copy(update={"id": f"{task.id}-{at}"}) for task in tasks for at in range(4)]
    tasks[:] = many
    (lost,) = readings(Seen(None, evaluated("right")), Seen(None, evaluated("odd")), limit, truth="exact")
    assert lost.worse == pytest.approx(0.5)
    assert lost.level == "stop"
    assert "small" in lost.note


def test_the_own_reviewer_is_a_verifier_that_may_err(
    tasks: list[Task], model_that: Callable[[str], ChatModel]
) -> None:
    reviewer = OwnReviewer(model_that("half right"))
    scores = [reviewer.score(tasks[0], text) for text in ("answer: 14", "answer: 0", "answer: 99")]
    assert [each.passed for each in scores] == [True, False, True]
    run = rollout(self_refine(model_that("half right"), 1), tasks, verifier=reviewer, progress=False)
    assert run.summary()["scores"]["own_reviewer"]["passed"] == 10 - 2
