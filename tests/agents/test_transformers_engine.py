import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import ChatModel, Request, connect, open_model_directory
from tutelage.errors import ContextTooLong, ModelDirectoryError, UserError
from tutelage.types import Sampling

GREEDY = Sampling(temperature=0, max_tokens=12)


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[ChatModel]:
    with connect(f"transformers:{tiny}", sampling=GREEDY, batch_size=8) as model:
        yield model


def by_hand(directory: Path, prompt: list[int], sampled: list[int]) -> list[float]:
    """Log-probabilities by one plain forward pass."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(directory)
    with torch.inference_mode():
        logits = network(torch.tensor([prompt + sampled])).logits[0].float()
    rows = torch.log_softmax(logits[len(prompt) - 1 : -1], dim=-1)
    return [float(row[token]) for row, token in zip(rows, sampled, strict=True)]


async def test_what_is_recorded_is_what_the_network_computes(model: ChatModel, tiny: Path) -> None:
    (answer,) = await model.sample("1+1", sampling=Sampling(temperature=1.7, top_p=0.8, max_tokens=12))
    metadata = answer.response_metadata
    expected = by_hand(tiny, metadata["prompt_token_ids"], metadata["token_ids"])
    assert metadata["logprobs"] == pytest.approx(expected, abs=1e-4)
    assert metadata["policy"] == open_model_directory(tiny).policy()


async def test_padding_and_company_do_not_change_a_greedy_answer(model: ChatModel) -> None:
    questions = ["1", "what is 12+34?", "x" * 40]
    alone = [(await model.sample(question))[0] for question in questions]
    together = await asyncio.gather(*(model.sample(question) for question in questions))
    assert [answer.content for answer in alone] == [answers[0].content for answers in together]
    for one, (other,) in zip(alone, together, strict=True):
        assert one.response_metadata["logprobs"] == pytest.approx(
            other.response_metadata["logprobs"], abs=1e-3
        )


async def test_rows_of_one_batch_keep_their_own_budgets(model: ChatModel) -> None:
    budgets = [3, 9, 5]
    answers = await asyncio.gather(*(model.ainvoke("1+1", max_tokens=budget) for budget in budgets))
    assert [len(answer.response_metadata["token_ids"]) for answer in answers] == budgets
    assert {answer.response_metadata["finish_reason"] for answer in answers} == {"length"}


async def test_more_samples_than_a_batch_holds_come_in_several(model: ChatModel) -> None:
    assert len(await model.sample("1+1", n=19, sampling=Sampling(max_tokens=2))) == 19


async def test_a_stop_string_ends_the_text_before_it_and_keeps_its_tokens(model: ChatModel) -> None:
    (whole,) = await model.sample("1+1")
    stop = str(whole.content)[4:6]
    (cut,) = await model.sample("1+1", sampling=GREEDY.model_copy(update={"stop": (stop,)}))
    before = str(whole.content).index(stop)
    assert cut.content == str(whole.content)[:before]
    assert cut.response_metadata["finish_reason"] == "stop"
    assert len(cut.response_metadata["token_ids"]) == before + len(stop)
    chunks = [chunk async for chunk in model.astream("1+1", stop=[stop])]
    assert "".join(str(chunk.content) for chunk in chunks) == cut.content


async def test_a_stream_gives_the_same_as_the_whole(model: ChatModel) -> None:
    (whole,) = await model.sample("1+1")
    chunks = [chunk async for chunk in model.astream("1+1")]
    assert len(chunks) > 5
    assert "".join(str(chunk.content) for chunk in chunks) == whole.content
    assert chunks[-1].response_metadata["logprobs"] == pytest.approx(whole.response_metadata["logprobs"])


async def test_the_seed_fixes_the_samples(tiny: Path) -> None:
    async def samples(seed: int) -> list[str]:
        with connect(f"transformers:{tiny}", seed=seed) as model:
            return [str(a.content) for a in await model.sample("1+1", n=3, sampling=Sampling(max_tokens=8))]

    first = await samples(1)
    assert first == await samples(1) != await samples(2)
    assert len(set(first)) == 3


async def test_weights_are_taken_in_place_after_what_is_in_flight(tiny: Path, tiny_other: Path) -> None:
    with connect(f"transformers:{tiny}", sampling=GREEDY) as model:
        old, new = (open_model_directory(path).policy() for path in (tiny, tiny_other))
        in_flight = [asyncio.create_task(model.sample("1+1")) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(model.reload, tiny_other)
        assert {(await task)[0].response_metadata["policy"] for task in in_flight} == {old}
        (after,) = await model.sample("1+1")
    metadata = after.response_metadata
    assert metadata["policy"] == new
    expected = by_hand(tiny_other, metadata["prompt_token_ids"], metadata["token_ids"])
    assert metadata["logprobs"] == pytest.approx(expected, abs=1e-4)


def test_weights_that_do_not_fit_change_nothing(model: ChatModel, tiny_wider: Path) -> None:
    before = (model.policy, model.invoke("1+1").content)
    with pytest.raises(ModelDirectoryError, match="does not fit"):
        model.reload(tiny_wider)
    assert (model.policy, model.invoke("1+1").content) == before


def test_a_prompt_without_room_for_an_answer_is_refused_with_its_length(model: ChatModel) -> None:
    with pytest.raises(ContextTooLong, match=r"the prompt has 303 tokens and .* holds 256"):
        model.invoke("x" * 300)


def test_an_answer_gets_what_room_there_is(model: ChatModel) -> None:
    answer = model.invoke("x" * 250, max_tokens=50)
    assert len(answer.response_metadata["token_ids"]) == 256 - 253
    assert answer.response_metadata["finish_reason"] == "length"


def test_tools_are_refused_with_the_way_out(model: ChatModel) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    with pytest.raises(UserError, match="vllm serve --enable-auto-tool-choice"):
        model.bind_tools([add]).invoke("1+1")


def test_messages_that_the_template_refuses_are_named(tiny: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(tiny, tmp_path / "copy")
    template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}x"
    (copy / "chat_template.jinja").write_text(template)
    with connect(f"transformers:{copy}") as model, pytest.raises(UserError, match="no system here"):
        model.invoke([("system", "be brief"), ("user", "hi")])


async def test_the_engine_contract_holds_without_langchain(model: ChatModel) -> None:
    request = Request(
        ({"role": "user", "content": "1+1"},), GREEDY.model_copy(update={"logprobs": False}), n=2
    )
    answer = await model.engine.generate(request)
    assert len(answer.completions) == 2
    assert all(completion.logprobs is None for completion in answer.completions)
    pieces: list[Any] = [piece async for piece in model.engine.stream(Request(request.messages, GREEDY))]
    assert sum(len(piece.token_ids or ()) for piece in pieces) == 12
