"""Other people's LangGraph apps, as they are: settings, kinds of nodes, prebuilt agents."""

import asyncio
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import CachePolicy, Command

from tutelage.agents import ChatModel, scripted
from tutelage.agents.engine import Completion
from tutelage.graphs import Session, debug

At = Callable[[Session], str]
Walk = Callable[[Session], list[str]]


@dataclass
class Person:
    name: str


def test_store_and_context_of_the_users_own_are_there_and_its_checkpointer_is_not_written(
    Words: Any,
) -> None:
    store, saver = InMemoryStore(), InMemorySaver()
    store.put(("facts",), "one", {"value": 1})

    def node(state: Any, runtime: Runtime[Person]) -> dict[str, Any]:
        assert runtime.store is not None
        found = runtime.store.get(("facts",), "one")
        assert found is not None
        return {"said": f"{runtime.context.name} {found.value['value']}"}

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words, context_schema=Person)
    graph.add_node("one", node)
    graph.add_edge(START, "one")
    app = graph.compile(checkpointer=saver, store=store)
    with debug(app, "p", context=Person("Ada")) as session:
        session.go()
        assert session.state["said"] == "Ada 1"
    assert list(saver.list(None)) == []
    assert app.checkpointer is saver


def test_static_interrupts_become_breakpoints(line: Any, at: At) -> None:
    app = line(one="1", two="2").compile(interrupt_before=["two"], interrupt_after=["two"])
    with debug(app, "p") as session:
        assert [(each.node, each.at) for each in session.breakpoints()] == [
            ("two", "before"),
            ("two", "after"),
        ]
        session.go()
        assert at(session) == "before two"
        session.go()
        assert at(session) == "after two"


def test_static_interrupts_of_a_subgraph_hold_too(line: Any, at: At) -> None:
    team = line(plan="p", act="a").compile(interrupt_before=["act"])
    with debug(line(team=team), "p") as session:
        session.go()
        assert at(session) == "before team/act"
        session.clear()
        session.go()
        assert session.status == "done"


def test_interrupts_everywhere_step_node_by_node(line: Any, at: At) -> None:
    app = line(one="1", two="2").compile(interrupt_before="*")
    with debug(app, "p") as session:
        session.go()
        assert at(session) == "before two"


def test_a_cache_does_not_hide_a_node(Words: Any) -> None:
    ran: list[int] = []

    def node(state: Any) -> dict[str, Any]:
        ran.append(1)
        return {"count": len(ran)}

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("one", node, cache_policy=CachePolicy())
    graph.add_edge(START, "one")
    app = graph.compile(cache=InMemoryCache())
    for _ in range(2):
        assert app.invoke({"problem": "p"})["count"] == 1
    with debug(app, "p") as session:
        session.go()
        assert session.state["count"] == 2


def test_time_limits_do_not_run_while_a_person_looks(Words: Any) -> None:
    async def node(state: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"count": 1}

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("one", node, timeout=0.2)
    graph.add_edge(START, "one")
    app = graph.compile()
    app.step_timeout = 0.2
    with debug(app, "p") as session:
        time.sleep(0.4)
        session.step()
        time.sleep(0.4)
        session.go()
        assert (session.status, session.state["count"]) == ("done", 1)
    assert app.step_timeout == 0.2


def shouting(kind: str, model: ChatModel) -> Any:
    async def ainvoke(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("?")).content)}

    async def astream(state: Any) -> dict[str, Any]:
        return {"said": "".join([str(each.content) async for each in model.astream("?")])}

    return {
        "ainvoke": ainvoke,
        "astream": astream,
        "invoke": lambda state: {"said": str(model.invoke("?").content)},
        "stream": lambda state: {"said": "".join(str(each.content) for each in model.stream("?"))},
        "batch": lambda state: {"said": str(model.batch(["?"])[0].content)},
    }[kind]


@pytest.mark.parametrize("kind", ["ainvoke", "astream", "invoke", "stream", "batch"])
def test_every_way_of_asking_a_model_is_held_and_edited(line: Any, at: At, kind: str) -> None:
    model = scripted(lambda messages, sample: f"to {messages[-1]['content']} I say")
    with debug(line(node=shouting(kind, model)), "p") as session:
        session.step()
        assert at(session) == "prompt node"
        session.edit_prompt(text="that")
        session.step()
        assert (at(session), session.state["said"]) == ("after node", "to that I say")
        assert [turn.completion for turn in session.run_record.turns()] == ["to that I say"]
        fork = session.fork(at=(1, "prompt"))
        assert at(fork) == "prompt node"
        fork.say("mine")
        fork.go()
        assert fork.state["said"] == "mine"


def test_a_graph_that_a_function_calls_belongs_to_its_node_and_its_models_are_held(
    line: Any, walk: Walk
) -> None:
    model = scripted(lambda messages, sample: "said")

    async def ask(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("?")).content)}

    inner = line(ask=ask).compile()

    async def call(state: Any) -> dict[str, Any]:
        return {"said": (await inner.ainvoke({"problem": state["problem"]}))["said"]}

    with debug(line(outer=call), "p") as session:
        assert walk(session) == ["before outer", "prompt outer", "after outer"]
        (visit,) = session.visits()
        assert len(visit.turns) == 1


