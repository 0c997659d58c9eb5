"""What `connect` takes, read without starting anything: `read_spec` gives a `Spec`, `check_spec` says whether it can be.

A spec is a line of text; the forms are in `tutelage.agents.connection`. Not covered: whether a server answers, what a
recorded run holds, and a replay's `live`.
"""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.agents.model_directory import ModelDirectory, open_model_directory
from tutelage.agents.settings import (
    EngineSettings,
    HttpSettings,
    ReplaySettings,
    TransformersSettings,
    VllmSettings,
    parse_settings,
)
from tutelage.errors import ModelDirectoryError, UserError

__all__ = ["FORMS", "KINDS", "PACKAGED", "Spec", "check_spec", "embedded_directory", "kind_of", "read_spec"]

KINDS: Mapping[str, type[EngineSettings]] = {
    "vllm": VllmSettings,
    "transformers": TransformersSettings,
    "http": HttpSettings,
    "https": HttpSettings,
    "replay": ReplaySettings,
}
"""What stands before the colon, and the settings that go with it."""
PACKAGED = ("embedded", "embedded+vllm", "embedded+transformers")
FORMS = ("vllm:DIR", "transformers:DIR", "http://HOST:PORT/v1", *PACKAGED, "replay:RUN")
"""For people."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec that is understood, with its engine's settings."""

    text: str
    kind: str
    """A key of `KINDS`; of the embedded model's, what runs it here."""
    place: str
    """The model's directory, the recorded run, or the server's address."""
    settings: EngineSettings


def kind_of(text: str) -> str | None:
    """Say which of `KINDS` a spec asks for; `None` where its form is not understood."""
    if text == "embedded":
        has_vllm = sys.platform == "linux" and importlib.util.find_spec("vllm") is not None
        return "vllm" if has_vllm else "transformers"
    if text in PACKAGED:
        return text.removeprefix("embedded+")
    kind, _, place = text.partition(":")
    if kind in ("http", "https"):
        place = place.removeprefix("//") if place.startswith("//") else ""
    return kind if kind in KINDS and place else None


def read_spec(text: str, settings: Mapping[str, Any]) -> Spec:
    """Read a spec and the settings that go with it.

    Raises:
        UserError: The spec or a setting is not understood.
        ModelDirectoryError: The package was installed without its model.
    """
    kind = kind_of(text)
    if kind is None:
        *forms, last = map(repr, FORMS)
        raise UserError(f"connect({text!r}) is not understood; give {', '.join(forms)} or {last}.")
    if text in PACKAGED:
        place = str(embedded_directory())
    else:
        place = text if kind in ("http", "https") else text.partition(":")[2]
    return Spec(text, kind, place, parse_settings(KINDS[kind], text, settings))


def check_spec(text: str, **settings: Any) -> ModelDirectory | None:
    """Check in milliseconds what `connect` is given, as far as that goes without starting an engine.

    Returns:
        The model's directory, if its weights lie on this machine.

    Raises:
        UserError: The spec or a setting is not understood.
        ModelDirectoryError: The directory is missing or broken.
    """
    spec = read_spec(text, {name: value for name, value in settings.items() if name != "live"})
    return open_model_directory(spec.place) if spec.kind in ("vllm", "transformers") else None


def embedded_directory() -> Path:
    """Where the model that comes with the package lies.

    Raises:
        ModelDirectoryError: The package was installed without it.
    """
    path = Path(__file__).parent / "embedded"
    if not (path / "config.json").is_file():
        raise ModelDirectoryError(
            f"the embedded model is missing from {str(path)!r}; install the package again."
        )
    return path
