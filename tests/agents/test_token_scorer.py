from pathlib import Path

import pytest

from tutelage.agents.token_scorer import TokenScorer
from tutelage.errors import ContextTooLong, ModelDirectoryError, UserError

PAIRS = [
    ((3, 12, 30, 5), (20, 21, 22, 1)),
    ((3, 40), (9, 8, 7, 6, 5, 4, 50, 51, 52, 53, 1)),
    ((3, 12, 30, 30, 30, 30, 30, 30, 5), (33,)),
    ((3, 12, 30, 5), ()),
]


@pytest.fixture(scope="module")
def scorer(tiny: Path) -> TokenScorer:
    return TokenScorer(tiny, device="cpu")


def by_hand(directory: Path, prompt: tuple[int, ...], completion: tuple[int, ...]) -> list[list[float]]:
    """The whole distribution at every completion token: one sequence, no padding, in float64."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float64)
    with torch.inference_mode():
        logits = network(torch.tensor([[*prompt, *completion]])).logits[0]
    rows: list[list[float]] = torch.log_softmax(logits[len(prompt) - 1 : -1], dim=-1).tolist()
    return rows


@pytest.mark.parametrize("batch_tokens", [1, 16, 8192])
def test_log_probabilities_do_not_depend_on_the_company(tiny: Path, batch_tokens: int) -> None:
    scored = TokenScorer(tiny, device="cpu", batch_tokens=batch_tokens).logprobs_of(PAIRS)
    for (prompt, completion), given in zip(PAIRS, scored, strict=True):
        rows = by_hand(tiny, prompt, completion)
        wanted = [row[token] for row, token in zip(rows, completion, strict=True)]
        assert given == pytest.approx(wanted, abs=1e-4)


def test_the_k_likeliest_tokens_come_likeliest_first(scorer: TokenScorer, tiny: Path) -> None:
    for (prompt, completion), (ids, logprobs) in zip(PAIRS, scorer.top_k_of(PAIRS, 5), strict=True):
        rows = by_hand(tiny, prompt, completion)
        assert [len(each) for each in ids] == [5] * len(completion)
        for row, best, values in zip(rows, ids, logprobs, strict=True):
            assert values == pytest.approx(sorted(row, reverse=True)[:5], abs=1e-4)
            assert values == pytest.approx([row[token] for token in best], abs=1e-4)


def test_one_sequence_is_scored_as_in_a_batch(scorer: TokenScorer) -> None:
    prompt, completion = PAIRS[1]
    assert scorer.logprobs(prompt, completion) == pytest.approx(scorer.logprobs_of(PAIRS)[1], abs=1e-5)
    ids, logprobs = scorer.top_k(prompt, completion, scorer.vocabulary)
    chosen = [row[each.index(token)] for row, each, token in zip(logprobs, ids, completion, strict=True)]
    assert chosen == pytest.approx(scorer.logprobs(prompt, completion), abs=1e-5)


def test_nothing_to_score_is_nothing(scorer: TokenScorer) -> None:
    assert scorer.logprobs_of([]) == []
    assert scorer.logprobs((3,), ()) == []


def test_what_cannot_be_scored_is_said_before_anything_is_computed(scorer: TokenScorer, tiny: Path) -> None:
    with pytest.raises(UserError, match="sequence 1 has an empty prompt"):
        scorer.logprobs_of([((3,), (4,)), ((), (4,))])
    with pytest.raises(UserError, match="token id 640 of sequence 0 is none of the"):
        scorer.logprobs((3,), (640,))
    with pytest.raises(ContextTooLong, match="250 \\+ 7 tokens"):
        scorer.logprobs((3,) * 250, (4,) * 7)
    with pytest.raises(UserError, match="k must be from 1 to"):
        scorer.top_k((3,), (4,), 0)
    with pytest.raises(UserError, match="batch_tokens"):
        TokenScorer(tiny, batch_tokens=0)
    with pytest.raises(ModelDirectoryError):
        TokenScorer(tiny / "nowhere")


def test_it_names_the_weights_it_scores_with(scorer: TokenScorer, tiny: Path) -> None:
    from tutelage.agents import open_model_directory

    assert scorer.policy == open_model_directory(tiny).policy()
