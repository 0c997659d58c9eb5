from pathlib import Path

import pytest

from tutelage.agents import Request, ScriptedEngine, scripted
from tutelage.errors import UserError
from tutelage.types import Sampling

ASK = ({"role": "user", "content": "hi"},)


async def test_a_sequence_is_used_up_in_order_and_then_refused() -> None:
    engine = ScriptedEngine(["a", "b", "c"])
    answer = await engine.generate(Request(ASK, n=2))
    assert [completion.text for completion in answer.completions] == ["a", "b"]
    with pytest.raises(UserError, match="only 3 answers"):
        await engine.generate(Request(ASK, n=2))


async def test_text_that_is_not_unicode_has_no_token_ids() -> None:
    answer = await ScriptedEngine(["\udc80"]).generate(Request(ASK))
    assert answer.completions[0].token_ids is None
    assert answer.completions[0].logprobs is None


async def test_max_tokens_cuts_at_a_whole_character() -> None:
    answer = await ScriptedEngine(["ää"]).generate(Request(ASK, Sampling(max_tokens=3)))
    completion = answer.completions[0]
    assert (completion.text, completion.finish_reason, len(completion.token_ids or ())) == ("ä", "length", 3)


async def test_the_pieces_of_a_stream_are_the_whole() -> None:
    engine = ScriptedEngine(lambda messages, index: " two  words\n")
    pieces = [piece async for piece in engine.stream(Request(ASK))]
    assert "".join(piece.text for piece in pieces) == " two  words\n"
    assert pieces[-1].finish_reason == "stop"


def test_reloading_changes_the_policy(tmp_path: Path) -> None:
    model = scripted(["a"])
    model.reload(tmp_path)
    assert model.policy == tmp_path.name
    with pytest.raises(UserError, match="no directory"):
        model.reload(tmp_path / "nowhere")
