"""A prompt is a data file: plain text with named fields, filled in one pass.

A field is `{name}` (lower-case letters and underscores); `{{name}}` stands for a literal `{name}`; every
other brace is text, so LaTeX needs no escaping. What is filled in is never read again: a solution that
contains `{review}` stays as it is. Trailing newlines of the file are not part of the prompt. Not covered:
conditions, loops, several messages.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from tutelage.errors import UserError

__all__ = ["Prompt"]

_FIELD = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")


@dataclass(frozen=True)
class Prompt:
    """A template with named fields."""

    name: str
    """The packaged prompt's name, or the file's path."""
    text: str
    """The template."""

    @classmethod
    def load(cls, source: "Prompt | str | Path") -> "Prompt":
        """Find a prompt.

        Args:
            source: a packaged prompt's name (a bare word, such as `"solver"`), or the path of a text file
                (a `Path`, or a string with a suffix or a folder in it); a `Prompt` is returned as it is.

        Raises:
            UserError: there is no such prompt, or the file is empty or not UTF-8.
        """
        if isinstance(source, Prompt):
            return source
        if isinstance(source, str) and re.fullmatch(r"\w+", source):
            packaged = files("tutelage.agents") / "prompts" / f"{source}.md"
            if not packaged.is_file():
                raise UserError(
                    f"there is no packaged prompt {source!r}; a file is given by its path, such as './my.md'"
                )
            return cls(source, packaged.read_text(encoding="utf-8").rstrip("\n"))
        try:
            text = Path(source).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise UserError(
                f"the prompt file {str(source)!r} cannot be read as UTF-8 text: {problem}"
            ) from problem
        if not text.strip():
            raise UserError(f"the prompt file {str(source)!r} is empty")
        return cls(str(source), text)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of the fields."""
        return frozenset(name for _, name in _FIELD.findall(self.text) if name)

    def expect(self, offered: Collection[str], required: Collection[str]) -> "Prompt":
        """Check the fields against what a role fills in, before anything runs.

        Raises:
            UserError: the prompt has a field that is not offered, or lacks one that is required.
        """
        if unknown := sorted(self.fields - set(offered)):
            raise UserError(
                f"the prompt {self.name!r} has the field {{{unknown[0]}}}; here only {_listed(offered)} exist"
            )
        if missing := sorted(set(required) - self.fields):
            raise UserError(
                f"the prompt {self.name!r} lacks the field {{{missing[0]}}}; add it where the text belongs"
            )
        return self

    def render(self, **values: str) -> str:
        """Fill in the fields; values without a field are left out.

        Raises:
            UserError: a field has no value.
        """
        if missing := sorted(self.fields - values.keys()):
            raise UserError(
                f"the prompt {self.name!r} has the field {{{missing[0]}}}, "
                f"but only {_listed(values)} were given"
            )
        return _FIELD.sub(lambda match: values[match[2]] if match[2] else f"{{{match[1]}}}", self.text)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "no fields"
