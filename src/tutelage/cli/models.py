"""What `--model` names: what `connect` understands, or a chat model of the user's; misspelt, the nearest is said.

Not covered: starting engines (`tutelage.agents.connect`).
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.cli.options import OBJECT, pairs_of
from tutelage.cli.output import echo
from tutelage.errors import UserError
from tutelage.nearest import near
from tutelage.objects import load_object
from tutelage.printable import printable
from tutelage.types import Sampling

if TYPE_CHECKING:
    from tutelage.agents import ChatModel

__all__ = ["check_model", "model_of", "say_loading"]


@contextmanager
def model_of(
    spec: str, settings: Iterable[str], sampling: Sampling | None, *, late: bool = False
) -> Iterator["ChatModel"]:
    """A chat model, closed at the end: what `connect` understands, or an object of the user's.

    Args:
        spec: What `--model` says.
        settings: What `--engine` says.
        sampling: What holds where a call says nothing else.
        late: Start the engine only when the model is first asked.

    Raises:
        UserError: The model or a setting is not understood.
        EngineError: The engine could not start.
    """
    model = _model(spec, pairs_of("--engine", settings), sampling, late)
    try:
        yield model
    finally:
        model.close()


def check_model(spec: str, settings: Iterable[str]) -> None:
    """Check what can be checked of a model without starting an engine or running a file.

    Raises:
        UserError: It cannot be right.
    """
    if _is_engine(spec):
        from tutelage.agents import check_spec

        check_spec(spec, **pairs_of("--engine", settings))


def _model(spec: str, settings: Mapping[str, Any], sampling: Sampling | None, late: bool) -> "ChatModel":
    from tutelage.agents import ChatModel, connect

    if not _is_engine(spec):
        return _own_model(spec, settings, sampling)
    if late and not spec.startswith("replay:"):
        from tutelage.cli.late_engine import LateEngine

        return ChatModel(
            engine=LateEngine(spec, settings, lambda: say_loading(spec)), sampling=sampling or Sampling()
        )
    return connect(spec, sampling=sampling, **settings)


def say_loading(spec: str) -> None:
    """Tell a person why nothing happens for a while."""
    if sys.stderr.isatty():
        echo(f"loading {printable(spec)} …", err=True)


def _is_engine(spec: str) -> bool:
    """Whether `connect` understands a spec; if not, it names an object.

    Raises:
        UserError: It does neither; the nearest is named.
    """
    from tutelage.agents.spec import FORMS, KINDS, PACKAGED, kind_of

    if kind_of(spec) is not None:
        return True
    kind, colon, rest = spec.partition(":")
    if not colon and Path(spec).is_dir():
        raise UserError(
            f"model {spec!r} is a directory; say what runs it: vllm:{spec} or transformers:{spec}"
        )
    if not OBJECT.fullmatch(spec) or kind in KINDS:
        hint = near(kind, KINDS, f":{rest}") if colon and kind not in KINDS else near(spec, PACKAGED)
        raise UserError(
            f"model {spec!r} is not understood{hint}; give {', '.join(FORMS)} or FILE.py:ATTRIBUTE"
        )
    if near(kind, KINDS) and not Path(f"{kind}.py").exists():
        from importlib.util import find_spec

        if "." not in kind and "/" not in kind and find_spec(kind) is None:
            raise UserError(f"there is no module {kind!r} for model {spec!r}{near(kind, KINDS, f':{rest}')}")
    return False


def _own_model(spec: str, settings: Mapping[str, Any], sampling: Sampling | None) -> "ChatModel":
    """The chat model that MODULE:ATTRIBUTE is, or makes when it is called with the settings."""
    from tutelage.agents import ChatModel

    found = load_object(spec)
    if not isinstance(found, ChatModel) and callable(found):
        try:
            found = found(**settings)
        except TypeError as error:
            raise UserError(f"model {spec!r}: calling it with the settings fails: {error}") from error
    elif settings:
        raise UserError(f"model {spec!r} is made already; --engine has no effect on it")
    if not isinstance(found, ChatModel):
        raise UserError(f"model {spec!r} is no ChatModel but {type(found).__name__}")
    if sampling is None:
        return found
    return found.with_sampling(**sampling.model_dump(include=sampling.model_fields_set))
