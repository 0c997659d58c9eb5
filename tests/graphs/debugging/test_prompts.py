import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tutelage import Sampling, Task
from tutelage.agents import connect, embedded_directory
from tutelage.graphs.debugging.lineage import ancestors
from tutelage.graphs.debugging.prompts import prompt_view, quotations
from tutelage.graphs.debugging.spelling import Tokenizers
from tutelage.graphs.debugging.tokens import token_view
from tutelage.traces import RolloutRecorder, Run, Store, Turn, recording

TASK = Task(id="t1", problem="What is 6 times 7?")


@pytest.fixture
def run() -> Iterator[Run]:
    with Store.memory().start_run({}) as run:
        yield run


def say(recorder: RolloutRecorder, role: str, text: str, *messages: dict[str, Any], **more: Any) -> Turn:
    fields: dict[str, Any] = {"messages": messages, "sampling": Sampling(temperature=0.5), "node": role}
    known = {"model": "m", "policy": "p", "started": 0.0, "seconds": 0.0}
    return recorder.turn(role=role, completion=text, **fields | known | more)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_a_prompt_holds_all_that_was_asked(run: Run) -> None:
    tool = {"type": "function", "function": {"name": "calc"}}
    turn = say(run.begin(TASK), "solver", "42", user("?"), tools=[tool], tool_choice="auto", samples=2)
    view = prompt_view(turn)
    assert (view.role, view.node, view.call, view.samples) == ("solver", "solver", 0, 2)
    assert view.messages == ({"role": "user", "content": "?"},)
    assert (view.tools, view.tool_choice, view.sampling["temperature"]) == ((tool,), "auto", 0.5)
    assert (view.text, view.token_ids) == (None, None)
    assert view.why == "no token ids are on record: the engine of this turn gave none"


def test_the_text_is_what_the_recorded_ids_say(run: Run) -> None:
    turn = say(
        run.begin(TASK),
        "solver",
        "2",
        user("1+1"),
        model=f"vllm:{embedded_directory()}",
        prompt_token_ids=[3, 22, 16, 22, 1, 4],
    )
    view = prompt_view(turn, tokenizers=Tokenizers())
    assert (view.text, view.why) == ("<|user|>1+1<|end|><|assistant|>", None)


def test_parts_that_earlier_turns_said_are_marked(run: Run) -> None:
    recorder = run.begin(TASK)
    solution = say(recorder, "solver", "6*7=41 is it", user("?"))
    review = say(recorder, "reviewer", "wrong at step 1", user("?"), author="person")
    asked = "Solution: 6*7=41 is it\nReview: wrong at step 1\nAgain: wrong at step 11, 6*7=41 is it"
    found = quotations([user("Mend it."), user(asked)], [solution, review])
    assert [(each.message, asked[each.start : each.end], each.role, each.author) for each in found] == [
        (1, "6*7=41 is it", "solver", None),
        (1, "wrong at step 1", "reviewer", "person"),
        (1, "6*7=41 is it", "solver", None),
    ]


def test_a_short_answer_is_marked_only_where_it_is_a_whole_message(run: Run) -> None:
    turn = say(run.begin(TASK), "solver", "42", user("?"))
    messages = [user("Is it 42?"), {"role": "assistant", "content": "42"}, {"role": "tool", "content": None}]
    assert [(each.message, each.start, each.end) for each in quotations(messages, [turn])] == [(1, 0, 2)]


def test_of_overlapping_quotations_the_longest_counts(run: Run) -> None:
    recorder = run.begin(TASK)
    part, whole = (
        say(recorder, "a", "one two three", user("?")),
        say(recorder, "b", "zero one two three", user("?")),
    )
    (found,) = quotations([user("zero one two three.")], [part, whole])
    assert found.turn_id == whole.id


@pytest.mark.slow
def test_a_conversation_with_a_model_is_shown_as_it_was_read_and_said(run: Run) -> None:
    recorder = run.begin(TASK)
    with (
        connect("embedded+transformers", sampling=Sampling(temperature=0, max_tokens=24)) as model,
        recording(recorder),
    ):

        async def talk() -> None:
            answer = await model.ainvoke("What is 6*7?")
            await model.ainvoke([("user", "What is 6*7?"), answer, ("user", "Are you sure, é😀?")])

        asyncio.run(talk())
    first, second = run.turns()
    assert second.parents == (first.id,)
    earlier = ancestors(run, second.id)
    view = prompt_view(second, earlier=earlier)
    assert view.text is not None
    assert view.text.startswith("<|user|>What is 6*7?<|end|><|assistant|>") and "é😀" in view.text
    assert [each.message for each in view.quotations] == [1]
    (span,) = view.spans
    tokens = token_view(second, earlier=earlier)
    said = "".join(token.text or "" for token in tokens.prompt if token.turn_id == first.id)
    assert said == token_view(first).text and said.removesuffix("<|end|>") == first.completion
    assert tokens.text.removesuffix("<|end|>") == second.completion
    assert span.end - span.start == len(first.completion_token_ids or ())
    assert tokens.mean_logprob is not None and tokens.mean_logprob <= 0
