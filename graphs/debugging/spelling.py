"""Token ids as text, one text a token: whose tokenizer a turn was read and written with, and what its ids say.

The texts of all tokens joined are the decoded whole, special tokens spelled out. A character that several tokens write
together stands at the last of them; the others have an empty text. Only `tokenizer.json` is read, with the library
`tokenizers`, and no code from a model directory is ever run. Not covered: tokenizers of servers elsewhere.
"""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tutelage.errors import UserError

__all__ = ["Spelling", "Tokenizers", "tokenizer_directory"]

FILE = "tokenizer.json"
BROKEN = "\ufffd"
"""What the decoder shows for bytes that are no whole character yet."""
CONTEXT = 8
"""Tokens decoded around a page, so that its texts are those that the whole has."""
PATIENCE = 64
"""Tokens after which bytes that never become a character are shown as they are."""


class Spelling:
    """The tokenizer of one directory."""

    def __init__(self, file: Path) -> None:
        """Load it.

        Raises:
            UserError: It is broken, or the library `tokenizers` is not installed.
        """
        if find_spec("tokenizers") is None:
            raise UserError("token texts need the package 'tokenizers'; pip install tokenizers")
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as error:
            raise UserError(f"{str(file)!r} is no tokenizer: {error}") from error
        self.special = frozenset(
            id for id, token in self._tokenizer.get_added_tokens_decoder().items() if token.special
        )
        """Ids of the special tokens."""
        self._size = int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def whole(self, ids: Sequence[int]) -> str:
        """Give the text of token ids, special tokens spelled out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def knows(self, ids: Sequence[int]) -> bool:
        """Whether all ids are in the vocabulary; if not, another tokenizer made them."""
        return max(ids, default=0) < self._size or all(
            self._tokenizer.id_to_token(id) is not None for id in ids if id >= self._size
        )

    def texts(self, ids: Sequence[int], start: int = 0, end: int | None = None) -> list[str]:
        """Give the text of each token from `start` to before `end`."""
        end = len(ids) if end is None else min(end, len(ids))
        first = max(0, start - CONTEXT)
        found = self._each(ids[first : end + CONTEXT], last=end + CONTEXT >= len(ids))
        return found[start - first : end - first]

    def _each(self, ids: Sequence[int], *, last: bool) -> list[str]:
        found: list[str] = []
        before, read, shown = 0, 0, ""
        for end in range(1, len(ids) + 1):
            text = self.whole(ids[before:end])
            waits = not (last and end == len(ids)) and end - read < PATIENCE
            if text.endswith(BROKEN) and waits:
                found.append("")
                continue
            found.append(text[len(shown) :])
            before, read = read, end
            shown = self.whole(ids[before:read])
        return found


class Tokenizers:
    """Loads the tokenizer of a directory once, and anew where its file has changed. For use in any thread."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[Path, tuple[int, Spelling]] = {}
        self._lock = threading.Lock()

    def of(self, directory: str | Path) -> Spelling:
        """Give the tokenizer of a model directory.

        Raises:
            UserError: There is none, or it cannot be loaded.
        """
        file = Path(directory) / FILE
        try:
            changed = file.stat().st_mtime_ns
        except (OSError, ValueError) as error:
            raise UserError(f"{str(directory)!r} has no {FILE}") from error
        with self._lock:
            known = self._known.get(file)
            if known is None or known[0] != changed:
                known = self._known[file] = (changed, Spelling(file))
            return known[1]


def tokenizer_directory(model: str) -> Path | None:
    """The directory of the model that a turn names, such as "vllm:DIR#adapter"; `None` where it names none.

    Of a server's models ("http://host/v1#NAME") a name that is an absolute path is taken, since that is what `vllm
    serve DIR` calls its model.
    """
    if model.startswith(("http://", "https://")):
        name = model.partition("#")[2]
        return Path(name) if name.startswith("/") and _has_tokenizer(name) else None
    _, colon, rest = model.partition(":")
    directory = rest.partition("#")[0]
    if not colon or not directory:
        return None
    return Path(rest) if "#" in rest and _has_tokenizer(rest) else Path(directory)


def _has_tokenizer(name: str) -> bool:
    try:
        return (Path(name) / FILE).is_file()
    except (OSError, ValueError):
        return False
