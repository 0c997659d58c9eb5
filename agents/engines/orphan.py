"""Ends a child process of vLLM once the process that started it is gone, however that went.

multiprocessing runs this file in every such child, in place of the caller's script and before it loads anything else, so
that a child which is still starting does not outlive its caller either; its own children run it likewise. Only the
standard library is used. Not covered: a child whose interpreter lock is held for ever.
"""

import os
import signal
import threading
import time

__all__ = ["PARENT", "end_with"]

PARENT = "TUTELAGE_PARENT"
"""The environment variable by which a child knows who started it, should that one be gone before the child can ask."""

OFTEN = 0.5
"""Seconds between two looks."""

PATIENCE = 10
"""Seconds to end in order, and so to free what the system shares."""


def end_with(parent: int) -> None:
    """Wait until a process is no longer the parent of this one, and end this one."""
    while os.getppid() == parent:
        time.sleep(OFTEN)
    # The system sends it, also where the interpreter does nothing any more.
    signal.alarm(PATIENCE)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__mp_main__":
    started_by = int(os.environ[PARENT])
    os.environ[PARENT] = str(os.getpid())
    threading.Thread(target=end_with, args=(started_by,), daemon=True).start()
