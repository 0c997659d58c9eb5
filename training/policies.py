"""Policy directories and engines: which weights a model has, and a directory's weights in a running engine.

Starting an engine takes half a minute and the memory of a second model; taking a directory into an engine
that runs takes milliseconds. So a directory borrows an engine where one is at hand, and gives it back as it
was. Not covered: servers, which keep their weights.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.agents import connect, open_model_directory
from tutelage.errors import UserError

if TYPE_CHECKING:
    from tutelage.agents import ChatModel

__all__ = ["base_directory", "borrowed", "local_directory", "opened"]

LOCAL = ("vllm", "transformers")


@contextmanager
def opened(source: str | Path) -> Iterator["ChatModel"]:
    """A chat model over a policy directory or over what `connect` understands, closed at the end.

    A directory runs on vLLM where that is installed (Linux), else on transformers.
    """
    spec = str(source)
    if isinstance(source, Path) or Path(spec).is_dir():
        vllm = sys.platform == "linux" and find_spec("vllm") is not None
        spec = f"{'vllm' if vllm else 'transformers'}:{spec}"
    with connect(spec) as model:
        yield model


@contextmanager
def borrowed(lender: "ChatModel", directory: str | Path) -> Iterator["ChatModel"]:
    """A model over a directory's weights, in the lender's engine where that is local, else in one of its own.

    Raises:
        UserError: the lender has these very weights already, or it is not known where its own lie.
    """
    own = _engine_directory(lender)
    path = Path(directory)
    if own is None or not path.is_dir():
        with opened(directory) as model:
            yield model
        return
    if open_model_directory(path).policy() == lender.policy:
        raise UserError(
            f"{lender.name!r} has the weights of {str(path)!r} already (policy {lender.policy}); "
            "compare with the directory that they were trained from"
        )
    back = local_directory(lender)
    lender.reload(path)
    try:
        yield lender
    finally:
        lender.reload(back)


def local_directory(model: "ChatModel") -> Path:
    """Where the weights lie that a model has now.

    Raises:
        UserError: on a server, or nobody knows where.
    """
    started = _engine_directory(model)
    if started is None:
        raise UserError(f"the weights of {model.name!r} are not on this machine; give a model directory")
    return _holding(started, model.policy)


def base_directory(names: set[tuple[str, str]]) -> Path:
    """The directory of the one policy that spoke in a run.

    Args:
        names: (model, policy) of the turns.

    Raises:
        UserError: it is not one, not local, or its weights have changed.
    """
    known = ", ".join(sorted(f"{model} (policy {policy})" for model, policy in names)) or "none"
    if len(names) != 1:
        raise UserError(
            f"the chosen solutions are of {len(names)} policies ({known}); say which to train with model="
        )
    ((name, policy),) = names
    kind, _, directory = name.partition(":")
    if kind not in LOCAL:
        raise UserError(f"the run's model {name!r} has no local weights; say what to train with model=DIR")
    return _holding(Path(directory), policy)


def _engine_directory(model: "ChatModel") -> Path | None:
    """The directory that a local engine has its weights from, as far as it says."""
    told = getattr(model.engine, "directory", None)
    kind, _, started = model.engine.name.partition(":")
    if isinstance(told, Path):
        return told
    return Path(started) if kind in LOCAL and started else None


def _holding(directory: Path, policy: str) -> Path:
    found = open_model_directory(directory).policy()
    if found != policy:
        raise UserError(
            f"{str(directory)!r} holds policy {found}, not {policy}, which the model has; "
            "say where that one lies with model=DIR"
        )
    return directory
