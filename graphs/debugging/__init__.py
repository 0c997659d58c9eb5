"""Debugging sessions over any graph: the headless core that terminal and studio drive.

`debug(graph, task)` gives a `Session`; every face only calls its methods. Names are loaded when they are first used. Not
covered: how a session looks (`tutelage.graphs.console`, `tutelage.graphs.studio`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.graphs.debugging.conditions import Condition, evaluate
    from tutelage.graphs.debugging.opening import debug, is_session, session_settings
    from tutelage.graphs.debugging.resampling import Gain, Spread
    from tutelage.graphs.debugging.session import Session
    from tutelage.graphs.debugging.view import (
        Branch,
        Breakpoint,
        Change,
        Frame,
        PendingPrompt,
        Route,
        Stop,
        Visit,
    )

__all__ = [
    "Branch",
    "Breakpoint",
    "Change",
    "Condition",
    "Frame",
    "Gain",
    "PendingPrompt",
    "Route",
    "Session",
    "Spread",
    "Stop",
    "Visit",
    "debug",
    "evaluate",
    "is_session",
    "session_settings",
]

_HOMES = {
    "Branch": "view",
    "Breakpoint": "view",
    "Change": "view",
    "Condition": "conditions",
    "Frame": "view",
    "Gain": "resampling",
    "PendingPrompt": "view",
    "Route": "view",
    "Session": "session",
    "Spread": "resampling",
    "Stop": "view",
    "Visit": "view",
    "debug": "opening",
    "evaluate": "conditions",
    "is_session": "opening",
    "session_settings": "opening",
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
