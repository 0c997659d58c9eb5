"""A rollout of a running batch can be held, looked at, changed by hand and let go on, while the others go on."""

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from tutelage.errors import UserError
from tutelage.graphs import LoopState, one_shot, self_refine
from tutelage.graphs.control.address import find
from tutelage.graphs.control.desk import MOST_HELD

Start = Callable[..., Any]
WaitUntil = Callable[..., Any]


def refining(model: Any) -> Any:
    return self_refine(model, rounds=1)


def graph_of(**nodes: Any) -> Any:
    """A chain of nodes."""
    graph = StateGraph(LoopState)
    before = START
    for name, does in nodes.items():
        graph.add_node(name, does)
        graph.add_edge(before, name)
        before = name
    graph.add_edge(before, END)
    return graph


def test_a_picked_rollout_is_held_at_its_next_event_and_the_others_go_on(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    assert client.pick("t0", timeout=0.1) is None
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None and held.stop is not None
    assert (held.task, held.stop.when, held.stop.visit.node) == ("t0", "after", "solver")
    wait_until(lambda: client.status().done == 3)
    assert client.status().held == 1
    client.go()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_the_next_rollout_that_begins_can_be_picked(start: Start, wait_until: WaitUntil) -> None:
    batch = start(one_shot, tasks=3, concurrency=1)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 1)
    assert client.pick("next", timeout=0.1) is None
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None and held.stop is not None
    assert (held.task, held.stop.when, held.stop.visit.number) == ("t1", "before", 1)
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == 3


