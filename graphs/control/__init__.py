"""Control of a batch that runs in another process: watch it, pause it, break into a rollout, let it go on.

`attach(run)` connects to the Unix socket that `rollout(..., store=DIR)` offers for its directory. Names are loaded when
they are first used. Not covered: batches in memory, and other machines.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.graphs.control.client import Attached, ControlError, attach
    from tutelage.graphs.control.reports import BatchStatus, Held, InFlight

__all__ = ["Attached", "BatchStatus", "ControlError", "Held", "InFlight", "attach"]

HOMES = {"Attached": "client", "ControlError": "client", "attach": "client"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES.get(name, 'reports')}"), name)
