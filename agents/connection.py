"""`connect`: from a line of text to a running chat model.

    vllm:DIR                        vLLM in this process, on a CPU or on GPUs
    transformers:DIR                transformers in this process, micro-batched
    http://HOST:PORT/v1[#MODEL]     any OpenAI-compatible server (https likewise)
    embedded                        the model that comes with the package, on the best engine installed
    embedded+vllm                   the same on vLLM
    embedded+transformers           the same on transformers
    replay:RUN                      a recorded run, from the record; `live` goes on where it ends

Each engine has its own settings (`tutelage.agents.settings`); unknown ones are refused.
"""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.engine import Engine
from tutelage.agents.engines.scripted_engine import Script, ScriptedEngine
from tutelage.agents.settings import (
    HttpSettings,
    ReplaySettings,
    TransformersSettings,
    VllmSettings,
    parse_settings,
)
from tutelage.errors import ModelDirectoryError, TutelageError, UserError
from tutelage.types import Sampling

__all__ = ["connect", "embedded_directory", "scripted"]

FORMS = (
    "'vllm:DIR', 'transformers:DIR', 'http://HOST:PORT/v1', 'embedded', 'embedded+vllm', "
    "'embedded+transformers' or 'replay:RUN'"
)


def connect(spec: str, *, sampling: Sampling | None = None, **settings: Any) -> ChatModel:
    """Start or reach an engine and give it as a chat model.

    Args:
        spec: Which engine; see the module's table.
        sampling: What holds where a call says nothing else.
        settings: The engine's settings by name.

    Raises:
        UserError: The spec or a setting is not understood.
        ModelDirectoryError: The directory is missing or broken.
        MissingDependency: A package that the engine needs is not installed.
        EngineError: The engine could not start; `ServerError` where a server does not answer properly.
    """
    return ChatModel(engine=_engine(spec, settings), sampling=sampling or Sampling())


def scripted(answers: Script, *, sampling: Sampling | None = None, **settings: Any) -> ChatModel:
    """Give a chat model that says what it is told; see `ScriptedEngine`."""
    return ChatModel(engine=ScriptedEngine(answers, **settings), sampling=sampling or Sampling())


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


def _engine(spec: str, settings: dict[str, Any]) -> Engine:
    if spec.startswith(("http://", "https://")):
        from tutelage.agents.engines.http_engine import HttpEngine

        return HttpEngine(spec, parse_settings(HttpSettings, spec, settings))
    if spec.startswith("replay:") and spec != "replay:":
        return _replaying(spec, dict(settings))
    if spec == "embedded":
        return _local(_best_kind(), embedded_directory(), spec, settings)
    kind, _, directory = spec.partition(":")
    if kind in ("embedded+vllm", "embedded+transformers") and not directory:
        return _local(kind.removeprefix("embedded+"), embedded_directory(), spec, settings)
    if kind in ("vllm", "transformers") and directory:
        return _local(kind, Path(directory), spec, settings)
    raise UserError(f"connect({spec!r}) is not understood; give {FORMS}.")


def _replaying(spec: str, settings: dict[str, Any]) -> Engine:
    """Open a run; `live`, a spec or a chat model, is no plain setting."""
    from tutelage.agents.engines.replay_engine import ReplayEngine

    live = settings.pop("live", None)
    if not (live is None or isinstance(live, str | ChatModel)):
        raise UserError(
            f"connect({spec!r}): live={live!r} is no chat model and nothing that connect() takes."
        )
    engine = ReplayEngine(spec.removeprefix("replay:"), parse_settings(ReplaySettings, spec, settings))
    try:
        if isinstance(live, str):
            engine.go_on_with(_engine(live, {}), owned=True)
        elif live is not None:
            engine.go_on_with(live.engine, owned=False)
    except TutelageError:
        engine.close()
        raise
    return engine


def _local(kind: str, directory: Path, spec: str, settings: dict[str, Any]) -> Engine:
    if kind == "vllm":
        from tutelage.agents.engines.vllm_engine import VllmEngine

        return VllmEngine(directory, parse_settings(VllmSettings, spec, settings))
    from tutelage.agents.engines.transformers_engine import TransformersEngine

    return TransformersEngine(directory, parse_settings(TransformersSettings, spec, settings))


def _best_kind() -> str:
    if sys.platform == "linux" and importlib.util.find_spec("vllm") is not None:
        return "vllm"
    _say_once(
        "the embedded model runs on transformers, since vLLM is not installed (Linux: pip install vllm)"
    )
    return "transformers"


@cache
def _say_once(line: str) -> None:
    print(f"tutelage: {line}", file=sys.stderr)
