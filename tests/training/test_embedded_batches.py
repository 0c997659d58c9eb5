from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tutelage.training.embedded.corpus import Example, corpus

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tutelage.training.embedded.batches import Batch

TOKENS = 1024


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(islice(corpus(5, {}, 0.0), 400))


def batched(examples: list[Example], tokenizer: "PreTrainedTokenizerFast", seed: int = 0) -> list["Batch"]:
    from tutelage.training.embedded.batches import batches

    return list(batches(examples, tokenizer, TOKENS, Random(seed)))


@pytest.fixture(scope="module")
def made(examples: list[Example], tokenizer: "PreTrainedTokenizerFast") -> list["Batch"]:
    return batched(examples, tokenizer)


def read(tokenizer: "PreTrainedTokenizerFast", made: list["Batch"]) -> Counter[tuple[str, str]]:
    """What is given and learnt in every row, by the labels."""
    from tutelage.training.embedded.batches import IGNORED

    rows = Counter[tuple[str, str]]()
    for inputs, labels in made:
        for ids, learnt in zip(inputs, labels, strict=True):
            (at,) = np.nonzero(learnt != IGNORED)
            start, end = at[0], at[-1] + 1
            assert np.array_equal(ids[start:end], learnt[start:end])
            assert set(ids[end:].tolist()) <= {tokenizer.pad_token_id}
            rows[str(tokenizer.decode(ids[:start])), str(tokenizer.decode(ids[start:end]))] += 1
    return rows


def test_labels_are_left_out_exactly_on_prompts_and_padding(
    examples: list[Example], tokenizer: "PreTrainedTokenizerFast", made: list["Batch"]
) -> None:
    from tutelage.training.embedded.batches import IGNORED
    from tutelage.training.embedded.tokenizer import chat

    assert IGNORED == -100
    rows = read(tokenizer, made)
    assert rows.total() > 250
    assert rows <= Counter(map(chat, examples))


def test_batches_have_a_few_fixed_shapes(made: list["Batch"]) -> None:
    from tutelage.training.embedded.batches import WIDTHS

    shapes = {inputs.shape for inputs, _ in made}
    assert shapes <= {(max(TOKENS // width, 1), width) for width in WIDTHS}
    assert len(shapes) > 3
    assert all(labels.shape == inputs.shape for inputs, labels in made)


def test_every_row_is_in_the_narrowest_shape_that_holds_it(
    tokenizer: "PreTrainedTokenizerFast", made: list["Batch"]
) -> None:
    from tutelage.training.embedded.batches import WIDTHS

    narrower = dict(zip(WIDTHS, (0, *WIDTHS), strict=False))
    for inputs, _ in made:
        lengths = (inputs != tokenizer.pad_token_id).sum(axis=1)
        assert lengths.min() > narrower[inputs.shape[1]]


def test_only_the_last_rows_of_a_shape_are_left_out(
    examples: list[Example], tokenizer: "PreTrainedTokenizerFast", made: list["Batch"]
) -> None:
    from tutelage.training.embedded.batches import WIDTHS
    from tutelage.training.embedded.tokenizer import chat

    texts = ["".join(chat(example)) for example in examples]
    lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    expected = Counter(min(width for width in WIDTHS if width >= length) for length in lengths)
    rows = Counter[int]()
    for inputs, _ in made:
        rows[inputs.shape[1]] += len(inputs)
    for width, count in expected.items():
        full = max(TOKENS // width, 1)
        assert rows[width] == count // full * full


def test_what_fits_no_shape_is_left_out(tokenizer: "PreTrainedTokenizerFast") -> None:
    endless = [Example("Compute 1 + 1.", "1" * 600)] * 100
    assert batched(endless, tokenizer) == []


def test_the_seed_decides_the_order_only(
    examples: list[Example], tokenizer: "PreTrainedTokenizerFast", made: list["Batch"]
) -> None:
    again, other = batched(examples, tokenizer), batched(examples, tokenizer, seed=1)
    assert all(
        np.array_equal(a, b)
        for one, two in zip(made, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert [inputs.tolist() for inputs, _ in made] != [inputs.tolist() for inputs, _ in other]
    assert read(tokenizer, made) == read(tokenizer, other)
