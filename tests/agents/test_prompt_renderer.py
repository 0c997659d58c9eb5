"""A prompt that quotes what the engine said goes on from the ids that were sampled."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.agents import Completion, Request, connect, embedded_directory, open_model_directory
from tutelage.agents.engines.prompt_renderer import PromptRenderer
from tutelage.agents.engines.sampled_memory import SampledMemory
from tutelage.errors import UserError
from tutelage.types import Sampling

END = 1
SAID = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
TEMPLATES = {
    "trims": SAID.replace("content'] }}", "content'] | trim }}") + "<|end|>{% endfor %}<|assistant|>",
    "drops": SAID.replace("content'] }}", "content'].split('</think>')[-1] }}")
    + "<|end|>{% endfor %}<|assistant|>",
    "closes with a line": SAID + "<|end|>\n{% endfor %}<|assistant|>",
    "never ends an answer": SAID + "{% endfor %}<|assistant|>",
}


def renderer(folder: Path, template: str | None = None) -> PromptRenderer:
    """The embedded model's tokenizer, with another chat template where one is named."""
    copy = shutil.copytree(embedded_directory(), folder / "model", dirs_exist_ok=True)
    if template is not None:
        (copy / "chat_template.jinja").write_text(TEMPLATES[template])
    return PromptRenderer(open_model_directory(copy))


@pytest.fixture(scope="module")
def embedded() -> PromptRenderer:
    return PromptRenderer(open_model_directory(embedded_directory()))


def asked(*said: str, **sampling: Any) -> Request:
    """A conversation of user and assistant in turns."""
    roles = ("user", "assistant")
    messages = tuple({"role": roles[at % 2], "content": text} for at, text in enumerate(said))
    return Request(messages, Sampling(**sampling))


def speaks(
    prompts: PromptRenderer, request: Request, ids: Sequence[int], reason: str
) -> tuple[str, tuple[int, ...]]:
    """Answer with these ids; gives the text, and everything read and said."""
    prompt = prompts.render(request)
    text = prompts.decode(ids[:-1] if reason == "stop" and ids[-1] == END else ids)
    prompts.remember(request, prompt, Completion(text, reason, tuple(ids), (0.0,) * len(ids)))
    return text, (*prompt, *ids)


