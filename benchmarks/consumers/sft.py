"""`sft` in its three shapes, read by `trl.SFTTrainer`: the mean negative log-probability of the learnt tokens."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from benchmarks.consumers.bench import Bench, Consumed, lineage, one_step
from benchmarks.consumers.plain import Plain, encode, render

__all__ = ["consume", "messages", "prompt_completion", "tokens"]

LEARNT_TURNS = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""The embedded model's chat template with the marks by which TRL finds what an assistant said."""

Learnt = list[tuple[list[int], list[int]]]
"""Parts of one row: tokens before, and the tokens after them that carry loss."""


def messages(rows: Any, bench: Bench) -> Consumed:
    """Whole conversations; every assistant's message is learnt."""
    bench = Bench(bench.directory, bench.folder, bench.tasks)
    bench.tokenizer.chat_template = LEARNT_TURNS
    return consume(rows, bench, lambda row: _turns(bench, row["messages"]), assistant_only_loss=True)


def prompt_completion(rows: Any, bench: Bench) -> Consumed:
    """A prompt and what follows; the completion is learnt."""
    return consume(rows, bench, lambda row: [_answer(bench, row["prompt"], row["completion"])])


def tokens(rows: Any, bench: Bench) -> Consumed:
    """Recorded ids with labels; nothing is tokenized again."""
    return consume(rows, bench, _labelled)


def consume(
    rows: Any, bench: Bench, learnt: Callable[[Mapping[str, Any]], Learnt], **settings: Any
) -> Consumed:
    """Train on rows of any shape.

    Args:
        rows: the export.
        bench: the model.
        learnt: a row's parts that carry loss.
        settings: further ones of the trainer.
    """
    model = bench.policy()
    plain = Plain(model)
    parts = [part for row in rows for part in learnt(row)]
    sums = [plain.total(before, after) for before, after in parts]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**bench.settings(rows, **settings)),
        train_dataset=rows,
        processing_class=bench.tokenizer,
    )
    survives = lineage(rows, trainer.train_dataset)
    loss, updated = one_step(trainer)
    independent = -sum(sums) / sum(len(after) for _, after in parts)
    return Consumed("trl.SFTTrainer", len(rows), loss, independent, updated, survives)


def _answer(
    bench: Bench, prompt: Sequence[Mapping[str, str]], completion: Sequence[Mapping[str, str]]
) -> tuple[list[int], list[int]]:
    opening = render(prompt, answer=True)
    return encode(bench.tokenizer, opening, render([*prompt, *completion])[len(opening) :])


def _turns(bench: Bench, conversation: Sequence[Mapping[str, str]]) -> Learnt:
    return [
        _answer(bench, conversation[:index], [message])
        for index, message in enumerate(conversation)
        if message["role"] == "assistant"
    ]


def _labelled(row: Mapping[str, Any]) -> Learnt:
    """Every learnt token as a part of its own stretch, since labels may leave gaps."""
    ids, labels = row["input_ids"], np.array(row["labels"])
    learnt = labels != -100
    starts = [i for i in range(1, len(ids)) if learnt[i] and not learnt[i - 1]]
    ends = [next((j for j in range(i, len(ids)) if not learnt[j]), len(ids)) for i in starts]
    return [(ids[:start], ids[start:end]) for start, end in zip(starts, ends, strict=True)]
