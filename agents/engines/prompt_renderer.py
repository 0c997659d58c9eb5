"""From messages to the exact token ids that a local model reads, and back.

The tokenizer is loaded once; the chat template is the model's own. What is rendered here is what is
recorded, so training sees the same ids as sampling did. No code from the model directory is ever run.

Not covered: media in messages; a content of text blocks is joined before it comes here.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tutelage.agents.engine import Request
from tutelage.agents.engines.optional import require
from tutelage.agents.model_directory import ModelDirectory
from tutelage.errors import ModelDirectoryError, UserError

__all__ = ["PromptRenderer"]

REMEMBERED = 4096
"""Rendered prompts kept, so that a prompt asked again costs nothing."""

Messages = Sequence[Mapping[str, Any]]


class PromptRenderer:
    """A tokenizer and its chat template. For use in one thread."""

    def __init__(self, model: ModelDirectory) -> None:
        """Load the tokenizer of a model directory.

        Raises:
            ModelDirectoryError: The tokenizer or its chat template is missing or broken.
            MissingDependency: `transformers` is not installed.
        """
        self._path = model.path
        self._tokenizer = _load_tokenizer(model)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._render_pairs)
        self._check_template()

    def render(self, request: Request) -> tuple[int, ...]:
        """Render a prompt, the opening of the answer included.

        Raises:
            UserError: The template refuses the messages, or tools were given.
        """
        if request.tools:
            raise UserError(
                f"the engine on {str(self._path)!r} offers no tools; serve the model with "
                "`vllm serve --enable-auto-tool-choice --tool-call-parser …` and connect to its address."
            )
        if all(message.keys() == {"role", "content"} for message in request.messages):
            return self._remembered(tuple((m["role"], m["content"]) for m in request.messages))
        return self._render(request.messages)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Turn token ids into text without special tokens."""
        text: str = self._tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _render_pairs(self, pairs: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
        return self._render([{"role": role, "content": content} for role, content in pairs])

    def _render(self, messages: Messages) -> tuple[int, ...]:
        try:
            ids = self._tokenizer.apply_chat_template(
                list(messages),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
                tokenizer_kwargs={"verbose": False},
            )
        except Exception as error:
            roles = ", ".join(str(message.get("role")) for message in messages)
            raise UserError(
                f"the chat template of {str(self._path)!r} refuses these messages ({roles}): {error}"
            ) from error
        return tuple(ids)

    def _check_template(self) -> None:
        own = self._path / "chat_template.jinja"
        where = own if own.is_file() else self._path / "tokenizer_config.json"
        if not self._tokenizer.chat_template:
            raise ModelDirectoryError(
                f"{str(self._path)!r} has no chat template; add the model's own as {own.name!r} beside "
                "its tokenizer."
            )
        try:
            self._render([{"role": "user", "content": "1+1"}])
        except UserError as error:
            raise ModelDirectoryError(
                f"the chat template in {str(where)!r} cannot render one user message ({error.__cause__}); "
                "mend it or copy the model's own again."
            ) from error


def _load_tokenizer(model: ModelDirectory) -> Any:
    transformers = require(
        "transformers", needed_by=f"the tokenizer of {str(model.path)!r}", install="transformers"
    )
    try:
        return transformers.AutoTokenizer.from_pretrained(
            str(model.path), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise ModelDirectoryError(
            f"the tokenizer in {str(model.path)!r} cannot be loaded ({_first_line(error)}); save it again "
            "with tokenizer.save_pretrained()."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