Ids = st.lists(st.integers(2, 639), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(first=Ids, second=Ids, ended=st.booleans())
def test_a_conversation_only_ever_grows_by_ids_whatever_was_sampled(
    embedded: PromptRenderer, first: list[int], second: list[int], ended: bool
) -> None:
    reason, end = ("stop", [END]) if ended else ("length", [])
    opening = asked("What is 2+2?")
    text, before = speaks(embedded, opening, first + end, reason)
    again = asked("What is 2+2?", text, "Sure?")
    assert embedded.render(again)[: len(before)] == before
    more, longer = speaks(embedded, again, second + end, reason)
    assert longer[: len(before)] == before
    last = embedded.render(asked("What is 2+2?", text, "Sure?", more, "And 3+3?"))
    assert last[: len(longer)] == longer
    assert embedded.decode(last[len(longer) :]) == "And 3+3?"


def test_what_was_cut_otherwise_than_the_tokenizer_would_is_kept(embedded: PromptRenderer) -> None:
    letters = [embedded.render(asked(letter))[1] for letter in "answer"]
    text, before = speaks(embedded, asked("hi"), [*letters, END], "stop")
    assert text == "answer"
    fresh = PromptRenderer(open_model_directory(embedded_directory()))
    conversation = asked("hi", text, "ho")
    assert fresh.render(conversation)[: len(before)] != before
    assert embedded.render(conversation)[: len(before)] == before


def test_of_two_answers_that_read_the_same_the_one_that_the_caller_carries_is_quoted(
    embedded: PromptRenderer,
) -> None:
    letters = tuple(embedded.render(asked(letter))[1] for letter in "answer")
    word = embedded.render(asked("answer"))[1:-2]
    assert len(word) < len(letters)
    prompt = embedded.render(asked("which?"))
    for ids in (letters, word):
        speaks(embedded, asked("which?"), [*ids, END], "stop")
    conversation = asked("which?", "answer", "ho")
    for ids in (letters, word):
        carried = replace(conversation, quoted={1: (prompt, (*ids, END))})
        assert embedded.render(carried)[: len(prompt) + len(ids) + 1] == (*prompt, *ids, END)


def test_what_the_caller_carries_is_quoted_after_a_restart_where_it_says_the_text(
    embedded: PromptRenderer,
) -> None:
    letters = tuple(embedded.render(asked(letter))[1] for letter in "answer")
    fresh = PromptRenderer(open_model_directory(embedded_directory()))
    prompt, conversation = fresh.render(asked("hi")), asked("hi", "answer", "ho")
    anew = fresh.render(conversation)
    carried = fresh.render(replace(conversation, quoted={1: (prompt, letters)}))
    assert carried[: len(prompt) + len(letters)] == (*prompt, *letters) != anew[: len(prompt) + len(letters)]
    for wrong in (
        (prompt, letters[1:]),
        (prompt[1:2], letters),
        (prompt, (10**6,)),
        (prompt, (-1,)),
        (prompt, ()),
    ):
        assert fresh.render(replace(conversation, quoted={1: wrong})) == anew


def test_what_the_caller_changed_is_read_as_it_stands(embedded: PromptRenderer) -> None:
    text, before = speaks(embedded, asked("hi"), [100, 200, 300, END], "stop")
    fresh = PromptRenderer(open_model_directory(embedded_directory()))
    for conversation in (asked("hi", text + "!", "ho"), asked("other", text, "ho")):
        assert embedded.render(conversation) == fresh.render(conversation)
        assert embedded.render(conversation)[: len(before)] != before


def test_an_answer_that_a_length_cut_off_is_closed_by_the_template(embedded: PromptRenderer) -> None:
    text, before = speaks(embedded, asked("hi"), [100, 200], "length")
    after = embedded.render(asked("hi", text, "ho"))
    assert after[: len(before) + 1] == (*before, END)


def test_an_answer_up_to_a_stop_string_goes_on_from_before_it(embedded: PromptRenderer) -> None:
    (stop,) = {embedded.render(asked("\n"))[1]}
    request = asked("hi", stop=("\n",))
    prompt = embedded.render(request)
    text = embedded.decode([100, 200])
    embedded.remember(request, prompt, Completion(text, "stop", (100, 200, stop), (0.0,) * 3))
    after = embedded.render(asked("hi", text, "ho"))
    assert after[: len(prompt) + 3] == (*prompt, 100, 200, END)


@pytest.mark.parametrize("template", ["trims", "closes with a line"])
def test_a_template_may_trim_an_answer_and_close_it_at_length(tmp_path: Path, template: str) -> None:
    prompts = renderer(tmp_path, template)
    space = prompts.render(asked("a b"))[2]
    text, before = speaks(prompts, asked("hi"), [100, space, END], "stop")
    after = prompts.render(asked("hi", text, "ho"))
    assert after[: len(before)] == before
    assert after.count(END) == 3


@pytest.mark.parametrize("template", ["drops", "never ends an answer"])
def test_a_template_that_shows_something_else_is_followed(tmp_path: Path, template: str) -> None:
    prompts = renderer(tmp_path, template)
    thinking = prompts.render(asked("x</think>yes"))[1:-2]
    speaks(prompts, asked("hi"), [*thinking, END], "stop")
    conversation = asked("hi", "x</think>yes", "ho")
    fresh = PromptRenderer(open_model_directory(tmp_path / "model"))
    assert prompts.render(conversation) == fresh.render(conversation)


def test_a_memory_forgets_what_was_unused_for_longest() -> None:
    memory = SampledMemory(tokens=10)
    for number in range(3):
        memory.add("prompt", str(number), [number] * 3, ended=True)
    assert memory.find("prompt", "0") is not None
    memory.add("prompt", "3", [3] * 3, ended=True)
    assert [memory.find("prompt", str(number)) is not None for number in range(4)] == [
        True,
        False,
        True,
        True,
    ]


def test_text_that_is_no_unicode_is_refused_with_the_reason(embedded: PromptRenderer) -> None:
    with pytest.raises(UserError, match="valid Unicode"):
        embedded.render(asked("\ud800"))


async def test_a_conversation_on_an_engine_drifts_nowhere_at_any_temperature() -> None:
    with connect("embedded+transformers", sampling=Sampling(temperature=2.0, max_tokens=24)) as model:
        for number in range(4):
            said: list[Any] = [("user", f"What is {number}+{number}?")]
            before: list[int] = []
            for streamed in (False, True, False):
                if streamed:
                    answer = [chunk async for chunk in model.astream(said)]
                    text, metadata = (
                        "".join(str(each.content) for each in answer),
                        answer[-1].response_metadata,
                    )
                else:
                    (message,) = await model.sample(said)
                    text, metadata = str(message.content), message.response_metadata
                assert metadata["prompt_token_ids"][: len(before)] == before
                before = metadata["prompt_token_ids"] + metadata["token_ids"]
                said += [("assistant", text), ("user", "Sure?")]