def test_steps_stop_before_at_the_model_call_and_after(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    client.break_on("reviewer", at="before", temporary=True)
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None and held.stop is not None
    seen = [(held.stop.when, held.stop.visit.node)]
    while (now := client.step(20)) is not None:
        assert now.stop is not None
        seen.append((now.stop.when, now.stop.visit.node))
    assert seen == [("before", "reviewer"), ("prompt", "reviewer"), ("after", "reviewer")]
    batch.finish()


def test_next_skips_what_is_inside_a_node_and_until_goes_to_one(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    client.break_on(node="solver", at="before", when="task['id'] == 't1'")
    batch.engine.allow()
    assert client.wait(20) is not None
    client.clear()
    after = client.next(20)
    assert after is not None and after.stop is not None
    assert (after.stop.when, after.stop.visit.node) == ("before", "reviewer")
    later = client.until("refiner", 20)
    assert later is not None and later.stop is not None and later.stop.visit.node == "refiner"
    with pytest.raises(UserError, match="did you mean 'refiner'"):
        client.until("refinr")
    client.close()
    batch.finish()


def test_every_rollout_that_meets_a_condition_is_held_and_the_rest_goes_on(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=6, concurrency=2)
    client = batch.attach()
    made = client.break_on("reviewer", verdict="wrong")
    batch.engine.allow()
    status = wait_until(lambda: (now := client.status()).done == 3 and now.held == 3 and now)
    assert status.flying == 3
    assert client.breakpoints()[0].hits == 3
    held = [client.wait(20) for _ in range(3)]
    assert sorted(each.task for each in held if each) == ["t1", "t3", "t5"]
    shown = client.look()
    assert shown.state["verdict"] == "wrong"
    assert {change.field for change in shown.changes} >= {"verdict", "step", "review"}
    assert "verdict wrong" in shown.stop.why
    client.clear(made.number)
    for each in held:
        client.picked = each.number if each else None
        client.go()
    assert batch.finish().summary()["rollouts"]["done"] == 6


def test_the_calls_of_a_rollout_that_begins_while_another_is_held_are_its_own(start: Start) -> None:
    batch = start(tasks=3, concurrency=1)
    client = batch.attach()
    client.break_on(role="reviewer")
    batch.engine.allow()
    held = [client.wait(20) for _ in range(3)]
    assert [each.task for each in held if each] == ["t0", "t1", "t2"]
    assert "problem 2 ." in str(client.look().stop.request)
    client.close()
    batch.finish()


def test_a_verdict_changed_by_hand_leads_the_rollout_elsewhere_and_is_on_record(start: Start) -> None:
    batch = start(tasks=2)
    client = batch.attach()
    client.break_on("reviewer", verdict="wrong", temporary=True)
    batch.engine.allow()
    assert client.wait(20) is not None
    client.set("verdict", "right")
    assert client.look().state["verdict"] == "right"
    with pytest.raises(UserError, match="did you mean 'verdict'"):
        client.set("verdikt", "right")
    client.go()
    run = batch.finish()
    changed = next(each for each in run.rollouts() if each.task.id == "t1")
    assert isinstance(changed.output, dict)
    assert changed.output["by_hand"] == ["verdict after reviewer"]
    assert [turn.role for turn in run.turns(changed.id)] == ["solver", "reviewer"]
    other = next(each for each in run.rollouts() if each.task.id == "t0")
    assert isinstance(other.output, dict) and "by_hand" not in other.output


def test_a_field_changed_before_a_node_is_what_it_reads(start: Start) -> None:
    def ends(model: Any) -> Any:
        async def first(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {"answer": "1"}

        async def last(state: LoopState) -> dict[str, Any]:
            return {"solution": f"answer: {state['answer']}"}

        return graph_of(first=first, last=last)

    batch = start(ends, tasks=1)
    client = batch.attach()
    client.break_on("last", at="before")
    batch.engine.allow()
    assert client.wait(20) is not None
    client.set("answer", "4")
    client.go()
    (done,) = batch.finish().rollouts()
    assert done.answer == "4" and isinstance(done.output, dict)
    assert (done.output["answer"], done.output["by_hand"]) == ("4", ["answer before last"])


def test_a_prompt_and_its_sampling_can_be_changed_and_the_record_says_what_was_sent(start: Start) -> None:
    batch = start(tasks=1)
    client = batch.attach()
    client.break_on(role="reviewer")
    batch.engine.allow()
    assert client.wait(20) is not None
    request = client.look().stop.request
    assert request is not None and request.role == "reviewer"
    client.edit_prompt(text="Check every step of problem 1 .", sampling={"temperature": 0.25})
    with pytest.raises(UserError, match="temperature=-1"):
        client.edit_prompt(sampling={"temperature": -1})
    with pytest.raises(UserError, match="a role and a content"):
        client.edit_prompt([{"content": "x"}])
    client.clear()
    client.go()
    run = batch.finish()
    turn = next(each for each in run.turns() if each.role == "reviewer")
    assert turn.messages[-1]["content"] == "Check every step of problem 1 ."
    assert (turn.completion, turn.sampling.temperature) == ("verdict: wrong at step 1", 0.25)
    assert turn.metadata == {"by_hand": ["prompt of reviewer"]}
    refined = next(each for each in run.turns(turn.rollout_id) if each.role == "refiner")
    assert refined.metadata == {"by_hand": ["prompt of reviewer"]}


def test_a_persons_answer_stands_for_the_models_and_is_on_record_as_a_persons(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    client.break_on(role="reviewer", temporary=True)
    batch.engine.allow()
    assert client.wait(20) is not None
    client.say("I looked. verdict: wrong at step 1")
    client.go()
    run = batch.finish()
    said = next(each for each in run.turns() if each.author == "person")
    assert (said.role, said.completion) == ("reviewer", "I looked. verdict: wrong at step 1")
    assert sum(each.author == "person" for each in run.turns()) == 1


def test_a_node_that_raised_can_be_mended_and_run_again(start: Start) -> None:
    def fragile(model: Any) -> Any:
        async def first(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {"answer": "none"}

        async def last(state: LoopState) -> dict[str, Any]:
            return {"solution": f"answer: {int(state['answer'] or '')}"}

        return graph_of(first=first, last=last)

    batch = start(fragile, tasks=1)
    client = batch.attach()
    client.break_on(error=True)
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None and held.stop is not None
    assert (held.stop.when, held.stop.error) == ("error", None)
    assert "invalid literal" in (client.look().stop.error or "")
    client.set("answer", "4")
    client.retry()
    client.go()
    run = batch.finish()
    assert [each.status for each in run.rollouts()] == ["done"]


def test_a_question_is_answered_where_somebody_has_a_grip_on_the_rollout(start: Start) -> None:
    def asking(model: Any) -> Any:
        async def first(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {}

        async def last(state: LoopState) -> dict[str, Any]:
            return {"solution": f"answer: {interrupt('how much?')}"}

        return graph_of(first=first, last=last)

    batch = start(asking, tasks=1)
    client = batch.attach()
    client.break_on("first", at="after")
    batch.engine.allow()
    assert client.wait(20) is not None
    assert client.next(20) is not None
    held = client.step(20)
    assert held is not None and held.stop is not None and held.stop.when == "asks"
    assert client.look().stop.question == "how much?"
    client.answer(4)
    client.go()
    assert [each.answer for each in batch.finish().rollouts()] == ["4"]


def test_parallel_nodes_of_one_rollout_are_held_one_behind_the_other(start: Start) -> None:
    def parallel(model: Any) -> Any:
        async def begin(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {}

        async def branch(state: LoopState) -> dict[str, Any]:
            return {}

        async def end(state: LoopState) -> dict[str, Any]:
            return {"solution": "answer: 4"}

        graph = StateGraph(LoopState)
        for name, does in (("begin", begin), ("branch", branch), ("end", end)):
            graph.add_node(name, does)
        graph.add_edge(START, "begin")
        graph.add_conditional_edges(
            "begin", lambda state: [Send("branch", state), Send("branch", state)], ["branch"]
        )
        graph.add_edge("branch", "end")
        graph.add_edge("end", END)
        return graph

    batch = start(parallel, tasks=1)
    client = batch.attach()
    client.break_on("branch", at="before")
    batch.engine.allow()
    assert client.wait(20) is not None
    assert client.look().waiting == 1
    seen = []
    held = client.step(20)
    while held is not None and held.stop is not None:
        seen.append((held.stop.when, held.stop.visit.node))
        held = client.step(20)
    assert sorted(seen[:3]) == [("after", "branch"), ("after", "branch"), ("before", "branch")]
    assert seen[3:] == [("before", "end"), ("after", "end")]
    batch.finish()


def test_inner_nodes_are_held_and_return_leaves_their_graph(start: Start) -> None:
    def nested(model: Any) -> Any:
        async def first(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {}

        async def last(state: LoopState) -> dict[str, Any]:
            return {"solution": "answer: 4"}

        graph = StateGraph(LoopState)
        graph.add_node("inside", graph_of(first=first, second=first).compile())
        graph.add_node("last", last)
        graph.add_edge(START, "inside")
        graph.add_edge("inside", "last")
        graph.add_edge("last", END)
        return graph

    batch = start(nested, tasks=1)
    client = batch.attach()
    client.break_on("inside/second", at="before")
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None and held.stop is not None
    assert (held.stop.visit.within, held.nodes) == (("inside",), ("inside/second",))
    left = client.out(20)
    assert left is not None and left.stop is not None
    assert (left.stop.when, left.stop.visit.node) == ("after", "inside")
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == 1


def test_a_node_with_a_time_limit_is_never_held(start: Start) -> None:
    def limited(model: Any) -> Any:
        async def slow(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {"solution": "answer: 4"}

        graph = StateGraph(LoopState)
        graph.add_node("slow", slow, timeout=30)
        graph.add_edge(START, "slow")
        graph.add_edge("slow", END)
        return graph

    batch = start(limited, tasks=3)
    client = batch.attach()
    client.break_on("slow")
    client.pause(now=True)
    batch.engine.allow()
    status = client.pause(now=True, timeout=10)
    assert (status.flying, status.held, status.waiting) == (0, 0, 0)
    client.resume()
    assert batch.finish().summary()["rollouts"]["done"] == 3


def test_a_rollout_can_be_stepped_through_while_the_batch_is_paused(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    client.pause()
    batch.engine.allow()
    client.pause(timeout=20)
    first = client.flights()[0]
    held = client.pick(first.number, timeout=20)
    assert held is not None and held.status == "held"
    while client.step(20) is not None:
        pass
    status = client.status()
    assert (status.done, status.paused, status.waiting) == (1, True, 1)
    client.resume()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_when_a_client_leaves_what_it_held_goes_on(start: Start) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    client.break_on("reviewer", at="before")
    batch.engine.allow()
    assert client.wait(20) is not None
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_when_a_client_says_so_what_it_held_stays_and_another_lets_it_go(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    client.break_on("reviewer", verdict="wrong")
    batch.engine.allow()
    assert client.wait(20) is not None
    client.close(stay=True)
    other = batch.attach()
    wait_until(lambda: other.status().done == 2 and other.status().held == 2)
    assert len(other.breakpoints()) == 1
    other.clear()
    for each in other.flights():
        assert each.status == "held"
        assert other.pick(each.number, timeout=20) is not None
        other.go()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_a_pause_ends_with_its_client_unless_it_is_to_stay(start: Start) -> None:
    batch = start(tasks=4)
    first = batch.attach()
    first.pause()
    first.close()
    second = batch.attach()
    assert not second.status().paused
    second.pause()
    second.close(stay=True)
    third = batch.attach()
    assert third.status().paused
    third.resume()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_a_connection_that_breaks_off_hangs_nothing(start: Start) -> None:
    batch = start(tasks=4)
    batch.attach().close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.fspath(find(batch.directory) or ""))
        connection.sendall(b'{"id": 1, "do": "pause", "with": {"now": true}}\n{"id": 2, "do": "pick", ')
        assert connection.recv(1) == b"{"
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_breakpoints_hold_only_so_many_rollouts_at_once(start: Start, wait_until: WaitUntil) -> None:
    count = MOST_HELD + 4
    batch = start(one_shot, tasks=count, concurrency=3)
    client = batch.attach()
    client.break_on("solver", at="after")
    batch.engine.allow()
    status = wait_until(lambda: (now := client.status()).held == MOST_HELD and now.done == 4 and now)
    assert status.passed_by == 4
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == count


def test_a_synchronous_call_inside_an_asynchronous_node_cannot_lock_the_batch(start: Start) -> None:
    def blocking(model: Any) -> Any:
        async def first(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("x problem 0 .")
            return {}

        async def last(state: LoopState) -> dict[str, Any]:
            return {"solution": str(model.invoke("x problem 0 .").content)}

        return graph_of(first=first, last=last)

    batch = start(blocking, tasks=3)
    client = batch.attach()
    client.break_on(role="last")
    batch.engine.allow()
    held = client.wait(20)
    assert held is not None
    assert client.status().held == 1
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == 3


def test_streams_pass_as_they_are_while_nobody_breaks_in(start: Start) -> None:
    pieces: list[int] = []

    def streaming(model: Any) -> Any:
        async def speak(state: LoopState) -> dict[str, Any]:
            chunks = [str(chunk.content) async for chunk in model.astream("one problem 0 . two")]
            pieces.append(len(chunks))
            return {"solution": "".join(chunks)}

        return graph_of(speak=speak)

    batch = start(streaming, tasks=2)
    batch.attach()
    batch.finish()
    assert min(pieces) > 1
