import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from tutelage.agents import ChatModel, Completion, ScriptedEngine, connect, scripted
from tutelage.errors import UserError
from tutelage.traces import Run, Store, recording
from tutelage.types import Sampling, Task


def echo(messages: Any, index: int) -> str:
    return f"{index}: {messages[-1]['content']}"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Store.open(tmp_path / "run").start_run({})


async def test_sample_gives_n_answers_of_one_prompt_in_order() -> None:
    answers = await scripted(echo).sample("hi", n=3)
    assert [answer.content for answer in answers] == ["0: hi", "1: hi", "2: hi"]


async def test_every_sample_is_recorded_as_a_turn_of_one_call(run: Run) -> None:
    recorder = run.begin(Task(id="a", problem="hi"), 0)
    with recording(recorder):
        answers = await scripted(echo).sample("hi", n=2, role="solver", parents=("x",))
    turns = run.turns()
    assert [turn.id for turn in turns] == [answer.response_metadata["turn_id"] for answer in answers]
    assert [(turn.call, turn.sample, turn.role, turn.parents) for turn in turns] == [
        (0, 0, "solver", ("x",)),
        (0, 1, "solver", ("x",)),
    ]
    first = turns[0]
    assert first.messages == ({"role": "user", "content": "hi"},)
    assert first.completion == "0: hi"
    assert bytes(first.completion_token_ids or ()).decode() == "0: hi"
    assert len(first.logprobs or ()) == len(first.completion_token_ids or ())
    assert first.policy == "scripted"


async def test_without_a_recorder_nothing_is_recorded() -> None:
    (answer,) = await scripted(echo).sample("hi")
    assert "turn_id" not in answer.response_metadata


def test_invoke_in_a_plain_thread_records_too(run: Run) -> None:
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        answer = scripted(echo).invoke("hi")
    (turn,) = run.turns()
    assert (turn.id, turn.role) == (answer.response_metadata["turn_id"], "model")


