"""The studio in a process of its own, as `tutelage studio` starts it, and a client that measures it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

__all__ = ["Client", "cpu_seconds", "served"]

TICKS = os.sysconf("SC_CLK_TCK")


class Client:
    """Asks one studio."""

    def __init__(self, url: str, process: int) -> None:
        self.url = url
        self.process = process

    def get(self, path: str, **query: Any) -> tuple[Any, float, int]:
        """Give an answer, the seconds until it was there, and its bytes."""
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        started = time.perf_counter()
        with urllib.request.urlopen(address, timeout=120) as answer:
            body = answer.read()
        return json.loads(body), time.perf_counter() - started, len(body)


def cpu_seconds(process: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def served(place: Path) -> Iterator[Client]:
    """Open the studio on a place."""
    command = [sys.executable, "-m", "tutelage", "studio", str(place), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Client(told["url"], process.pid)
    finally:
        process.terminate()
        process.communicate()