def test_a_router_that_asks_a_model_is_held_and_its_answer_kept(Words: Any, at: At, tmp_path: Path) -> None:
    asked: list[int] = []

    def answer(messages: Any, sample: int) -> str:
        asked.append(1)
        return "left"

    model = scripted(answer)

    async def route(state: Any) -> str:
        return str((await model.ainvoke("where to?")).content)

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    for name in ("one", "left", "right"):
        graph.add_node(name, lambda state: {"log": ["x"]})
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", route, ["left", "right"])
    with debug(graph, "p", store=tmp_path) as session:
        session.step()
        session.step()
        assert session.stop is not None and session.stop.request is not None
        session.say("right")
        session.step()
        assert at(session) == "before right"
        assert session.visits()[0].turns
    with debug(graph, store=tmp_path) as session:
        assert (at(session), asked) == ("before right", [])
        session.go()
        assert len(session.run_record.turns()) == 1


def adder(used: list[tuple[int, int]]) -> Any:
    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        used.append((a, b))
        return a + b

    return add


def calling() -> ChatModel:
    """Calls the tool once, then says what it gave."""
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}

    def answer(messages: Any, sample: int) -> str | Completion:
        if messages[-1]["role"] == "tool":
            return f"answer: {messages[-1]['content']}"
        return Completion(text="", finish_reason="tool_calls", tool_calls=(call,))

    return scripted(answer)


def agent(used: list[tuple[int, int]]) -> Any:
    from langgraph.prebuilt import create_react_agent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return create_react_agent(calling(), [adder(used)])


def test_a_prebuilt_agent_is_stepped_and_its_tool_result_changed(at: At, walk: Walk, tmp_path: Path) -> None:
    used: list[tuple[int, int]] = []
    with debug(agent(used), "2+3?", store=tmp_path) as session:
        session.until("tools")
        session.step()
        assert (at(session), used) == ("after tools", [(2, 3)])
        session.edit_message(-1, "7")
    with debug(agent(used), store=tmp_path) as session:
        assert at(session) == "after tools"
        assert session.state["messages"][-1].content == "7"
        assert walk(session) == ["after tools", "before agent", "prompt agent", "after agent"]
        assert session.state["messages"][-1].content == "answer: 7"
        assert used == [(2, 3)]


def test_an_agent_as_a_subgraph_is_entered(Words: Any, at: At) -> None:
    from langgraph.graph import MessagesState

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(MessagesState)
    graph.add_node("agent", agent([]))
    graph.add_edge(START, "agent")
    with debug(graph, "2+3?") as session:
        session.until("agent/tools")
        assert at(session) == "before agent/tools"
        session.go()
        assert session.state["messages"][-1].content == "answer: 5"


def test_a_command_from_a_subgraph_leads_in_the_outer_graph(Words: Any, walk: Walk) -> None:
    def leave(state: Any) -> Any:
        return Command(graph=Command.PARENT, goto="there", update={"log": ["left"]})

    team: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    team.add_node("leave", leave)
    team.add_node("never", lambda state: {"log": ["never"]})
    team.add_edge(START, "leave")
    team.add_edge("leave", "never")
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("team", team.compile(), destinations=("here", "there"))
    graph.add_node("here", lambda state: {"log": ["here"]})
    graph.add_node("there", lambda state: {"log": ["there"]})
    graph.add_edge(START, "team")
    with debug(graph, "p") as session:
        assert walk(session) == [
            "before team",
            "before team/leave",
            "after team/leave",
            "after team",
            "before there",
            "after there",
        ]
        assert session.state["log"] == ["left", "there"]
        for number in (1, 2, 3):
            for side in ("before", "after"):
                fork = session.fork(at=(number, side))
                fork.go()
                assert fork.state["log"] == ["left", "there"]


def test_a_deferred_node_waits_for_all_also_under_the_debugger(Words: Any) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    for name in ("a", "b", "c", "end"):
        graph.add_node(name, lambda state, name=name: {"log": [name]}, defer=name == "end")
    for one, other in ((START, "a"), (START, "b"), ("b", "c"), ("a", "end"), ("c", "end"), ("end", END)):
        graph.add_edge(one, other)
    wanted = graph.compile().invoke({"problem": "p"})
    with debug(graph, "p") as session:
        session.go()
        assert session.state == wanted


def test_a_subgraph_inside_a_subgraph_with_states_of_their_own(line: Any, at: At) -> None:
    from typing import TypedDict

    class Deep(TypedDict, total=False):
        problem: str
        depth: int

    deep = line(Deep, down=lambda state: {"depth": len(state["problem"])}).compile()
    middle = line(middle=deep, up=lambda state: {"said": "up"}).compile()
    with debug(line(top=middle), "p") as session:
        session.until("down")
        assert set(session.state) == {"problem"}
        session.step()
        assert session.state == {"problem": "p", "depth": 1}
        session.set("depth", 5)
        session.go()
        assert session.state == {"problem": "p", "said": "up", "log": []}
