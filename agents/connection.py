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

import sys
from functools import cache
from typing import Any

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.engine import Engine
from tutelage.agents.engines.scripted_engine import Script, ScriptedEngine
from tutelage.agents.settings import HttpSettings, ReplaySettings, TransformersSettings, VllmSettings
from tutelage.agents.spec import Spec, read_spec
from tutelage.errors import TutelageError, UserError
from tutelage.types import Sampling

__all__ = ["connect", "scripted"]


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


def _engine(text: str, settings: dict[str, Any]) -> Engine:
    live = settings.pop("live", None) if text.startswith("replay:") else None
    spec = read_spec(text, settings)
    match spec.settings:
        case VllmSettings() as given:
            from tutelage.agents.engines.vllm_engine import VllmEngine

            return VllmEngine(spec.place, given)
        case TransformersSettings() as given:
            from tutelage.agents.engines.transformers_engine import TransformersEngine

            if text == "embedded":
                _say_once(
                    "the embedded model runs on transformers, since vLLM is not installed (Linux: pip install vllm)"
                )
            return TransformersEngine(spec.place, given)
        case ReplaySettings() as given:
            return _replaying(spec, given, live)
        case HttpSettings() as given:
            from tutelage.agents.engines.http_engine import HttpEngine

            return HttpEngine(text, given)
    raise AssertionError(spec)


def _replaying(spec: Spec, settings: ReplaySettings, live: object) -> Engine:
    """Open a run; `live`, a spec or a chat model, is no plain setting."""
    from tutelage.agents.engines.replay_engine import ReplayEngine

    if not (live is None or isinstance(live, str | ChatModel)):
        raise UserError(
            f"connect({spec.text!r}): live={live!r} is no chat model and nothing that connect() takes."
        )
    engine = ReplayEngine(spec.place, settings)
    try:
        if isinstance(live, str):
            engine.go_on_with(_engine(live, {}), owned=True)
        elif live is not None:
            engine.go_on_with(live.engine, owned=False)
    except TutelageError:
        engine.close()
        raise
    return engine


@cache
def _say_once(line: str) -> None:
    print(f"tutelage: {line}", file=sys.stderr)
