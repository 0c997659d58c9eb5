"""A user's own LangGraph app with our chat model inside leaves every sampled token on record, once."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Send
from pydantic import BaseModel

from tutelage.agents import Completion, Reviewer, Solver, connect, scripted
from tutelage.graphs import LoopState
from tutelage.traces import Run, Turn, recording
from tutelage.types import Sampling, Task

TASK = Task(id="a", problem="2+2")


ASKED: Any = {"messages": [("user", "hi")]}


@tool
def add_up(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def double(a: int) -> int:
    """Double a number."""
    return 2 * a


def calling(name: str, number: int, text: str = "", **arguments: int) -> Completion:
    """A completion that calls a tool; its tokens are the call as the model wrote it."""
    call = {"id": f"call-{number}", "type": "function"} | {
        "function": {"name": name, "arguments": json.dumps(arguments)}
    }
    ids = tuple(text.encode())
    return Completion(text, "tool_calls", ids, (0.0,) * len(ids), (call,))


def texts_on_record(run: Run, script: Any) -> list[Turn]:
    """The turns of a script of which some answers are a call and nothing else."""
    turns = run.turns()
    assert [turn.completion for turn in turns] == script.said
    return turns


def functions(listed: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [each["function"] for each in listed]


def tool_loop(model: Runnable[Any, AIMessage]) -> Any:
    """What a user writes: an agent that calls tools until it has its answer."""

    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode([add_up, double]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile()


async def test_a_tool_loop_is_recorded_with_its_tools_and_calls(run: Run, speaker: Any) -> None:
    script = speaker(calling("add_up", 1, "let me add", a=2, b=3), calling("double", 2, a=5), "It is 10.")
    model = scripted(script).bind_tools([add_up, double])
    with recording(run.begin(TASK)):
        state = await tool_loop(model).ainvoke({"messages": [("user", "2+3, twice?")]})
    assert state["messages"][-1].content == "It is 10."
    turns = texts_on_record(run, script)
    assert [(turn.role, turn.node) for turn in turns] == [("agent", "agent")] * 3
    assert [[each["name"] for each in functions(turn.tools)] for turn in turns] == [["add_up", "double"]] * 3
    called = [functions(turn.tool_calls) for turn in turns]
    assert called == [
        [{"name": "add_up", "arguments": '{"a": 2, "b": 3}'}],
        [{"name": "double", "arguments": '{"a": 5}'}],
        [],
    ]
    roles = [message["role"] for message in turns[2].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]
    assert turns[2].parents == (turns[1].id,)


@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_over_http_are_recorded_whole(
    run: Run, token_server: tuple[str, list[str]], streamed: bool
) -> None:
    address, said = token_server
    with connect(address) as model, recording(run.begin(TASK)):
        app = tool_loop(model.bind_tools([add_up, double]))
        if streamed:
            assert len([part async for part in app.astream(ASKED, stream_mode="messages")]) > 10
        else:
            await app.ainvoke(ASKED)
    first, last = run.turns()
    assert [turn.completion for turn in (first, last)] == said
    assert all(len(turn.logprobs or ()) == len(turn.completion) for turn in (first, last))
    assert [each["arguments"] for each in functions(first.tool_calls)] == ['{"a": 2, "b": 3}']
    assert last.messages[-1]["content"] == "5"
    assert (first.finish_reason, last.finish_reason) == ("tool_calls", "stop")


class Fan(TypedDict, total=False):
    problem: Annotated[str, lambda before, after: before or after]
    found: Annotated[list[str], add]


async def test_a_fan_out_a_subgraph_and_several_models_are_recorded(run: Run, speaker: Any) -> None:
    base, critic = speaker(), speaker()
    solver, reviewer = scripted(base, name="base"), scripted(critic, name="base#critic")

    async def solve(state: Fan) -> Fan:
        return {"found": [str((await solver.ainvoke(state["problem"])).content)]}

    async def review(state: Fan) -> Fan:
        return {"found": [str((await reviewer.ainvoke(state["found"][-1])).content)]}

    inner = StateGraph(Fan)
    inner.add_node("solve", solve)
    inner.add_node("review", review)
    inner.add_edge(START, "solve")
    inner.add_edge("solve", "review")
    outer = StateGraph(Fan)
    outer.add_node("branch", inner.compile())
    outer.add_node("sum", solve)
    branches = [Send("branch", {"problem": str(number)}) for number in range(5)]
    outer.add_conditional_edges(START, lambda state: branches, ["branch"])
    outer.add_edge("branch", "sum")
    outer.add_edge("sum", END)
    with recording(run.begin(TASK)):
        await outer.compile().ainvoke({"problem": "all"})
    turns = base.on_record(run, critic)
    assert Counter((turn.node, turn.model) for turn in turns) == {
        ("solve", "base"): 5,
        ("review", "base#critic"): 5,
        ("sum", "base"): 1,
    }


def talker(model: Runnable[Any, AIMessage]) -> Any:
    """A messages app of one node, which asks without `await`."""

    def talk(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("talk", talk)
    graph.add_edge(START, "talk")
    return graph.compile()


async def through_invoke(app: Any) -> None:
    app.invoke(ASKED)


async def through_messages(app: Any) -> None:
    assert len([part async for part in app.astream(ASKED, stream_mode="messages")]) > 2


async def through_messages_sync(app: Any) -> None:
    assert len(list(app.stream(ASKED, stream_mode="messages"))) > 2


async def through_updates(app: Any) -> None:
    assert len([part async for part in app.astream(ASKED, stream_mode=["updates", "values"])]) > 2


async def through_events(app: Any) -> None:
    events = [event["event"] async for event in app.astream_events(ASKED, version="v2")]
    assert events.count("on_chat_model_stream") > 2


async def through_batch(app: Any) -> None:
    await app.abatch([ASKED] * 3)


@pytest.mark.parametrize(
    "way",
    [
        through_invoke,
        through_messages,
        through_messages_sync,
        through_updates,
        through_events,
        through_batch,
    ],
    ids=lambda way: way.__name__,
)
async def test_however_an_app_is_run_every_token_is_on_record_once(
    run: Run, speaker: Any, way: Callable[[Any], Awaitable[None]]
) -> None:
    script = speaker()
    with recording(run.begin(TASK)):
        await way(talker(scripted(script)))
    assert {turn.node for turn in script.on_record(run)} == {"talk"}


async def test_roles_in_a_graph_are_recorded_by_their_own_names(run: Run, speaker: Any) -> None:
    script = speaker("answer: 4", "answer: 5", "verdict: wrong at step 1")
    model = scripted(script)
    graph = StateGraph(LoopState)
    graph.add_node("first", Solver(model, samples=2))
    graph.add_node("second", Reviewer(model))
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    with recording(run.begin(TASK)):
        await graph.compile().ainvoke({"problem": "2+2"})
    turns = script.on_record(run)
    assert [(turn.role, turn.node) for turn in turns] == [("solver", "first")] * 2 + [("reviewer", "second")]
    assert turns[2].parents == (turns[0].id,)


class Sum(BaseModel):
    """The sum."""

    total: int


async def test_structured_output_is_recorded_as_the_call_that_it_is(run: Run, speaker: Any) -> None:
    script = speaker(calling("Sum", 1, total=4))
    with recording(run.begin(TASK)):
        assert await scripted(script).with_structured_output(Sum).ainvoke("2+2") == Sum(total=4)
    (turn,) = texts_on_record(run, script)
    assert functions(turn.tool_calls) == [{"name": "Sum", "arguments": '{"total": 4}'}]
    assert turn.tool_choice in ("required", "any")


async def test_structured_output_over_http_is_recorded_without_token_ids(run: Run, rule_server: str) -> None:
    with connect(rule_server) as model, recording(run.begin(TASK)):
        assert await model.with_structured_output(Sum).ainvoke("what is 4") == Sum(total=4)
    (turn,) = run.turns()
    assert [each["name"] for each in functions(turn.tool_calls)] == ["Sum"]
    assert (turn.completion_token_ids, turn.logprobs, turn.prompt_token_ids) == (None, None, None)
    assert (turn.policy, turn.model) == ("rule", f"{rule_server}#rule")


async def test_an_answer_that_must_fit_a_schema_has_its_tokens_but_not_the_models_log_probabilities(
    run: Run, token_server: tuple[str, list[str]]
) -> None:
    with connect(token_server[0]) as model, recording(run.begin(TASK)):
        await model.bind_tools([add_up], tool_choice="any").ainvoke("hi")
        await model.bind_tools([add_up], tool_choice="add_up").ainvoke("hi")
        await model.bind_tools([add_up], strict=True).ainvoke("hi")
        await model.bind_tools([add_up], tool_choice="none").ainvoke("hi")
    turns = run.turns()
    assert all(bytes(turn.completion_token_ids or ()).decode() == turn.completion for turn in turns)
    assert [turn.logprobs is None for turn in turns] == [True, True, True, False]


async def test_conversations_that_a_restart_interrupts_go_on_by_the_recorded_ids(run: Run) -> None:
    said: list[Any] = [[HumanMessage(f"What is 7+{number}?")] for number in range(24)]
    for repeat in range(2):
        hostile = Sampling(temperature=2.0, max_tokens=48)
        with (
            connect("embedded+transformers", sampling=hostile) as model,
            recording(run.begin(TASK, repeat)),
        ):
            answers = await asyncio.gather(*(model.ainvoke(messages) for messages in said))
        said = [[*told, answer, HumanMessage("Sure?")] for told, answer in zip(said, answers, strict=True)]
    for first, _, second, _ in (messages[1:] for messages in said):
        before, after = first.response_metadata, second.response_metadata
        whole = before["prompt_token_ids"] + before["token_ids"]
        assert after["prompt_token_ids"][: len(whole)] == whole
