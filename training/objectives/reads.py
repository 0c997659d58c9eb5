"""What a reward model was shown around a problem, so that as a verifier it is asked in the same words.

Rows hold the whole prompt; a verifier has a task. The text before and after the problem goes into `policy.json`, from
where `tutelage.tools` reads it. Not covered: prompts of several messages, which no verifier makes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.agents import Prompt
from tutelage.errors import UserError

__all__ = ["Reads", "reads_of"]

MARK = "\x00problem\x00"


@dataclass(frozen=True, slots=True)
class Reads:
    """The text around a problem."""

    before: str
    after: str
    rows: int
    """How many rows ask in these words."""


def reads_of(prompts: Sequence[Sequence[Mapping[str, Any]]], given: str | None) -> Reads:
    """Find the words that a verifier is to ask in.

    Args:
        prompts: the rows'.
        given: a packaged prompt's name, a prompt file's path, or a text with `{problem}`. `None`: the solver's, where
            a row asks so, else the bare problem.

    Raises:
        UserError: no row asks in the words that were given.
    """
    if given is None:
        found = _reads(prompts, "solver")
        return found if found.rows else _reads(prompts, "{problem}")
    found = _reads(prompts, given)
    if not found.rows:
        raise UserError(
            f"no row's prompt is made of the prompt {given!r}; give the one that the answers were asked for with"
        )
    return found


def _reads(prompts: Sequence[Sequence[Mapping[str, Any]]], given: str) -> Reads:
    prompt = Prompt("prompt", given) if "{problem}" in given else Prompt.load(given)
    prompt.expect(("problem",), ("problem",))
    before, _, after = prompt.render(problem=MARK).partition(MARK)
    texts = [str(messages[0].get("content")) for messages in prompts if len(messages) == 1]
    return Reads(before, after, sum(_asks(text, before, after) for text in texts))


def _asks(text: str, before: str, after: str) -> bool:
    long_enough = len(text) > len(before) + len(after)
    return long_enough and text.startswith(before) and text.endswith(after)
