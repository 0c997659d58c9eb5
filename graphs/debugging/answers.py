"""Answers and failures that come from elsewhere than the engine: behind a beginning, or from the record.

Not covered: which of them a call gets (`execution`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tutelage.agents.engine import Answer

__all__ = ["joined", "kind_of", "recorded_failure"]


def joined(answer: Answer, begun: Mapping[str, Any] | None) -> Answer:
    """An answer behind the beginning that it went on from."""
    if begun is None:
        return answer
    completions = tuple(
        replace(
            each,
            text=begun["text"] + each.text,
            token_ids=None if each.token_ids is None else (*begun["ids"], *each.token_ids),
            logprobs=None if each.logprobs is None else (*begun["logprobs"], *each.logprobs),
        )
        for each in answer.completions
    )
    return replace(answer, completions=completions)


def kind_of(error: BaseException) -> str:
    """The name of an error's class, by which it is found again."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


def recorded_failure(name: str, told: str) -> Exception:
    """An error again from its record: of the same class where that is loaded, with the same text."""
    waiting: list[type[Exception]] = [Exception]
    while waiting:
        kind = waiting.pop()
        if f"{kind.__module__}.{kind.__qualname__}" == name:
            error = kind.__new__(kind)
            error.args = (told.partition(": ")[2],)
            return error
        waiting.extend(kind.__subclasses__())
    return RuntimeError(told)
