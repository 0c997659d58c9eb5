"""The vote over answers, plain or weighted: one small rule that everything else uses.

An answer is a canonical key (see `Verifier.answer`); `None` is no answer and never wins against an answer.
"""

from collections.abc import Sequence

__all__ = ["vote"]


def vote(answers: Sequence[str | None], weights: Sequence[float] | None = None) -> str | None:
    """The answer that most speak for.

    Args:
        answers: one key a voter; `None` abstains.
        weights: one weight a voter. Without weights every voter counts 1.

    Returns:
        The answer with the largest sum, the one seen first among equals; `None` where everyone abstains.
    """
    sums: dict[str, float] = {}
    for answer, weight in zip(answers, [1.0] * len(answers) if weights is None else weights, strict=True):
        if answer is not None:
            sums[answer] = sums.get(answer, 0.0) + weight
    return max(sums, key=sums.__getitem__) if sums else None
