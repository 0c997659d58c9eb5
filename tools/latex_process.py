"""The parent's side of the process that runs math-verify: started when first needed, killed at a deadline.

Every request is answered or given up within the deadline; one that starts the process waits for its start
besides. The process is started anew after a kill, and in a forked child. Not covered: more than one process
at a time.
"""

import json
import os
import subprocess
import sys
import weakref
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock, Timer

from tutelage.errors import EngineError, MissingDependency

__all__ = ["LatexProcess"]

START = 120.0
"""Seconds for Python to import SymPy, on a busy machine."""
WORKER = Path(__file__).with_name("latex_worker.py")


class LatexProcess:
    """Asks the process; safe to use from many threads, which wait for one another."""

    def __init__(self, deadline: float) -> None:
        """Start nothing yet; `deadline` is in seconds a request."""
        self.deadline = deadline
        self.pid = os.getpid()
        self.lock = Lock()
        self.process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, str]) -> dict[str, object] | None:
        """The reply to one request; `None` if it did not come in time or the process died of it.

        Raises:
            MissingDependency: math-verify is not installed.
            EngineError: the process cannot be started.
        """
        if self.pid != os.getpid():
            self.pid, self.lock, self.process = os.getpid(), Lock(), None
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self.process = start(self.deadline)
                weakref.finalize(self, stop, self.process, self.pid)
            reply = exchange(self.process, json.dumps(request) + "\n", self.deadline)
        if reply is None:
            return None
        answer: dict[str, object] = json.loads(reply)
        return answer


def start(deadline: float) -> subprocess.Popen[str]:
    """Start the process and wait until it has imported what it needs.

    Raises:
        MissingDependency: math-verify is not installed.
        EngineError: the process cannot be started.
    """
    if find_spec("math_verify") is None:
        raise MissingDependency(
            "the verifier 'math_answer' needs math-verify, which is not installed: "
            "pip install 'tutelage[math]'"
        )
    command = [sys.executable, "-P", str(WORKER), str(deadline)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    if exchange(process, "", START) != "ready\n":
        stop(process, os.getpid())
        raise EngineError(f"the process of 'math_answer' does not start; to see why run {' '.join(command)}")
    return process


def exchange(process: subprocess.Popen[str], request: str, seconds: float) -> str | None:
    """Send a line and read one; where none comes in time, end the process and return `None`."""
    assert process.stdin is not None and process.stdout is not None
    expired = Event()

    def expire() -> None:
        expired.set()
        process.kill()

    timer = Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    reply = ""
    try:
        with suppress(OSError):
            process.stdin.write(request)
            process.stdin.flush()
            reply = process.stdout.readline()
    finally:
        timer.cancel()
        timer.join()
        if expired.is_set() or not reply.endswith("\n"):
            stop(process, os.getpid())
    return reply if reply.endswith("\n") else None


def stop(process: subprocess.Popen[str], owner: int) -> None:
    """End the process and close its pipes; does nothing in a forked child, whose parent owns it."""
    if owner != os.getpid():
        return
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()
