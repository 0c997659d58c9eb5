"""Training batches: examples of like length together, padded to a few fixed shapes.

Fixed shapes let the compiled model run without recompiling. Labels are -100 on prompts and padding.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from tutelage.training.embedded.corpus import Example
from tutelage.training.embedded.tokenizer import chat

__all__ = ["IGNORED", "batches"]

IGNORED = -100
WIDTHS = (48, 64, 80, 112, 160, 256, 512)

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]


def batches(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, tokens_per_batch: int, rng: Random
) -> Iterator[Batch]:
    """Inputs and labels, each `[rows, width]`, with about `tokens_per_batch` tokens; the last few rows are left out."""
    pairs = [chat(example) for example in examples]
    prompts = tokenizer([given for given, _ in pairs], add_special_tokens=False)["input_ids"]
    answers = tokenizer([learnt for _, learnt in pairs], add_special_tokens=False)["input_ids"]
    shelves: dict[int, list[tuple[list[int], list[int]]]] = defaultdict(list)
    full = []
    for prompt, answer in zip(prompts, answers, strict=True):
        width = next((width for width in WIDTHS if width >= len(prompt) + len(answer)), None)
        if width is None:
            continue
        shelves[width].append((prompt, answer))
        if len(shelves[width]) == max(tokens_per_batch // width, 1):
            full.append((width, shelves.pop(width)))
    rng.shuffle(full)
    for width, rows in full:
        yield stacked(rows, width, tokenizer.pad_token_id)


def stacked(rows: Sequence[tuple[list[int], list[int]]], width: int, pad: int) -> Batch:
    """One batch of prompts and answers."""
    inputs = np.full((len(rows), width), pad, dtype=np.int64)
    labels = np.full((len(rows), width), IGNORED, dtype=np.int64)
    for row, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        inputs[row, :end] = prompt + answer
        labels[row, len(prompt) : end] = answer
    return inputs, labels
