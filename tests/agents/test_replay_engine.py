"""The replay engine under a chat model, without graphs: rollouts are recorders, calls are `sample` and `invoke`."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import Answer, ChatModel, Completion, Piece, ReplayEngine, connect, scripted
from tutelage.errors import ContextTooLong, EngineError, ReplayDivergence, StoreError, UserError
from tutelage.traces import RolloutRecorder, Run, Store, recording
from tutelage.types import Sampling, Task

TOOL = {"type": "function", "function": {"name": "add", "description": "", "parameters": {}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def task(name: str = "t1") -> Task:
    return Task(id=name, problem="?")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "recorded"


@contextmanager
def rollout(run: Run, name: str = "t1", repeat: int = 0) -> Iterator[RolloutRecorder]:
    """A rollout that is done at the end of the block."""
    recorder = run.begin(task(name), repeat)
    with recording(recorder):
        yield recorder
    recorder.finish("42")


@pytest.fixture
def new() -> Iterator[Run]:
    """Where replays are recorded."""
    with Store.memory().start_run({}) as run:
        yield run


async def record(directory: Path, model: ChatModel, *rollouts: Sequence[str]) -> None:
    """Record rollouts t1, t2, …, each asking its prompts one after another."""
    with Store.open(directory).start_run({}) as run:
        for number, prompts in enumerate(rollouts, 1):
            with rollout(run, f"t{number}"):
                for prompt in prompts:
                    await model.sample(prompt)


def replaying(directory: Path, **settings: Any) -> ChatModel:
    return connect(f"replay:{directory}", **settings)


def engine_of(model: ChatModel) -> ReplayEngine:
    assert isinstance(model.engine, ReplayEngine)
    return model.engine


def content(run: Run) -> list[dict[str, Any]]:
    """The turns apart from their ids and times."""
    own = {"id", "rollout_id", "started", "seconds", "parents"}
    return [turn.model_dump(exclude=own) for turn in run.turns()]


async def test_everything_that_was_said_comes_back_exactly(directory: Path, new: Run) -> None:
    said = [
        Completion("ä", "length", (1, 2), (-0.5, -0.25)),
        Completion("", "tool_calls", tool_calls=(CALLED,)),
        Completion("\udc80\0"),
    ]
    with Store.open(directory).start_run({}) as run, rollout(run):
        await scripted(said, name="weights").sample("hi", n=3, role="solver")
    with replaying(directory) as model, rollout(new):
        messages = await model.sample("hi", n=3, role="solver")
    assert [str(message.text) for message in messages] == ["ä", "", "\udc80\0"]
    assert messages[0].response_metadata["policy"] == "weights"
    assert messages[0].response_metadata["model_name"] == "weights"
    with Run.open(directory) as recorded:
        assert content(new) == content(recorded)


async def test_a_stream_is_the_recorded_text_and_its_tool_calls(directory: Path, new: Run) -> None:
    said = Completion("two words", "tool_calls", (1, 2), (-0.5, -0.25), (CALLED,))
    with Store.open(directory).start_run({}) as run, rollout(run):
        async for _ in scripted([said]).astream("hi"):
            pass
    with replaying(directory) as model, rollout(new):
        chunks = [chunk async for chunk in model.astream("hi")]
    assert "".join(str(chunk.text) for chunk in chunks) == "two words"
    with Run.open(directory) as recorded:
        assert content(new) == content(recorded)


async def test_what_was_asked_at_once_may_be_streamed_and_the_other_way_round(
    directory: Path, new: Run
) -> None:
    model = scripted(["one", "two"])
    with Store.open(directory).start_run({}) as run, rollout(run):
        await model.ainvoke("first")
        async for _ in model.astream("second"):
            pass
    with replaying(directory) as model, rollout(new):
        assert "".join([str(chunk.text) async for chunk in model.astream("first")]) == "one"
        assert (await model.ainvoke("second")).content == "two"


async def test_equal_requests_are_answered_in_recorded_order(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b", "c"]), ["same", "same"], ["same"])
    with replaying(directory) as model:
        with rollout(new, "t2"):
            assert (await model.ainvoke("same")).content == "c"
        with rollout(new, "t1"):
            assert [(await model.ainvoke("same")).content for _ in range(2)] == ["a", "b"]


async def test_equal_requests_whose_times_are_equal_are_answered_by_their_numbers(
    directory: Path, new: Run
) -> None:
    with Store.open(directory).start_run({}) as run, rollout(run) as recorder:
        for said in "abc":
            recorder.turn(
                role="model",
                messages=[{"role": "user", "content": "same"}],
                completion=said,
                sampling=Sampling(),
                model="m",
                policy="p",
                started=0.0,
                seconds=0.0,
            )
    with replaying(directory) as model:
        with rollout(new):
            assert [(await model.ainvoke("same")).content for _ in "abc"] == ["a", "b", "c"]
        assert [(await model.ainvoke("same")).content for _ in "abc"] == ["a", "b", "c"]


async def test_outside_a_rollout_requests_are_found_by_content_in_the_whole_run(directory: Path) -> None:
    await record(directory, scripted(["a", "b", "c"]), ["same", "other"], ["same"])
    with replaying(directory) as model:
        assert [(await model.ainvoke("same")).content for _ in range(2)] == ["a", "c"]
        assert (await model.ainvoke("other")).content == "b"
        with pytest.raises(ReplayDivergence, match="more often than it was recorded"):
            await model.ainvoke("same")
        with pytest.raises(ReplayDivergence, match=r"is call 0[\s\S]*-same\n\+new"):
            await model.ainvoke("new")


def test_synchronous_callers_replay_too(directory: Path, new: Run) -> None:
    asyncio.run(record(directory, scripted(["a"]), ["hi"]))
    with replaying(directory) as model, rollout(new):
        assert model.invoke("hi").content == "a"


async def test_models_of_one_run_share_their_place(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b", "c"]), ["same", "other", "same"])
    with replaying(directory) as solver, replaying(directory) as critic, rollout(new):
        assert (await solver.ainvoke("same")).content == "a"
        assert (await critic.ainvoke("other")).content == "b"
        assert (await critic.ainvoke("same")).content == "c"
        engine_of(solver).check()


async def test_a_closed_replay_begins_anew_when_it_is_opened_again(directory: Path) -> None:
    await record(directory, scripted(["a"]), ["hi"])
    for _ in range(2):
        with replaying(directory) as model:
            assert (await model.ainvoke("hi")).content == "a"
    with pytest.raises(EngineError, match="closed"):
        await model.ainvoke("hi")


CHANGES = [
    ({"temperature": 0.5}, r"temperature +1\.0 +0\.5"),
    ({"max_tokens": 9}, r"max_tokens +512 +9"),
    ({"stop": ["x"]}, r'stop +\[\] +\["x"\]'),
    ({"n": 2}, r"n +1 +2"),
    ({"tools": [TOOL]}, r'tools +\[\] +\["add"\]'),
]


@pytest.mark.parametrize(("change", "row"), CHANGES, ids=["temperature", "max_tokens", "stop", "n", "tools"])
async def test_a_changed_setting_is_shown_in_a_table(
    directory: Path, new: Run, change: dict[str, Any], row: str
) -> None:
    await record(directory, scripted(["a"]), ["hi"])
    recorder = new.begin(task())
    with (
        replaying(directory) as model,
        recording(recorder),
        pytest.raises(ReplayDivergence, match=row) as caught,
    ):
        await model.ainvoke("hi", **change)
    assert "task 't1', repeat 0: the caller asks call 0 (model) with other settings" in str(caught.value)
    assert "---" not in str(caught.value)


async def test_a_changed_prompt_is_shown_as_a_diff(directory: Path, new: Run) -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    await record(directory, scripted(["a"]), [text])
    recorder = new.begin(task())
    with replaying(directory) as model, recording(recorder), pytest.raises(ReplayDivergence) as caught:
        await model.ainvoke(text.replace("line 50", "line \x1b[31mfifty"))
    message = str(caught.value)
    assert "-line 50\n+line ⟨U+001B⟩[31mfifty\n" in message
    assert "line 40" not in message
    assert f"connect('replay:{directory}', live=MODEL)" in message


async def test_a_call_more_than_recorded_is_a_divergence(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a"]), ["hi"])
    recorder = new.begin(task())
    with replaying(directory) as model, recording(recorder):
        await model.ainvoke("hi")
        with pytest.raises(ReplayDivergence, match="all 1 recorded calls are answered"):
            await model.ainvoke("hi")


async def test_another_order_is_a_divergence_after_the_patience(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b"]), ["first", "second"])
    recorder = new.begin(task())
    too_early = r"call 1 \(model\) is asked too early: call 0 \(model\)"
    unexpected = pytest.raises(ReplayDivergence, match=too_early)
    with replaying(directory, patience=0.1) as model, recording(recorder), unexpected:
        await model.ainvoke("second")


async def test_the_first_divergence_is_the_answer_to_all_that_follows(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b"]), ["first", "second"])
    recorder = new.begin(task())
    with replaying(directory) as model, recording(recorder):
        for prompt in ("changed", "first"):
            with pytest.raises(ReplayDivergence, match=r"\+changed"):
                await model.ainvoke(prompt)


async def test_a_rollout_that_is_not_recorded_or_abandoned_is_a_divergence(directory: Path, new: Run) -> None:
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task())
        with recording(recorder):
            await scripted(["a"]).ainvoke("hi")
        recorder.abandon("interrupted")
        with rollout(run, "t2"):
            pass
    unknown = pytest.raises(ReplayDivergence, match="not in the record")
    with replaying(directory) as model, recording(new.begin(task())), unknown:
        await model.ainvoke("hi")


async def test_calls_that_were_never_asked_are_listed(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b", "c"]), ["first", "second", "third"])
    told = r"2 recorded calls were never asked[\s\S]*'t1', repeat 0: call 1"
    with replaying(directory) as model:
        with pytest.raises(ReplayDivergence, match=told), rollout(new):
            await model.ainvoke("first")
        with pytest.raises(ReplayDivergence, match=told):
            engine_of(model).check()


async def record_parallel(directory: Path, chains: dict[str, list[float]]) -> None:
    """Record calls NAME0, NAME1, … of parallel chains, whose answers take so many seconds."""
    with Store.open(directory).start_run({}) as run, rollout(run):

        async def chain(name: str, seconds: list[float]) -> None:
            for number, each in enumerate(seconds):
                model = scripted(lambda messages, _: messages[-1]["content"].upper(), latency=each)
                await model.sample(f"{name}{number}")

        await asyncio.gather(*(chain(name, seconds) for name, seconds in chains.items()))


async def test_parallel_nodes_may_ask_in_another_order_and_are_recorded_in_the_old_one(
    directory: Path, new: Run
) -> None:
    await record_parallel(directory, {"a": [0.02, 0.1, 0.02], "b": [0.05, 0.01, 0.1]})

    async def chain(model: ChatModel, name: str) -> None:
        for number in range(3):
            (message,) = await model.sample(f"{name}{number}")
            assert message.text == f"{name}{number}".upper()

    with replaying(directory) as model, rollout(new), Run.open(directory) as recorded:
        await asyncio.gather(chain(model, "b"), chain(model, "a"))
        engine_of(model).check()
        assert [turn.completion for turn in new.turns()] == [turn.completion for turn in recorded.turns()]


async def test_parallel_nodes_replay_from_threads(directory: Path, new: Run) -> None:
    await record_parallel(directory, {"a": [0.02, 0.1], "b": [0.05, 0.01]})

    def chain(model: ChatModel, name: str) -> None:
        for number in range(2):
            assert model.invoke(f"{name}{number}").content == f"{name}{number}".upper()

    with replaying(directory) as model, rollout(new):
        await asyncio.gather(asyncio.to_thread(chain, model, "b"), asyncio.to_thread(chain, model, "a"))
        engine_of(model).check()


async def test_calls_that_overlapped_may_be_asked_one_after_another(directory: Path, new: Run) -> None:
    await record_parallel(directory, {"a": [0.02], "b": [0.05]})
    with replaying(directory, patience=0.1) as model, rollout(new):
        for name in ("b0", "a0"):
            assert (await model.ainvoke(name)).content == name.upper()


async def test_a_call_that_had_ended_before_a_parallel_one_started_may_be_asked_after_it(
    directory: Path, new: Run
) -> None:
    await record(directory, scripted(["a", "b"]), ["first", "second"])
    with replaying(directory) as model, rollout(new):
        said = await asyncio.gather(model.ainvoke("second"), model.ainvoke("first"))
        assert [each.content for each in said] == ["b", "a"]
    assert [turn.completion for turn in new.turns()] == ["a", "b"]


async def test_a_missing_call_of_a_parallel_rollout_is_a_divergence_after_the_patience(
    directory: Path, new: Run
) -> None:
    await record_parallel(directory, {"a": [0.02, 0.02], "b": [0.03]})
    too_early = pytest.raises(ReplayDivergence, match=r"call 2 \(model\) is asked too early: call 0")
    with replaying(directory, patience=0.1) as model, recording(new.begin(task())), too_early:
        await model.ainvoke("a1")


async def test_a_recorded_error_is_raised_again_as_it_was(directory: Path, new: Run) -> None:
    class Short:
        name = policy = "short"
        context_length = 1

        async def generate(self, request: object) -> None:
            raise ContextTooLong("the prompt is too long")

    with Store.open(directory).start_run({}) as run, rollout(run), pytest.raises(ContextTooLong):
        await ChatModel(engine=Short()).ainvoke("hi")
    with replaying(directory) as model, rollout(new):
        with pytest.raises(ContextTooLong, match=r"^the prompt is too long$"):
            await model.ainvoke("hi")
        engine_of(model).check()
    (turn,) = new.turns()
    assert turn.error == "the prompt is too long"


async def test_a_stream_that_was_left_may_be_left_again_but_not_read_on(directory: Path, new: Run) -> None:
    async def leave(model: ChatModel) -> None:
        stream = model.astream("hi")
        async for chunk in stream:
            if "two" in str(chunk.text):
                break
        await stream.aclose()  # type: ignore[attr-defined]

    with Store.open(directory).start_run({}) as run:
        for repeat in range(3):
            with rollout(run, repeat=repeat):
                await leave(scripted(["one two three"]))
    read_on = pytest.raises(ReplayDivergence, match="is waited for, but the recorded caller had left it")
    with replaying(directory, patience=0.1) as model:
        with rollout(new):
            await leave(model)
        (turn,) = new.turns()
        assert (turn.completion, turn.error) == ("one two", "the reader left before the end")
        with recording(new.begin(task(), 1)), read_on:
            async for _ in model.astream("hi"):
                pass
        with recording(new.begin(task(), 2)), read_on:
            await model.ainvoke("hi")


class Slow:
    """Says each text, its words one by one, after as many seconds as stand before it."""

    name = policy = "slow"
    context_length = None

    def __init__(self, *said: tuple[float, str]) -> None:
        self._said = list(said)

    async def generate(self, request: object) -> Answer:
        seconds, text = self._said.pop(0)
        await asyncio.sleep(seconds)
        return Answer((Completion(text),))

    async def stream(self, request: object) -> AsyncIterator[Piece]:
        seconds, text = self._said.pop(0)
        for word in text.split():
            yield Piece(word)
            await asyncio.sleep(seconds)


def slow(*said: tuple[float, str]) -> ChatModel:
    return ChatModel(engine=Slow(*said))


async def test_equal_requests_at_once_are_answered_in_the_order_in_which_they_started(
    directory: Path, new: Run
) -> None:
    async def ask(model: ChatModel) -> list[Any]:
        return [each.content for each in await asyncio.gather(*(model.ainvoke("same") for _ in range(3)))]

    said = ["first", "second", "third"]
    with Store.open(directory).start_run({}) as run, rollout(run):
        assert await ask(slow((0.06, "first"), (0.04, "second"), (0.02, "third"))) == said
    with replaying(directory) as model, rollout(new), Run.open(directory) as recorded:
        assert await ask(model) == said
        assert [each.completion for each in new.turns()] == [each.completion for each in recorded.turns()]


async def test_equal_requests_of_several_roles_are_answered_each_by_its_own(
    directory: Path, new: Run
) -> None:
    async def ask(model: ChatModel, *roles: str) -> list[Any]:
        said = await asyncio.gather(*(model.ainvoke("same", role=role) for role in roles))
        return [each.content for each in said]

    with Store.open(directory).start_run({}) as run:
        for repeat in range(3):
            with rollout(run, repeat=repeat):
                await ask(slow((0.04, "to a"), (0.02, "to b")), "a", "b")
    with replaying(directory) as model:
        for repeat, roles in enumerate([("a", "b"), ("b", "a"), ("c", "b")]):
            with rollout(new, repeat=repeat):
                expected = ["to a" if role == "c" else f"to {role}" for role in roles]
                assert await ask(model, *roles) == expected


async def give_up(model: ChatModel, seconds: float = 0.1) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke("slow?"), seconds)


async def test_a_call_that_was_given_up_is_given_up_again(directory: Path, new: Run) -> None:
    with Store.open(directory).start_run({}) as run, rollout(run):
        model = slow((9, "late"), (0, "fine"))
        await give_up(model)
        await model.ainvoke("then?")
    with replaying(directory) as model, rollout(new):
        await give_up(model)
        assert (await model.ainvoke("then?")).content == "fine"
        engine_of(model).check()
    assert [turn.error for turn in new.turns()] == ["the caller gave up before the answer", None]


async def test_the_losers_of_a_race_lose_again(directory: Path, new: Run) -> None:
    async def race(model: ChatModel) -> Any:
        runners = [asyncio.create_task(model.ainvoke("same")) for _ in range(3)]
        (won,), lost = await asyncio.wait(runners, return_when=asyncio.FIRST_COMPLETED)
        for each in lost:
            each.cancel()
        await asyncio.wait(lost)
        return runners.index(won), won.result().content

    with Store.open(directory).start_run({}) as run, rollout(run):
        assert await race(slow((9, "a"), (0.05, "b"), (9, "c"))) == (1, "b")
    with replaying(directory) as model, rollout(new):
        assert await race(model) == (1, "b")
        engine_of(model).check()


async def test_a_caller_that_waits_where_the_recorded_one_gave_up_leaves_the_record(
    directory: Path, new: Run
) -> None:
    with Store.open(directory).start_run({}) as run:
        for repeat in range(2):
            with rollout(run, repeat=repeat):
                await give_up(slow((9, "late")))
    left = pytest.raises(ReplayDivergence, match=r"had left it after 0\.\d+ seconds")
    with replaying(directory, patience=0.1) as model, recording(new.begin(task())), left:
        await model.ainvoke("slow?")
    with replaying(directory, patience=0.1, live=slow((0, "at last"))) as model, rollout(new, repeat=1):
        assert (await model.ainvoke("slow?")).content == "at last"
        assert engine_of(model).went_live == [("t1", 1)]


async def test_a_stream_that_was_too_slow_is_too_slow_again(directory: Path, new: Run) -> None:
    async def read(model: ChatModel) -> list[str]:
        words: list[str] = []

        async def listen() -> None:
            async for chunk in model.astream("hi"):
                words.append(str(chunk.text))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listen(), 0.1)
        return words

    with Store.open(directory).start_run({}) as run, rollout(run):
        assert await read(slow((0.07, "one two three"))) == ["one", "two"]
    with replaying(directory) as model, rollout(new):
        assert await read(model) == ["onetwo"]
        engine_of(model).check()


@pytest.mark.parametrize("name", ["t1", "t2"], ids=["changed prompt", "unknown rollout"])
async def test_a_divergence_that_nobody_minded_is_raised_at_the_end(
    directory: Path, new: Run, name: str
) -> None:
    await record(directory, scripted(["a"]), ["hi"])
    with replaying(directory) as model:
        with pytest.raises(ReplayDivergence) as caught, rollout(new, name), suppress(ReplayDivergence):
            await model.ainvoke("changed")
        assert engine_of(model).diverged == [(name, 0)]
        with pytest.raises(ReplayDivergence) as again:
            engine_of(model).check()
    assert str(again.value) == str(caught.value)
    assert not new.rollouts("done")


async def test_calls_are_read_also_after_the_run_is_released(directory: Path) -> None:
    with Store.open(directory).start_run({}) as run:
        with rollout(run) as recorder:
            await scripted(["a"]).ainvoke("hi")
        before = run.calls(recorder.rollout.id)
        run.release()
        assert run.calls(recorder.rollout.id) == before


async def test_a_rollout_goes_on_live_from_its_divergence(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a", "b", "c"], name="old"), ["first", "second"], ["first"])
    new_words = scripted(lambda messages, _: "live", name="new")
    with replaying(directory, live=new_words) as model:
        with rollout(new, "t1"):
            assert [(await model.ainvoke(each)).content for each in ("first", "changed", "second")] == [
                "a",
                "live",
                "live",
            ]
        with rollout(new, "t3"):
            assert "".join([str(chunk.text) async for chunk in model.astream("x")]) == "live"
        assert engine_of(model).went_live == [("t1", 0)]
        engine_of(model).check()
    assert [(turn.model, turn.policy) for turn in new.turns()] == [("old", "old"), *[("new", "new")] * 3]
    assert (await new_words.ainvoke("still open")).content == "live"


async def test_what_matches_ignore_may_change(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a"]), ["today is 2026-01-01, hi"])
    with replaying(directory, ignore=r"\d{4}-\d\d-\d\d") as model, rollout(new):
        assert (await model.ainvoke("today is 2027-12-31, hi")).content == "a"


async def test_sampling_is_what_the_caller_says(directory: Path, new: Run) -> None:
    await record(directory, scripted(["a"], sampling=Sampling(temperature=0)), ["hi"])
    with replaying(directory, sampling=Sampling(temperature=0)) as model, rollout(new):
        assert (await model.ainvoke("hi")).content == "a"


def test_what_cannot_be_replayed_is_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run is recorded"):
        replaying(tmp_path / "nothing")
    asyncio.run(record(directory, scripted(["a"]), ["hi"]))
    with pytest.raises(UserError, match="its settings are: ignore, patience"):
        replaying(directory, patient=3)
    with pytest.raises(UserError, match="no regular expression"):
        replaying(directory, ignore="(")
    with pytest.raises(UserError, match="live=3 is no chat model"):
        replaying(directory, live=3)
    with replaying(directory) as model, pytest.raises(UserError, match="cannot take the weights"):
        model.reload(tmp_path)


async def test_only_the_calls_of_rollouts_under_way_are_kept(directory: Path, new: Run) -> None:
    await record(directory, scripted(lambda messages, _: "a"), *[["hi"]] * 20)
    with replaying(directory) as model:
        for number in range(1, 21):
            with rollout(new, f"t{number}"):
                await model.ainvoke("hi")
        assert len(engine_of(model)._record._places) <= 1
