"""How long the processors computed for this process, and for all that it started: engines that live, and trainings.

Not covered: children that a dead child left behind, and graphics processors.
"""

import psutil

__all__ = ["processor_seconds"]


def processor_seconds() -> float:
    """Seconds so far, of all cores together."""
    this = psutil.Process()
    return sum(map(_seconds, [this, *this.children(recursive=True)]))


def _seconds(process: psutil.Process) -> float:
    """Those of a process and of its children that ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
