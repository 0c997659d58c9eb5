"""From messages to the exact token ids that a local model reads, and back.

The tokenizer is loaded once; the chat template is the model's own. What is rendered here is what is
recorded, so training sees the same ids as sampling did. No code from the model directory is ever run.

A prompt that quotes an answer of this engine goes on from the ids that were sampled: they are not cut out of the text
anew, which may give others. The ids are those that the caller's message still carries (after a restart, too), else
those that this engine remembers. This holds where the message is the answer's very text after the same messages (white
space that a template trims at its ends aside), and the template renders it as it stands. A template that changes
what was said (drops its thinking, say) is followed.

Not covered: media in messages; a content of text blocks is joined before it comes here.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tutelage.agents.engine import Completion, Quoted, Request
from tutelage.agents.engines.optional import require
from tutelage.agents.engines.sampled_memory import Sampled, SampledMemory
from tutelage.agents.model_directory import ModelDirectory, read_json
from tutelage.errors import ModelDirectoryError, UserError

__all__ = ["PromptRenderer"]

REMEMBERED = 512
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
        self._ends = _end_tokens(model, self._tokenizer)
        self._special = frozenset(self._tokenizer.all_special_ids)
        self._sampled = SampledMemory()
        self._text_of_pairs = lru_cache(maxsize=REMEMBERED)(self._render_pairs)
        self._ids_of_text = lru_cache(maxsize=REMEMBERED)(self._cut)
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
        text = self._text(request.messages)
        for start, quoted in self._quotations(request, text):
            tail = self._tail(text[start:], quoted)
            if tail is not None:
                return (*quoted.ids, *tail)
        return self._ids_of_text(text)

    def remember(self, request: Request, prompt: Sequence[int], completion: Completion) -> None:
        """Keep how an answer was sampled, for the prompts that will quote it; only where its ids say its text."""
        ids = completion.token_ids
        if not ids:
            return
        ended = completion.finish_reason == "stop" and ids[-1] in self._ends
        said = ids[:-1] if ended else self._spoken(ids, completion.text)
        if said is not None and (not request.sampling.stop or self.decode(said) == completion.text):
            kept = (*prompt, *(ids if ended else said))
            self._sampled.add(self._text(request.messages), completion.text, kept, ended=ended)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Turn token ids into text without special tokens."""
        text: str = self._tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def spell(self, token_ids: Sequence[int]) -> str:
        """Turn token ids into text with the special tokens' own texts."""
        text: str = self._tokenizer.decode(
            token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def _quotations(self, request: Request, text: str) -> Iterator[tuple[int, Sampled]]:
        """Earlier answers that a rendered prompt quotes, the last one first, each with where it ends."""
        messages = request.messages
        for index in range(len(messages) - 1, 0, -1):
            said = messages[index].get("content")
            if messages[index].get("role") != "assistant" or not isinstance(said, str):
                continue
            before = self._text(messages[:index])
            sampled = self._sampled.find(before, said)
            carried = request.quoted.get(index)
            if carried is not None and (sampled is None or [*sampled.ids] != [*carried[0], *carried[1]]):
                sampled = self._checked(before, said, carried) or sampled
            for shown in (said, said.strip()):
                if sampled is not None and text.startswith(before + shown):
                    yield len(before) + len(shown), sampled
                    break

    def _checked(self, before: str, said: str, carried: Quoted) -> Sampled | None:
        """Ids that the caller's message carries, where they say these texts; they may be another model's.

        Special tokens that were sampled within an answer are in its ids and not in its text, so a prompt may hold
        more of them than the template renders, but none less.
        """
        prompt, ids = carried
        ended = bool(ids) and ids[-1] in self._ends
        rendered = self._ids_of_text(before)
        try:
            same = self.decode(ids[:-1] if ended else ids) == said
            same = same and self.decode(prompt) == self.decode(rendered)
        except (OverflowError, TypeError, ValueError):
            return None
        held = iter(prompt)
        same = same and all(token in held for token in rendered if token in self._special)
        return Sampled((*prompt, *ids), ended) if same and ids else None

    def _tail(self, rest: str, quoted: Sampled) -> tuple[int, ...] | None:
        """The ids of what follows a quoted answer; `None` where they would not say `rest`."""
        tail = self._cut(rest)
        if self.spell(tail) != rest:
            return None
        if not quoted.ended:
            return tail
        return tail[1:] if tail[:1] and tail[0] in self._ends else None

    def _spoken(self, ids: Sequence[int], text: str) -> Sequence[int] | None:
        """The sampled ids up to a stop string, which the text leaves out; `None` where it begins within a token."""
        for end in range(len(ids), -1, -1):
            said = self.decode(ids[:end])
            if said == text:
                return ids[:end]
            if len(said) < len(text):
                break
        return None

    def _text(self, messages: Messages) -> str:
        if all(message.keys() == {"role", "content"} for message in messages):
            return self._text_of_pairs(tuple((m["role"], m["content"]) for m in messages))
        return self._render(messages)

    def _render_pairs(self, pairs: tuple[tuple[str, str], ...]) -> str:
        return self._render([{"role": role, "content": content} for role, content in pairs])

    def _render(self, messages: Messages) -> str:
        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=True, tokenize=False
            )
        except Exception as error:
            roles = ", ".join(str(message.get("role")) for message in messages)
            raise UserError(
                f"the chat template of {str(self._path)!r} refuses these messages ({roles}): {error}"
            ) from error
        return text

    def _cut(self, text: str) -> tuple[int, ...]:
        try:
            return tuple(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        except (TypeError, ValueError) as error:
            raise UserError(
                f"the tokenizer of {str(self._path)!r} refuses a message's text ({error}); is it valid Unicode?"
            ) from error

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


def _end_tokens(model: ModelDirectory, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, by the tokenizer and the model's `generation_config`."""
    file = model.path / "generation_config.json"
    ends = (read_json(file) if file.is_file() else {}).get("eos_token_id")
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in (*listed, tokenizer.eos_token_id) if isinstance(end, int))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
