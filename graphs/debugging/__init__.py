"""Debugging sessions over any graph: the headless core that terminal and studio drive.

`debug(graph, task)` gives a `Session`; every face only calls its methods. Not covered: how a session looks
(`tutelage.graphs.console`, `tutelage.graphs.studio`).
"""

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