async def test_the_role_of_a_turn_is_the_graphs_node_where_nobody_says_otherwise(run: Run) -> None:
    model = scripted(echo)

    async def critic(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"]), *await model.sample("again")]}

    graph = StateGraph(MessagesState)
    graph.add_node("critic", critic)
    graph.add_edge(START, "critic")
    graph.add_edge("critic", END)
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        await graph.compile().ainvoke({"messages": [HumanMessage("hi")]})
    assert [(turn.role, turn.node) for turn in run.turns()] == [("critic", "critic")] * 2


async def test_a_graph_that_streams_messages_gets_words_and_records_the_whole(run: Run) -> None:
    model = scripted(lambda messages, index: "one two three")

    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": await model.sample(state["messages"], role="speaker")}

    graph = StateGraph(MessagesState)
    graph.add_node("speak", speak)
    graph.add_edge(START, "speak")
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        stream = graph.compile().astream({"messages": [HumanMessage("hi")]}, stream_mode="messages")
        words = [str(chunk.content) async for chunk, _ in stream]  # type: ignore[union-attr]
    assert words[:3] == ["one", " two", " three"]
    (turn,) = run.turns()
    assert (turn.role, turn.completion) == ("speaker", "one two three")


async def test_several_samples_reach_a_streaming_listener_whole() -> None:
    class Listener(BaseCallbackHandler):
        ended = 0

        def on_llm_end(self, response: Any, **_: Any) -> None:
            self.ended += len(response.generations[0])

    listener = Listener()
    model = ChatModel(engine=ScriptedEngine(echo), streaming=True, callbacks=[listener])
    assert len(await model.sample("hi", n=3)) == 3
    assert listener.ended == 3


async def test_a_stream_is_recorded_with_every_token(run: Run) -> None:
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        chunks = [chunk async for chunk in scripted(lambda messages, index: "one two three").astream("hi")]
    (turn,) = run.turns()
    assert turn.completion == "one two three"
    assert bytes(turn.completion_token_ids or ()) == b"one two three"
    assert chunks[-1].response_metadata["turn_id"] == turn.id
    assert chunks[-1].usage_metadata == {"input_tokens": 9, "output_tokens": 13, "total_tokens": 22}


async def test_a_stream_that_is_left_early_is_recorded_as_such(run: Run) -> None:
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        stream = scripted(lambda messages, index: "one two three").astream("hi")
        assert (await anext(stream)).content == "one"
        await stream.aclose()  # type: ignore[attr-defined]
        del stream
        await asyncio.sleep(0.1)
    (turn,) = run.turns()
    assert (turn.completion, turn.error) == ("one", "the reader left before the end")


async def test_a_call_that_fails_is_recorded_and_raised(run: Run) -> None:
    with (
        recording(run.begin(Task(id="a", problem="hi"), 0)),
        pytest.raises(UserError, match="only 0 answers"),
    ):
        await scripted([]).sample("hi")
    (turn,) = run.turns()
    assert turn.completion == "" and turn.error is not None and "only 0 answers" in turn.error


async def test_a_call_can_change_the_sampling_and_the_record_says_so(run: Run) -> None:
    model = scripted(echo, sampling=Sampling(temperature=0.7, max_tokens=100))
    with recording(run.begin(Task(id="a", problem="hi"), 0)):
        await model.ainvoke("hello", temperature=0.1, stop=["l"])
        await model.sample("hello", sampling=Sampling(max_tokens=4))
    first, second = run.turns()
    assert first.sampling == Sampling(temperature=0.1, max_tokens=100, stop=("l",))
    assert first.completion == "0: he"
    assert (second.completion, second.finish_reason) == ("0: h", "length")


def test_with_sampling_is_a_copy_over_the_same_engine() -> None:
    model = scripted(echo)
    colder = model.with_sampling(temperature=0)
    assert (model.sampling.temperature, colder.sampling.temperature) == (1.0, 0.0)
    assert colder.engine is model.engine


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temprature": 1}, "no argument 'temprature'"),
        ({"temperature": -1}, "temperature=-1 is refused"),
        ({"n": 0}, "n=0"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        scripted(echo).invoke("hi", **arguments)


def test_an_unknown_sampling_setting_is_refused() -> None:
    with pytest.raises(UserError, match="no setting 'top_q'"):
        scripted(echo).with_sampling(top_q=1)


def test_messages_of_every_role_reach_the_engine_in_openai_shape() -> None:
    seen: list[Any] = []

    def listen(messages: Any, index: int) -> str:
        seen.append(messages)
        return "yes"

    model = scripted(listen)
    blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": "two"}, {"type": "text", "text": "blocks"}]
    model.invoke([SystemMessage("be brief"), HumanMessage("hi"), AIMessage("hm"), HumanMessage(blocks)])
    roles = [(message["role"], message["content"]) for message in seen[0]]
    assert roles[:3] == [("system", "be brief"), ("user", "hi"), ("assistant", "hm")]
    assert roles[3] == ("user", "two\nblocks")


def test_a_script_can_call_tools() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    broken = {"id": "2", "type": "function", "function": {"name": "add", "arguments": "{"}}
    answer = scripted([Completion(text="", tool_calls=(call, broken))]).invoke("hi")
    assert [each["args"] for each in answer.tool_calls] == [{"a": 1}]
    assert [each["id"] for each in answer.invalid_tool_calls] == ["2"]


async def test_many_tasks_at_once_keep_their_own_recorders(tmp_path: Path) -> None:
    model = scripted(echo, latency=0.01)
    run = Store.open(tmp_path / "run").start_run({})

    async def one(number: int) -> None:
        with recording(run.begin(Task(id=str(number), problem="p"), 0)) as recorder:
            assert recorder is not None
            await model.sample(f"task {number}")
            (turn,) = run.turns(recorder.rollout.id)
            assert turn.messages[0]["content"] == f"task {number}"

    await asyncio.gather(*(one(number) for number in range(20)))


async def test_a_blocking_call_inside_a_running_loop_works() -> None:
    model = scripted(echo)
    assert model.invoke("hi").content == "0: hi"
    assert "".join(str(chunk.content) for chunk in model.stream("hi")) == "0: hi"


def test_a_model_closes_at_the_end_of_its_block(tiny: Path) -> None:
    with connect(f"transformers:{tiny}") as model:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        model.invoke("hi")
