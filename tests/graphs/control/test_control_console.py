"""A running batch is driven by lines of text, by a session's words; what a model wrote never reaches the terminal."""

from collections.abc import Callable
from typing import Any

import pytest

from tutelage.graphs.console.commands import COMMANDS as OF_SESSIONS
from tutelage.graphs.control.commands import COMMANDS as OF_BATCHES

Start = Callable[..., Any]

LINES = {
    "step": "s",
    "next": "n",
    "return": "r",
    "until": "until refiner",
    "answer": "answer 1",
    "retry": "retry",
    "p": "p verdict",
    "pp": "pp candidates",
    "set": "set verdict = 'wrong'",
    "edit": "edit prompt Another one",
    "sampling": "sampling temperature=0.2",
    "say": "say verdict: right",
    "disable": "disable 1",
    "enable": "enable 1",
    "ignore": "ignore 1 2",
    "condition": "condition 1 round > 0",
    "alias": "alias look state",
    "unalias": "unalias look",
    "source": "source lines",
    "concurrency": "concurrency 3",
    "pick": "pick t0",
    "tbreak": "tbreak refiner",
    "prompt": "prompt",
}
"""Words that take something, with what they take."""
NEEDS = {
    "answer": "nothing is asked",
    "retry": "nothing went wrong",
    "up": "outermost",
    "down": "innermost",
}
"""What some say where the rollout is held at a model call of a graph without subgraphs."""


def held_at_the_reviewer(start: Start, tasks: int = 2) -> tuple[Any, Any]:
    """A batch, and a client with a rollout held at the reviewer's model call."""
    batch = start(tasks=tasks, concurrency=1)
    client = batch.attach()
    client.execute("b role:reviewer")
    batch.engine.allow()
    assert "at a model call of reviewer" in client.execute("wait").text
    return batch, client


