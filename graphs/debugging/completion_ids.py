"""Token ids for an answer that no model sampled, as its model would have ended it.

Not covered: rendering prompts; a correction has that of the turn which it corrects.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tutelage.errors import MissingDependency, ModelDirectoryError
from tutelage.traces import Turn

__all__ = ["Encode", "encoded"]

Encode: TypeAlias = Callable[[str], Sequence[int]]
"""Gives the token ids of an answer, with the one that ends it."""


def encoded(text: str, instead: Turn, tokenizer: Encode | str | Path) -> tuple[int, ...]:
    """Give the token ids of a text.

    Args:
        text: What is said.
        instead: What was said instead; where its last token is a special one, that ends the text, too.
        tokenizer: A model's directory, or a function.

    Raises:
        ModelDirectoryError: No tokenizer can be loaded from the directory.
        MissingDependency: transformers is not installed.
    """
    if not isinstance(tokenizer, str | Path):
        return tuple(tokenizer(text))
    loaded = _load(Path(tokenizer))
    ids: list[int] = loaded(text, add_special_tokens=False)["input_ids"]
    last = (instead.completion_token_ids or (None,))[-1]
    return (*ids, last) if last is not None and last in loaded.all_special_ids else tuple(ids)


def _load(directory: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingDependency("token ids of a text need transformers: pip install transformers") from error
    if not directory.is_dir():
        raise ModelDirectoryError(f"tokenizer={str(directory)!r} is no directory")
    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelDirectoryError(f"no tokenizer can be loaded from {str(directory)!r}: {error}") from error
