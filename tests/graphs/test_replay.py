import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Solver, connect, scripted
from tutelage.errors import ReplayDivergence, StoreError, UserError
from tutelage.graphs import (
    LoopState,
    Scale,
    areplay,
    magicore,
    one_shot,
    replay,
    rollout,
    self_refine,
    verifier_scorer,
)
from tutelage.tools import Exact, Verifier, exact, family_answer, make_tasks
from tutelage.traces import Run, Store
from tutelage.types import Score, Task

Graph = StateGraph[LoopState]


def answer(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
    """What a model says that is sometimes wrong; it depends on the prompt and the sample only."""
    prompt = messages[-1]["content"]
    dice = hashlib.sha256(f"{prompt}{sample}".encode()).digest()[0]
    if "Check every step" in prompt:
        return "all lines\nverdict: right" if dice % 4 == 0 else "line 1\nverdict: wrong at step 1"
    return f"1+1={dice % 4}\nanswer: {dice % 4}"


def loop(model: ChatModel, rounds: int = 2) -> Graph:
    return self_refine(model, rounds)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Twelve tasks, two rollouts each."""
    directory = tmp_path / "recorded"
    tasks = make_tasks("arithmetic", 1, 12, seed=0)
    with rollout(
        loop(scripted(answer)),
        tasks,
        verifier=family_answer,
        store=directory,
        repeats=2,
        progress=False,
    ):
        return directory


def said(run: Run) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """All turns by rollout, apart from their ids and times."""
    own = {"id", "rollout_id", "started", "seconds", "parents"}
    return {
        (each.task.id, each.repeat): [turn.model_dump(exclude=own) for turn in run.turns(each.id)]
        for each in run.rollouts()
    }


def ends(run: Run) -> dict[tuple[str, int], dict[str, Any]]:
    own = {"id", "run_id", "started", "ended"}
    return {(each.task.id, each.repeat): each.model_dump(exclude=own) for each in run.rollouts()}


def test_a_replayed_run_is_the_run_again(recorded: Path, tmp_path: Path) -> None:
    again = replay(loop, recorded, store=tmp_path / "again")
    assert again.equal and again.rollouts == 24 and not again.live
    with again.run as new, Run.open(recorded) as old:
        assert said(new) == said(old)
        assert ends(new) == ends(old)
        assert {turn.model for turn in new.iter_turns()} == {"scripted"}


def test_a_replay_can_be_replayed(recorded: Path, tmp_path: Path) -> None:
    replay(loop, recorded, store=tmp_path / "again").run.close()
    with replay(loop, tmp_path / "again").run as new, Run.open(recorded) as old:
        assert said(new) == said(old)


def test_rollout_replays_like_with_any_other_model(recorded: Path) -> None:
    tasks = make_tasks("arithmetic", 1, 12, seed=0)
    with (
        connect(f"replay:{recorded}") as model,
        rollout(loop(model), tasks, verifier=family_answer, progress=False) as run,
    ):
        assert {each.status for each in run.rollouts()} == {"done"}


def test_parallel_refinements_replay(tmp_path: Path) -> None:
    def graph(model: ChatModel) -> Any:
        scorer = verifier_scorer(family_answer)
        scale = Scale(0.5, 0.5)
        return magicore(model, 4, scorer=scorer, scale=scale, rounds=2, refine_all=True)

    tasks = make_tasks("arithmetic", 1, 6, seed=0)
    store = tmp_path / "magicore"
    slow = scripted(answer, latency=0.002)
    rollout(graph(slow), tasks, verifier=family_answer, store=store, progress=False).close()
    again = replay(graph, store)
    with again.run as new, Run.open(store) as old:
        assert len(old.turns()) > 100
        assert again.equal and said(new) == said(old)


@pytest.mark.parametrize("prompt", [None, "Try this: {problem}"], ids=["fewer calls", "another prompt"])
def test_a_changed_graph_stops_the_replay_and_nothing_of_it_counts(
    recorded: Path, tmp_path: Path, prompt: str | None
) -> None:
    (tmp_path / "other.md").write_text(prompt or "", "utf-8")

    def changed(model: ChatModel) -> Graph:
        if prompt is None:
            return loop(model, rounds=0)
        return one_shot_with(Solver(model, prompt=tmp_path / "other.md"))

    expected = "never asked" if prompt is None else r"\+Try this: "
    with pytest.raises(ReplayDivergence, match=expected):
        replay(changed, recorded, store=tmp_path / "again")
    with Run.open(tmp_path / "again") as again:
        assert not again.rollouts("failed")
        assert bool(again.rollouts("done")) == (prompt is None)


def one_shot_with(solver: Any) -> Graph:
    graph = StateGraph(LoopState)
    graph.add_node("solver", solver)
    graph.add_edge(START, "solver")
    graph.add_edge("solver", END)
    return graph


def test_a_divergence_names_the_node_that_asks(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("Shorter: {problem}", "utf-8")

    def swapped(model: ChatModel) -> Graph:
        graph = one_shot_with(Solver(model))
        graph.add_node("shortcut", Solver(model, prompt=tmp_path / "other.md"))
        graph.add_edge("solver", "shortcut")
        return graph

    with pytest.raises(
        ReplayDivergence, match=r"node 'shortcut' asks call 1 \(reviewer\) with another prompt"
    ):
        replay(swapped, recorded)


def test_a_diverging_rollout_goes_on_live_while_others_go_on_replaying(recorded: Path) -> None:
    live = scripted(answer, name="live")
    again = replay(lambda model: loop(model, rounds=3), recorded, live=live)
    assert 0 < len(again.live) < again.rollouts
    with again.run as new:
        left = {
            (each.task.id, each.repeat)
            for each in new.rollouts()
            if any(turn.policy == "live" for turn in new.turns(each.id))
        }
        assert left == set(again.live)


def test_another_parser_is_told_by_its_outcomes(recorded: Path) -> None:
    @dataclass(frozen=True)
    class Deaf:
        name: str = "family_answer"

        def answer(self, solution: str) -> str | None:
            return None

        def score(self, task: Task, solution: str) -> Score:
            return family_answer.score(task, solution)

    verifier: Verifier = Deaf()
    again = replay(loop, recorded, verifier=verifier)
    again.run.close()
    assert {each.what for each in again.changes} == {"answer"}
    assert {each.now for each in again.changes} == {None}
    assert "24 rollouts replayed, 24 ended otherwise, 0 went on live" in str(again)
    assert str(again).endswith("and 4 more")


def test_a_graph_that_breaks_is_a_change_of_status_and_not_a_divergence(recorded: Path) -> None:
    def broken(model: ChatModel) -> Graph:
        def fail(state: LoopState) -> LoopState:
            raise ValueError("a bug")

        graph = one_shot_with(Solver(model))
        graph.add_node("bug", fail)
        graph.add_edge("solver", "bug")
        return graph

    again = replay(broken, recorded)
    with again.run as new:
        assert {each.now for each in again.changes if each.what == "status"} == {"failed"}
        assert "a bug" in str(new.rollouts("failed")[0].error)


async def test_a_replay_inside_an_event_loop(recorded: Path) -> None:
    again = await areplay(loop, recorded)
    again.run.close()
    assert again.equal


def test_a_graph_may_be_given_with_its_models(recorded: Path) -> None:
    with connect(f"replay:{recorded}") as solver, connect(f"replay:{recorded}") as critic:
        graph = self_refine(solver, 2)
        assert solver is not critic
        again = replay(graph, recorded)
        again.run.close()
    assert again.equal


class Notes(TypedDict, total=False):
    problem: str
    solution: str
    a: str
    b: str
    said_by: str


def own(tmp_path: Path, build: Callable[[ChatModel], Any], *said: str) -> Path:
    """Record one rollout of a user's graph."""
    store = tmp_path / "own"
    tasks = [Task(id="1", problem="?", reference="x")]
    rollout(build(scripted(list(said))), tasks, verifier=exact, store=store, progress=False).close()
    return store


def one_node(node: Any) -> Any:
    graph = StateGraph(Notes)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph


def test_parallel_nodes_that_ask_the_same_get_each_its_own_answer(tmp_path: Path) -> None:
    def build(model: ChatModel, seconds: float = 0.0) -> Any:
        def asking(name: str, seconds: float) -> Any:
            async def ask(state: Notes) -> Notes:
                await asyncio.sleep(seconds)
                return {name: (await model.ainvoke("2+2?")).text}  # type: ignore[misc]

            return ask

        graph = StateGraph(Notes)
        for name, before in (("a", seconds), ("b", 0.0)):
            graph.add_node(name, asking(name, before))
            graph.add_edge(START, name)
        graph.add_node("end", lambda state: {"solution": f"{state['a']} {state['b']}"})
        graph.add_edge(["a", "b"], "end")
        graph.add_edge("end", END)
        return graph

    store = own(tmp_path, lambda model: build(model, 0.05), "to b", "to a")
    with replay(build, store).run as run:
        assert [(turn.node, turn.completion) for turn in run.turns()] == [("b", "to b"), ("a", "to a")]


@pytest.mark.parametrize("after", ["go on", "fail"])
def test_a_graph_that_goes_on_after_a_divergence_is_stopped_at_its_end(tmp_path: Path, after: str) -> None:
    def build(model: ChatModel, prompt: str = "2+2?") -> Any:
        async def node(state: Notes) -> Notes:
            try:
                return {"solution": (await model.ainvoke(prompt)).text}
            except Exception:
                if after == "fail":
                    raise ValueError("no answer") from None
                return {"solution": "answer: 4"}

        return one_node(node)

    store = own(tmp_path, build, "answer: 4")
    with pytest.raises(ReplayDivergence, match=r"\+another prompt"):
        replay(lambda model: build(model, "another prompt"), store)


def test_a_final_state_that_is_another_is_a_change(tmp_path: Path) -> None:
    def build(model: ChatModel, end: str = "") -> Any:
        async def node(state: Notes) -> Notes:
            return {"solution": f"so{end}\n{(await model.ainvoke('2+2?')).text}", "a": "as ever"}

        return one_node(node)

    store = own(tmp_path, build, "answer: 4")
    again = replay(lambda model: build(model, " what"), store)
    again.run.close()
    (change,) = again.changes
    assert change.what == "output.solution"
    assert str(change).endswith(r"recorded 'so\nanswer: 4', now 'so what\nanswer: 4'")


def test_ids_of_turns_in_a_state_are_no_change_unless_they_name_another_turn(tmp_path: Path) -> None:
    def build(model: ChatModel, which: int = 0) -> Any:
        async def node(state: Notes) -> Notes:
            said = [await model.ainvoke(prompt) for prompt in ("one", "two")]
            return {"solution": "answer: 4", "said_by": f"turn {said[which].response_metadata['turn_id']}"}

        return one_node(node)

    store = own(tmp_path, build, "answer: 4", "answer: 5")
    changes = []
    for which in (0, 1):
        again = replay(partial(build, which=which), store)
        again.run.close()
        changes.append([each.what for each in again.changes])
    assert changes == [[], ["output.said_by"]]


def test_a_node_that_gave_up_waiting_gives_up_again(tmp_path: Path) -> None:
    def build(model: ChatModel) -> Any:
        async def node(state: Notes) -> Notes:
            try:
                await asyncio.wait_for(model.ainvoke("slow?"), 0.1)
            except TimeoutError:
                return {"solution": "timed out"}
            return {"solution": "in time"}

        return one_node(node)

    store = tmp_path / "own"
    tasks = [Task(id="1", problem="?", reference="x")]
    slow = scripted(["late"], latency=9)
    rollout(build(slow), tasks, verifier=exact, store=store, progress=False).close()
    again = replay(build, store)
    with again.run as run:
        assert again.equal
        assert [turn.error for turn in run.turns()] == ["the caller gave up before the answer"]


def test_tasks_with_a_repeat_that_has_no_end_are_left_out(tmp_path: Path) -> None:
    directory = tmp_path / "ragged"
    settings = {"verifier": {"kind": "Exact", "name": "exact"}}
    with Store.open(directory).start_run(settings) as run:
        for name, repeats in (("a", 2), ("b", 1)):
            for repeat in range(repeats):
                recorder = run.begin(Task(id=name, problem=name, reference="x"), repeat)
                recorder.finish("x")

    def silent(model: ChatModel) -> Graph:
        return one_shot_with(lambda state: {"solution": "answer: x"})

    again = replay(silent, directory, verifier=exact)
    again.run.close()
    assert (again.rollouts, again.left_out) == (2, 1)
    assert "1 tasks left out" in str(again)


def test_what_cannot_be_replayed_is_refused(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run is recorded"):
        replay(loop, tmp_path / "nothing")
    with pytest.raises(UserError, match="a graph or a function of the model, not int"):
        replay(3, recorded)  # type: ignore[arg-type]
    tasks = [Task(id="a", problem="?", reference="x")]
    own = tmp_path / "own"
    rollout(one_shot(scripted(answer)), tasks, verifier=Exact(name="mine"), store=own, progress=False).close()
    with pytest.raises(UserError, match="a verifier of yours; give it"):
        replay(one_shot, own)
    with replay(one_shot, own, verifier=Exact(name="mine")).run as run:
        assert len(run.turns()) == 1
