"""Many runs from one point: their spread, its interval, and the value of the point."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest

from tutelage.agents import Answer, ChatModel, Request, ScriptedEngine, scripted
from tutelage.errors import UserError
from tutelage.graphs import Session, debug, one_shot, self_refine
from tutelage.graphs.debugging.resampling import Samples
from tutelage.tools import exact
from tutelage.traces.report import wilson
from tutelage.types import Sampling, Task

TASK = Task(id="t", problem="q", reference="1")


def cycling(*answers: str) -> ChatModel:
    said = itertools.cycle(answers)
    return scripted(lambda messages, sample: f"answer: {next(said)}")


class Solved(TypedDict, total=False):
    problem: str
    said: str
    solution: str


def values(session: Any) -> list[tuple[str, float]]:
    rows = session.run_record.scores(subject="turn")
    return [(row.subject_id, row.score.value) for row in rows if row.score.name == "monte_carlo"]


def test_the_spread_counts_answers_and_passes_with_an_interval() -> None:
    with debug(one_shot(cycling("1", "2", "1", "3")), TASK, verifier=exact) as session:
        spread = session.resample(8)
        assert spread.answers == (("1", 4), ("2", 2), ("3", 2))
        assert (spread.n, spread.passed, spread.failed, spread.mean) == (8, 4, 0, 0.5)
        assert spread.interval == wilson(4, 8)
        assert spread.mean_interval is not None
        low, high = spread.mean_interval
        assert low < 0.5 < high
        assert spread.branches == tuple(f"sample-1/{number}" for number in range(1, 9))
        assert session.status == "stopped"


def test_samples_are_branches_that_nothing_holds() -> None:
    with debug(one_shot(cycling("1")), TASK, verifier=exact) as session:
        session.break_on(role="solver")
        session.break_before("solver")
        session.resample(3, name="many")
        made = [each for each in session.branches() if each.group == "many"]
        assert [(each.kind, each.status, each.parent, each.at) for each in made] == [
            ("sample", "done", "main", 1)
        ] * 3
        assert session.switch("many/2").state["answer"] == "1"


def test_the_value_of_a_point_is_a_score_of_the_turn_before_it(line: Any) -> None:
    model = cycling("1", "1", "2", "1", "1")

    async def draft(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("draft")).content)}

    async def final(state: Any) -> dict[str, Any]:
        return {"solution": str((await model.ainvoke(state["said"])).content)}

    with debug(line(Solved, draft=draft, final=final), TASK, verifier=exact) as session:
        session.until("final")
        (turn,) = session.run_record.turns()
        spread = session.resample(4)
        assert (spread.passed, spread.mean) == (3, 0.75)
        assert values(session) == [(turn.id, 0.75)]


def test_the_value_is_not_kept_where_something_was_changed_or_no_turn_lies_before() -> None:
    with debug(one_shot(cycling("1")), TASK, verifier=exact) as session:
        session.resample(2)
        session.go()
        session.resample(2, at=1, prompt="another one")
        session.resample(2, at=1, sampling={"temperature": 0.1})
        session.resample(2, at=(1, "after"), changes={"solution": "answer: 2"})
        assert values(session) == []
        session.resample(2, at=(1, "after"))
        assert [value for _, value in values(session)] == [1.0]


def test_a_changed_prompt_is_compared_with_the_old_one() -> None:
    def answer(messages: Any, sample: int) -> str:
        return "answer: 1" if messages[-1]["content"] == "better" else f"answer: {next(drawn) % 2}"

    drawn = itertools.count()
    with debug(one_shot(scripted(answer)), TASK, verifier=exact) as session:
        session.go()
        old = session.resample(8, at=1, name="old")
        new = session.resample(8, at=1, prompt="better", name="new")
        gain = new.against(old)
        assert (old.passed, new.passed, gain.difference) == (4, 8, 0.5)
        assert gain.interval[0] < 0.5 < gain.interval[1]
        assert 0 < gain.p < 0.1
        turns = session.run_record.turns(session.switch("new/1").rollout_id)
        assert [dict(each) for each in turns[0].messages] == [{"role": "user", "content": "better"}]


def test_whole_messages_and_sampling_can_be_changed() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    with debug(one_shot(cycling("1")), TASK, verifier=exact) as session:
        session.resample(2, prompt=messages, sampling={"temperature": 0.3})
        for turn in session.run_record.turns():
            assert [dict(each) for each in turn.messages] == messages
            assert turn.sampling.temperature == 0.3
        session.go()
        (turn,) = session.run_record.turns(session.rollout_id)
        assert turn.sampling == Sampling()


def test_at_a_prompt_with_an_edit_the_edit_is_sampled_from() -> None:
    with debug(one_shot(cycling("1")), TASK, verifier=exact) as session:
        session.step()
        session.edit_prompt(text="mine")
        spread = session.resample(3)
        turns = [turn for turn in session.run_record.turns() if turn.rollout_id != session.rollout_id]
        assert [turn.messages[-1]["content"] for turn in turns] == ["mine"] * 3
        assert spread.n == 3


def test_runs_that_fail_count_as_not_passed() -> None:
    drawn = itertools.count()

    def answer(messages: Any, sample: int) -> str:
        if next(drawn) % 2:
            raise RuntimeError("no")
        return "answer: 1"

    with debug(one_shot(scripted(answer)), TASK, verifier=exact) as session:
        spread = session.resample(4)
        assert (spread.n, spread.failed, spread.passed, spread.mean) == (4, 2, 2, 0.5)
        assert spread.answers == (("1", 2),)


def test_without_a_verifier_there_are_runs_but_no_shares(line: Any) -> None:
    with debug(line(one="1"), "p") as session:
        spread = session.resample(2)
        assert (spread.n, spread.failed, spread.passed, spread.mean) == (2, 0, None, None)
        with pytest.raises((UserError, ValueError)):
            spread.against(spread)


def test_the_groups_are_numbered_and_their_names_are_free(line: Any) -> None:
    with debug(line(one="1"), "p") as session:
        assert session.resample(1).group == "sample-1"
        assert session.resample(1).group == "sample-2"
        with pytest.raises(UserError):
            session.resample(1, name="sample-1")


def test_a_prompt_cannot_be_changed_after_its_node() -> None:
    with debug(one_shot(cycling("1")), TASK, verifier=exact) as session:
        session.go()
        with pytest.raises(UserError, match="no model call after a node"):
            session.resample(2, at=(1, "after"), prompt="x")


def test_samples_run_side_by_side() -> None:
    slow = scripted(lambda messages, sample: "answer: 1", latency=0.2)
    with debug(one_shot(slow), TASK, verifier=exact) as session:
        begun = time.monotonic()
        session.resample(16)
        assert time.monotonic() - begun < 16 * 0.2 / 2


def test_turns_of_samples_build_on_those_before_the_point(line: Any) -> None:
    model = cycling("1")

    async def say(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("?")).content)}

    with debug(line(one=say, two=say), "p") as session:
        session.until("two")
        (first,) = session.run_record.turns()
        session.resample(2)
        assert len(session.run_record.turns()) == 3
        for name in ("sample-1/1", "sample-1/2"):
            visits = session.switch(name).visits()
            assert visits[0].turns == (first.id,)
            assert len(visits[1].turns) == 1


def test_where_a_person_changed_something_no_value_is_recorded() -> None:
    changed: dict[str, Callable[[Session], Any]] = {
        "set": lambda session: session.set("solution", "answer: 9"),
        "rewrite": lambda session: session.rewrite("solver", "What", "Which"),
        "sample_with": lambda session: session.sample_with("solver", temperature=0.1),
    }
    for name, change in changed.items():
        with debug(
            self_refine(scripted(lambda messages, sample: "answer: 1"), rounds=1), TASK, verifier=exact
        ) as session:
            session.break_after("solver")
            session.go()
            change(session)
            session.resample(2)
            assert not values(session), name


def test_a_fork_with_changes_records_no_value_of_what_was_said_before() -> None:
    with debug(
        self_refine(scripted(lambda messages, sample: "answer: 1"), rounds=1), TASK, verifier=exact
    ) as session:
        session.break_after("solver")
        session.go()
        session.fork({"solution": "answer: 9"}).resample(2)
        assert not values(session)
        session.resample(2)
        assert values(session)


def told_or_silent(told: int = 3) -> tuple[ChatModel, threading.Event]:
    """Answers some calls and then none; the event says that the others wait."""
    calls, silent = itertools.count(1), threading.Event()

    class Engine(ScriptedEngine):
        async def generate(self, request: Request) -> Answer:
            if next(calls) > told:
                silent.set()
                await asyncio.Event().wait()
            return await super().generate(request)

    return ChatModel(engine=Engine(lambda messages, sample: "answer: 1")), silent


def pausing(session: Session, silent: threading.Event) -> Callable[[], None]:
    def pause() -> None:
        silent.wait(20)
        time.sleep(0.2)
        session.pause()

    return pause


def test_a_pause_ends_a_resampling_with_what_has_ended_and_drops_the_rest(tmp_path: Path) -> None:
    model, silent = told_or_silent()
    with debug(one_shot(model), TASK, verifier=exact, store=tmp_path) as session:
        person = threading.Thread(target=pausing(session, silent))
        person.start()
        spread = session.resample(8, name="many")
        person.join()
        assert (spread.n, spread.wanted, spread.passed) == (3, 8, 3)
        assert str(spread).startswith("3 runs of 8, stopped early, 3 passed")
        assert not values(session)
        made = [each for each in session.branches() if each.group == "many"]
        assert sorted(each.dropped for each in made) == [False] * 3 + [True] * 5
        assert session.run_record.rollouts("running") == [session.run_record.rollout(session.rollout_id)]
        stop = session.step()
        assert stop is not None and stop.why == "step", "the pause was the resampling's, not the branch's"


def test_a_resampling_that_is_stopped_before_anything_ended_has_no_share() -> None:
    model, silent = told_or_silent(0)
    with debug(self_refine(model, rounds=2), TASK, verifier=exact) as session:
        person = threading.Thread(target=pausing(session, silent))
        person.start()
        spread = session.resample(4)
        person.join()
        assert (spread.n, spread.wanted, spread.passed, spread.mean) == (0, 4, None, None)


def test_an_interrupt_leaves_no_sample_running(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = told_or_silent()
    with debug(one_shot(model), TASK, verifier=exact) as session:
        monkeypatch.setattr(Samples, "settled", lambda samples: _interrupt())
        with pytest.raises(KeyboardInterrupt):
            session.resample(8)
        assert len(session.run_record.rollouts("running")) == 1


def _interrupt() -> Any:
    raise KeyboardInterrupt
