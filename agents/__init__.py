"""Who speaks: chat models over engines, and the roles that prompt and parse them.

`connect` starts or reaches an engine and gives a `ChatModel`, a LangChain chat model that records every
turn. Roles (`Solver`, `Reviewer`, …) are nodes of a LangGraph. Names are loaded when they are first used, so
that importing this room costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.agents.chat_model import ChatModel
    from tutelage.agents.connection import connect, scripted
    from tutelage.agents.engine import Answer, Completion, Engine, Piece, Request
    from tutelage.agents.engines.replay_engine import ReplayEngine
    from tutelage.agents.engines.scripted_engine import ScriptedEngine
    from tutelage.agents.model_directory import ModelDirectory, open_model_directory
    from tutelage.agents.roles import (
        CandidateState,
        Judge,
        Prompt,
        Refiner,
        Reviewer,
        Role,
        Solver,
        Teacher,
    )
    from tutelage.agents.seeding import seeded
    from tutelage.agents.settings import (
        HttpSettings,
        ReplaySettings,
        TransformersSettings,
        VllmSettings,
    )
    from tutelage.agents.spec import check_spec, embedded_directory
    from tutelage.agents.token_scorer import TokenScorer

__all__ = [
    "Answer",
    "CandidateState",
    "ChatModel",
    "Completion",
    "Engine",
    "HttpSettings",
    "Judge",
    "ModelDirectory",
    "Piece",
    "Prompt",
    "Refiner",
    "ReplayEngine",
    "ReplaySettings",
    "Request",
    "Reviewer",
    "Role",
    "ScriptedEngine",
    "Solver",
    "Teacher",
    "TokenScorer",
    "TransformersSettings",
    "VllmSettings",
    "check_spec",
    "connect",
    "embedded_directory",
    "open_model_directory",
    "scripted",
    "seeded",
]

_HOMES = {
    "Answer": "engine",
    "CandidateState": "roles",
    "ChatModel": "chat_model",
    "Completion": "engine",
    "Engine": "engine",
    "HttpSettings": "settings",
    "Judge": "roles",
    "ModelDirectory": "model_directory",
    "Piece": "engine",
    "Prompt": "roles",
    "Refiner": "roles",
    "ReplayEngine": "engines.replay_engine",
    "ReplaySettings": "settings",
    "Request": "engine",
    "Reviewer": "roles",
    "Role": "roles",
    "ScriptedEngine": "engines.scripted_engine",
    "Solver": "roles",
    "Teacher": "roles",
    "TokenScorer": "token_scorer",
    "TransformersSettings": "settings",
    "VllmSettings": "settings",
    "check_spec": "spec",
    "connect": "connection",
    "embedded_directory": "spec",
    "open_model_directory": "model_directory",
    "scripted": "connection",
    "seeded": "seeding",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
