import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.graphs.debugging.spelling import Tokenizers, tokenizer_directory
from tutelage.graphs.debugging.tokens import token_view
from tutelage.traces import Turn

TOKENIZERS = Tokenizers()
SPELLING = TOKENIZERS.of(embedded_directory())
MODEL = f"transformers:{embedded_directory()}"


def cut(text: str) -> list[int]:
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(embedded_directory() / "tokenizer.json"))
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


def turn(
    said: Sequence[int] | None, logprobs: Sequence[float] | None = None, model: str = MODEL, **more: Any
) -> Turn:
    return Turn(
        id=more.pop("id", "a"),
        rollout_id="r",
        role="solver",
        call=0,
        messages=({"role": "user", "content": "?"},),
        completion=more.pop("completion", ""),
        completion_token_ids=None if said is None else tuple(said),
        logprobs=None if logprobs is None else tuple(logprobs),
        sampling={},
        model=model,
        policy="p",
        started=0.0,
        seconds=0.0,
        **more,
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_texts_joined_are_the_completion_with_its_special_marks(text: str) -> None:
    ids = [*cut(text), 1]
    view = token_view(turn(ids), tokenizers=TOKENIZERS)
    assert view.text == SPELLING.whole(ids)
    assert view.text == f"{text}<|end|>"
    assert [token.special for token in view.tokens] == [False] * (len(ids) - 1) + [True]


@given(st.text("aé€😀 \n1", max_size=30), st.integers(0, 60), st.integers(0, 20))
def test_a_page_says_what_the_whole_says_there(text: str, offset: int, limit: int) -> None:
    said = turn(cut(text), [-0.5] * len(cut(text)), prompt_token_ids=cut(text))
    whole = token_view(said, tokenizers=TOKENIZERS)
    page = token_view(
        said, None, offset, limit, tokenizers=TOKENIZERS, prompt_offset=offset, prompt_limit=limit
    )
    assert page.tokens == whole.tokens[offset : offset + limit]
    assert page.prompt == whole.prompt[offset : offset + limit]
    assert (page.count, page.prompt_count, page.most) == (whole.count, whole.prompt_count, whole.most)


@given(st.lists(st.integers(0, 628), max_size=40))
def test_any_ids_are_spelled_without_losing_any(ids: list[int]) -> None:
    assert token_view(turn(ids), tokenizers=TOKENIZERS).text == SPELLING.whole(ids)


def test_a_character_of_several_tokens_stands_at_its_last_one() -> None:
    view = token_view(turn(cut("1😀")), tokenizers=TOKENIZERS)
    assert [token.text for token in view.tokens] == ["1", "", "", "", "😀"]


def test_surprise_is_in_bits_and_the_most_surprising_come_first() -> None:
    view = token_view(
        turn(cut("1+1=2"), [-math.log(2), 0.0, -math.log(8), -math.log(2), -math.inf]),
        tokenizers=TOKENIZERS,
        most=3,
    )
    assert [token.surprise for token in view.tokens] == pytest.approx([1.0, 0.0, 3.0, 1.0, None])
    assert [token.place for token in view.surprising()] == [4, 2, 0]
    assert [token.rank for token in view.tokens] == [3, None, 2, None, 1]
    assert view.surprising(1)[0].text == "2"
    assert (view.mean_logprob, view.perplexity, view.bits) == (None, None, None)


def test_mean_perplexity_and_bits_are_of_the_whole_completion() -> None:
    view = token_view(turn(cut("1+1"), [-math.log(2), -math.log(4), 0.0]), None, 1, 1, tokenizers=TOKENIZERS)
    assert [token.text for token in view.tokens] == ["+"]
    assert view.mean_logprob == pytest.approx(-math.log(2))
    assert view.perplexity == pytest.approx(2.0)
    assert view.bits == pytest.approx(3.0)


def test_a_persons_tokens_are_flagged() -> None:
    view = token_view(turn(cut("42"), author="person"), tokenizers=TOKENIZERS)
    assert {token.author for token in view.tokens} == {"person"} and view.author == "person"
    unspelled = token_view(turn(None, author="person", completion="42"), tokenizers=TOKENIZERS)
    assert (unspelled.available, unspelled.why) == (
        False,
        "written by person, so no tokens were sampled",
    )


def test_tokens_of_the_prompt_name_the_turn_that_said_them() -> None:
    asked, said, rest = cut("6*7?"), [*cut("41"), 1], cut("sure?")
    first = turn(said, prompt_token_ids=tuple(asked), id="first", author="person")
    later = turn([1], prompt_token_ids=(*asked, *said, *rest), id="later")
    view = token_view(later, tokenizers=TOKENIZERS, earlier=[first])
    marked = [token.place for token in view.prompt if token.turn_id == "first"]
    assert marked == list(range(len(asked), len(asked) + len(said)))
    assert {token.author for token in view.prompt} == {None, "person"}


@pytest.mark.parametrize(
    "model, why",
    [
        ("scripted", "no tokenizer of scripted is at hand"),
        ("http://127.0.0.1:8000/v1#model", "no tokenizer of http://127.0.0.1:8000/v1#model is at hand"),
        ("vllm:/nowhere", "no tokenizer of vllm:/nowhere is at hand"),
        ("vllm:\0", "no tokenizer of"),
        ("vllm:/tmp", "'/tmp' has no tokenizer.json"),
    ],
)
def test_without_a_tokenizer_ids_stay_and_the_view_says_why(model: str, why: str) -> None:
    view = token_view(turn([5, 6], [-1.0, -2.0], model=model))
    assert [(token.id, token.text) for token in view.tokens] == [(5, None), (6, None)]
    assert view.available and view.why is not None and why in view.why


def test_ids_of_another_tokenizer_are_not_spelled() -> None:
    view = token_view(turn([5, 100_000]), tokenizers=TOKENIZERS)
    assert view.tokens[0].text is None
    assert view.why is not None and "has not all of these ids" in view.why


def test_logprobs_of_a_server_without_ids_are_listed() -> None:
    view = token_view(turn(None, [-1.0]), tokenizers=TOKENIZERS)
    assert [(token.id, token.logprob) for token in view.tokens] == [(None, -1.0)]
    assert view.why == "no token ids are on record: the engine of this turn gave none"


def test_a_broken_tokenizer_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json' is no tokenizer: .*"):
        Tokenizers().of(tmp_path)
    assert token_view(turn([1], model=f"vllm:{tmp_path}")).tokens[0].text is None


def test_a_tokenizer_is_loaded_once_until_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes((embedded_directory() / "tokenizer.json").read_bytes())
    known = Tokenizers()
    first = known.of(tmp_path)
    assert known.of(str(tmp_path)) is first
    file.touch()
    assert known.of(tmp_path) is not first


def test_the_directory_is_found_in_the_models_name(tmp_path: Path) -> None:
    assert tokenizer_directory("vllm:/models/a#critic") == Path("/models/a")
    assert tokenizer_directory("transformers:models/a") == Path("models/a")
    assert tokenizer_directory("scripted") is None and tokenizer_directory("replay:") is None
    assert tokenizer_directory(f"http://host/v1#{embedded_directory()}") == embedded_directory()
    assert tokenizer_directory("http://host/v1#/nowhere") is None