def test_a_rollout_is_held_looked_at_changed_and_let_go_by_lines(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    assert "after reviewer verdict:wrong" in client.execute("b reviewer verdict:wrong").text
    batch.engine.allow()
    assert "after reviewer" in client.execute("wait").text
    assert client.execute("p verdict").data == "wrong"
    assert client.execute("p len(candidates) > 0 and step == 1").data is True
    assert "verdict" in client.execute("changes").text
    assert "verdict: wrong at step 1" in client.execute("state review").text
    assert client.execute("set verdict = 'right'").text == "verdict = 'right'"
    assert "held" in client.execute("ps").text
    assert "1 held" in client.execute("st").text
    assert "goes on" in client.execute("c").text
    assert batch.finish().summary()["rollouts"]["done"] == 2
    assert client.execute("").ended


def test_a_stop_is_asked_for_once_and_what_others_change_is_seen_by_the_next_line(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, client = held_at_the_reviewer(start, tasks=1)
    looks: list[int] = []
    look = client.look

    def counted(*, outer: int = 0) -> Any:
        looks.append(outer)
        return look(outer=outer)

    monkeypatch.setattr(client, "look", counted)
    for line in ("where", "s", "list", "changes", "up"):
        looks.clear()
        client.execute(line)
        assert len(looks) <= 1, line
    client.execute("set verdict = 'wrong'")
    assert client.execute("p verdict").data == "wrong"
    with batch.attach() as other:
        other.picked = client.picked
        other.set("verdict", "right")
        assert client.execute("p verdict").data == "right"


def test_prompts_are_shown_edited_and_answered_by_lines(start: Start) -> None:
    batch, client = held_at_the_reviewer(start, tasks=1)
    assert "Check every step" in client.execute("prompt").text
    assert not client.execute("edit prompt Check every step of\nproblem 1 .").refused
    assert "problem 1 ." in client.execute("prompt").text
    assert not client.execute("sampling temperature=0.5 max_tokens=9").refused
    assert not client.execute("say verdict: right \x1b[2J").refused
    held = client.execute("s").text
    assert "after reviewer" in held and "\x1b" not in held
    client.execute("cl")
    client.execute("q")
    run = batch.finish()
    assert [turn.author for turn in run.turns() if turn.role == "reviewer"] == ["person"]


def test_what_was_said_before_is_looked_at_from_the_record(start: Start) -> None:
    batch, client = held_at_the_reviewer(start)
    (turn,) = client.execute("costs").data
    assert (turn["node"], turn["role"], turn["calls"]) == ("solver", "solver", 1)
    visits = client.execute("history").data
    assert [(each["node"], each["status"], len(each["turns"])) for each in visits] == [
        ("solver", "done", 1),
        ("reviewer", "held", 0),
    ]
    id = visits[0]["turns"][0]
    assert "problem 0" in client.execute(f"prompt {id[-6:]}").text
    assert client.execute("tokens").data["turn_id"] == id
    assert client.execute("parents").data["text"] == "2+2=4\nanswer: 4"
    assert client.execute("why").data["targets"] == ["reviewer"]
    assert client.execute("list").data["path"] == ["solver", "reviewer"]
    assert client.execute("args").data["solution"] == "2+2=4\nanswer: 4"
    client.close()
    batch.finish()


def test_why_a_router_led_on_is_told(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    client.execute("b before refiner")
    batch.engine.allow()
    client.execute("wait")
    route = client.execute("why").data
    assert (route["visit"], route["targets"]) == (2, ["refiner"])
    assert route["routers"] and route["read"]["verdict"] == "wrong"
    assert client.execute("why 1").refused
    client.close()
    batch.finish()


def test_outer_graphs_are_looked_at(start: Start) -> None:
    from langgraph.graph import END, START, StateGraph

    from tutelage.graphs import LoopState, one_shot

    def nested(model: Any) -> Any:
        graph: Any = StateGraph(LoopState)
        graph.add_node("before", lambda state: {"round": 3})
        graph.add_node("team", one_shot(model).compile())
        graph.add_edge(START, "before")
        graph.add_edge("before", "team")
        graph.add_edge("team", END)
        return graph

    batch = start(nested, tasks=1)
    client = batch.attach()
    client.execute("b after solver")
    batch.engine.allow()
    assert "after team/solver" in client.execute("wait").text
    assert "solution" in client.execute("state").data
    assert [each["node"] for each in client.execute("up").data["frames"]] == ["", "team"]
    assert not client.execute("state").data.get("solution")
    assert "outermost" in client.execute("up").text
    assert client.execute("down").text.splitlines()[1].startswith("→ ")
    client.close()
    batch.finish()


def test_a_breakpoint_has_commands_and_displays_are_shown_at_every_stop(start: Start) -> None:
    batch = start(tasks=4, concurrency=1)
    client = batch.attach()
    client.execute("display verdict")
    client.execute("b after reviewer")
    for each in ("commands 1", "p task['id']", "end"):
        client.execute(each)
    client.execute("ignore 1 1 ;; alias wrong p verdict == 'wrong'")
    batch.engine.allow()
    text = client.execute("wait").text
    assert "display 1: verdict = 'wrong'" in text and text.endswith("'t1'")
    assert client.execute("wrong").data is True
    assert "disabled" in client.execute("disable 1").text
    client.close()
    assert batch.finish().summary()["rollouts"]["done"] == 4


@pytest.mark.parametrize("name", [each.name for each in (*OF_SESSIONS, *OF_BATCHES)])
def test_help_lists_what_works_and_the_rest_says_what_to_do(start: Start, name: str, tmp_path: Any) -> None:
    batch, client = held_at_the_reviewer(start)
    (tmp_path / "lines").write_text("p round\n")
    client.execute("alias look p round") if name == "unalias" else None
    line = LINES.get(name, name).replace("lines", str(tmp_path / "lines"))
    reply = client.execute(line)
    assert "failed inside" not in reply.text
    if name in client.console().vocabulary.names():
        assert not client.console().execute(f"help {name}").refused or name in ("stop", "detach")
        assert reply.refused == (name in NEEDS) and NEEDS.get(name, "") in reply.text
    elif name == "quit":
        assert reply.ended, "the batch's own word is detach"
    else:
        assert reply.refused and f"no {name} in a running batch: " in reply.text
        assert "tutelage debug " in reply.text or "the call that waits" in reply.text
    client.close()
    if name != "stop":
        batch.finish()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("detatch", "did you mean 'detach'"),
        ("s", "no rollout is picked"),
        ("pick nobody", "nothing in flight"),
        ("b revewer", "did you mean 'reviewer'"),
        ("b reviewer when verdikt == 1", "did you mean 'verdict'"),
        ("concurrency many", "whole number"),
        ("pause later", "takes nothing or 'now'"),
        ("state", "no rollout is picked"),
        ("fork", "tutelage debug"),
        ("resample 8", "tutelage debug"),
        ("rewrite solver a b", "edit changes the call that waits"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(start: Start, line: str, why: str) -> None:
    batch = start()
    reply = batch.attach().execute(line)
    assert reply.refused and why in reply.text


def test_later_calls_and_earlier_states_are_refused_with_what_there_is(start: Start) -> None:
    batch, client = held_at_the_reviewer(start)
    assert "change the call that waits" in client.execute("sampling reviewer temperature=0").text
    assert "only the visit that is held" in client.execute("changes 1").text
    assert "FIELD = VALUE" in client.execute("set verdict").text
    client.close()
    batch.finish()


def test_a_batch_is_paused_retuned_and_left_by_lines(start: Start) -> None:
    batch = start()
    client = batch.attach()
    assert client.execute("pause now").text.startswith("paused")
    assert client.execute("concurrency 3").text.startswith("at most 3")
    assert client.execute("resume").text == "the batch goes on"
    assert client.console().complete("con") == ["concurrency", "condition", "continue"]
    assert client.execute("detach").ended
    assert batch.finish().summary()["rollouts"]["done"] == 4
