from typing import TYPE_CHECKING

import pytest

from tutelage.tools.families import FAMILIES, make_tasks
from tutelage.training.embedded.corpus import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def test_every_digit_is_a_token(tokenizer: "PreTrainedTokenizerFast") -> None:
    for family in FAMILIES:
        for task in make_tasks(family, 4, 5, seed=1):
            tokens = tokenizer.tokenize(f"{task.problem}\n{task.solution}")
            assert not [token for token in tokens if len(token) > 1 and any(map(str.isdigit, token))]


@pytest.mark.parametrize(
    "text", ["85*6=510\nanswer: 510", "  Grüße,\t世界 🙂 \r\n\n", "\\frac{1}{2} <|x|>", "0"]
)
def test_any_text_comes_back_unchanged(tokenizer: "PreTrainedTokenizerFast", text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_prompts_become_few_tokens(tokenizer: "PreTrainedTokenizerFast") -> None:
    text = 'Solve it step by step, one step a line. End with a line "answer: X".'
    assert len(tokenizer.tokenize(text)) <= 6


def test_an_example_is_written_as_the_chat_template_writes_it(tokenizer: "PreTrainedTokenizerFast") -> None:
    from tutelage.training.embedded.tokenizer import chat

    given, learnt = chat(Example("Compute 2 + 3.", "2+3=5\nanswer: 5"))
    asked = [{"role": "user", "content": "Compute 2 + 3."}]
    said = [*asked, {"role": "assistant", "content": "2+3=5\nanswer: 5"}]
    assert tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == given
    assert tokenizer.apply_chat_template(said, tokenize=False) == given + learnt


def test_what_is_learnt_ends_with_the_end_of_a_turn(tokenizer: "PreTrainedTokenizerFast") -> None:
    from tutelage.training.embedded.tokenizer import chat

    _, learnt = chat(Example("?", "yes"))
    assert tokenizer(learnt, add_special_tokens=False)["input_ids"][-1] == tokenizer.eos_token_id


def test_the_same_examples_give_the_same_tokenizer(tokenizer: "PreTrainedTokenizerFast") -> None:
    from tutelage.training.embedded.tokenizer import make_tokenizer

    assert make_tokenizer(300).get_vocab() == tokenizer.get_vocab() != make_tokenizer(200).get_vocab()
