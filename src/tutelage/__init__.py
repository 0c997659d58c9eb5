"""Tutelage: solver, critic and teacher loops that train the model they run on.

The rooms are imported by name: `tutelage.tools`, `tutelage.traces`, `tutelage.agents`,
`tutelage.graphs`, `tutelage.training`. Importing this package alone loads none of them, and its own names are
loaded when they are first used, since every pytest session imports it for its plugin.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.errors import TutelageError
    from tutelage.types import Sampling, Score, Task

__all__ = ["Sampling", "Score", "Task", "TutelageError", "__version__"]

__version__ = "0.1.0"

_HOMES = {"Sampling": "types", "Score": "types", "Task": "types", "TutelageError": "errors"}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
